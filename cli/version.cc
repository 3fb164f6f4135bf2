#include "cli/version.h"

#include <utility>

namespace cowlab {
namespace {
std::string& text() {
    static std::string value = "cowlab (library)";
    return value;
}
}  // namespace

void set_version_text(std::string value) { text() = std::move(value); }
const std::string& version_text() { return text(); }

}  // namespace cowlab
