// Text and bytes to a stream, with the error as a value at the end.
#pragma once

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <string_view>

#include "base/result.h"

namespace cowlab::store {

// What a failed write of `where` means to the one who waits for it.
inline Error write_error(std::string where, int error) {
    switch (error) {
        case ENOSPC:
        case EDQUOT:
            return {Error::Kind::host, std::move(where),
                    "the disk is full: free some space or write to another disk"};
        case EIO:
        case ENXIO:
        case ENODEV:
            return {
                Error::Kind::host, std::move(where),
                fmt::format("cannot be written ({}): write to another disk", std::strerror(error))};
        case EPIPE:
            return {Error::Kind::stopped, std::move(where),
                    "the program that read the output has ended: run both again"};
        case EFBIG:
            return {Error::Kind::refused, std::move(where),
                    "the file would be larger than this file system or a limit allows: write to "
                    "another "
                    "one, or raise `ulimit -f`"};
        default:
            return {Error::Kind::refused, std::move(where),
                    fmt::format("cannot be written ({}): write to another place",
                                std::strerror(error))};
    }
}

class Printer {
  public:
    explicit Printer(std::FILE* out) : out_(out) {}

    template <class... Args>
    void print(fmt::format_string<Args...> format, Args&&... args) {
        line_.clear();
        fmt::format_to(std::back_inserter(line_), format, std::forward<Args>(args)...);
        write(line_.data(), line_.size());
    }
    void write(const void* data, std::size_t size) {
        if (error_ == 0 && std::fwrite(data, 1, size, out_) != size) error_ = errno;
    }
    bool failed() const { return error_ != 0; }
    Result<void> finish() {
        if (error_ == 0 && std::fflush(out_) != 0) error_ = errno;
        if (error_ != 0) return failure(write_error("standard output", error_));
        return {};
    }

  private:
    std::FILE* out_;
    int error_ = 0;
    fmt::memory_buffer line_;
};

}  // namespace cowlab::store
