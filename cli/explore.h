// `cowlab explore`: every workload of the small world, every crash state, every schedule within
// the bound.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/policy_options.h"

namespace cowlab {

struct ExploreOptions {
    std::uint32_t operations = 3;
    std::uint32_t nested = 2;
    std::uint32_t delays = 1;
    PolicyOptions policy;
    std::string shard;  // I/N; empty: as the environment says
    std::uint32_t jobs = 0;
    bool resume = false;
    std::string out = "out";
    std::vector<std::string> merge;  // the files of shards: put together, nothing is run
    std::uint64_t shrink_seconds = 5;
};
Result<int> explore(const ExploreOptions& options);

}  // namespace cowlab
