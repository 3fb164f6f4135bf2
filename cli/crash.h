// `cowlab crash`: every crash state of a scenario.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/policy_options.h"

namespace cowlab {

struct CrashCommand {
    std::string file;
    PolicyOptions policy;
    bool exhaustive = false;
    std::uint64_t budget = 1024;
    std::uint32_t nested = 1;
    bool byte_cells = false;
    std::vector<std::string> without_reductions;
    std::string out = "out";
    std::uint64_t shrink_seconds = 5;
};
Result<int> crash(const CrashCommand& command);

}  // namespace cowlab
