// Errors as values. Errc is what a block device or the device mapper answers (the kernel's names);
// Error is what a person reads; Result<T> is either a value or an Error and may not be ignored.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "base/errc.h"

namespace cowlab {

// What went wrong and what to do instead. `where` is FILE:LINE, FILE, or empty.
struct Error {
    enum class Kind {
        failed,   // a comparison, property or expectation failed (exit 1)
        usage,    // the command line is wrong (exit 2)
        refused,  // a file, its syntax, a permission, the environment (exit 3)
        stopped,  // no verdict: budget, signal, unmet pins (exit 4)
        host,     // the host's disk is full or its device vanished (exit 75)
    };
    Kind kind = Kind::refused;
    std::string where;
    std::string text;
};

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
  public:
    using tl::expected<T, Error>::expected;
};

inline tl::unexpected<Error> failure(Error e) { return tl::unexpected<Error>(std::move(e)); }
inline tl::unexpected<Error> refuse(std::string where, std::string text) {
    return failure({Error::Kind::refused, std::move(where), std::move(text)});
}

}  // namespace cowlab
