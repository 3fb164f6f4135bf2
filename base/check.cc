#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace cowlab {
namespace {
thread_local CheckHandler* current_handler = nullptr;
}

CheckHandler* set_check_handler(CheckHandler* handler) {
    CheckHandler* before = current_handler;
    current_handler = handler;
    return before;
}

void check_failed(const CheckFailure& failure) {
    if (current_handler != nullptr) current_handler->check_failed(failure);
    std::fprintf(
        stderr,
        "cowlab: %s:%d: %s: (%s) does not hold: this is a bug of cowlab, please report it\n",
        failure.file, failure.line, failure.rule, failure.expression);
    std::abort();
}

}  // namespace cowlab
