// A file that appears complete or not at all: written under another name beside its target, then
// synced and renamed over it. Blocks of zeros become holes.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

namespace cowlab::store {

class OutputFile {
  public:
    // Only makes files: a target that exists and is something else is refused.
    static Result<std::unique_ptr<OutputFile>> create(const std::string& target,
                                                      std::uint64_t bytes);
    ~OutputFile();  // removes what was not committed
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    // What is never written is zero. REQUIRES: inside the file.
    Result<void> write(std::uint64_t offset, std::span<const std::byte> data);
    // Durable under its name when this returns ok.
    Result<void> commit();

  private:
    OutputFile(std::string target, std::string temporary, int fd)
        : target_(std::move(target)), temporary_(std::move(temporary)), fd_(fd) {}

    std::string target_;
    std::string temporary_;
    int fd_;
};

}  // namespace cowlab::store
