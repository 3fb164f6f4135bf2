// Which part of a campaign this process does: asked for, or found in the environment that
// schedulers and test runners set for each of many processes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"

namespace cowlab {

struct Shard {
    std::uint64_t index = 1;  // 1 is the first
    std::uint64_t count = 1;
    std::string found_in;  // empty, --shard, or the variables

    // The k-th seed of this shard, of a campaign that begins with `first`.
    std::uint64_t seed(std::uint64_t first, std::uint64_t k) const {
        return first + (index - 1) + k * count;
    }
    // How many seeds of [first, last] are this shard's.
    std::uint64_t seeds_in(std::uint64_t first, std::uint64_t last) const {
        const std::uint64_t all = last - first + 1;
        return all < index ? 0 : (all - index) / count + 1;
    }
};

// `typed`: I/N, or empty: the environment is asked. `variable` is getenv, or a test's.
Result<Shard> find_shard(const std::string& typed,
                         const std::function<const char*(const char*)>& variable);

}  // namespace cowlab
