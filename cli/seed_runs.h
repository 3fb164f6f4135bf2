// From a seed to a run: what every process of a campaign agrees on.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "cli/directory_images.h"
#include "cli/run.h"
#include "sim/crash/crash_explorer.h"
#include "sim/scenario_run.h"

namespace cowlab {

// Everything but the seed. The same plan and seed are the same run, in whatever process.
struct Plan {
    Profile profile = profile_quick;
    Header header;  // its policy; limits are the generator's
    std::string strategy = "random";
    std::uint32_t depth = 3;         // of pct
    std::uint32_t delays = 2;        // of delays
    std::uint64_t crash_states = 0;  // branches of the explorer beside a run, at most
    StartImages start;
    std::string from;         // folder of the start images; empty: none
    std::string policy_note;  // what the command line overrides, for the first line
    std::string options_json;
    std::uint64_t digest = 0;  // of options_json; its last 8 digits name directories

    std::string digest_text() const;
    // For the first line.
    std::string strategy_note() const;
    GeneratedRun make(std::uint64_t seed) const;
    RunSetup setup(std::uint64_t seed, const GeneratedRun& run, ImageSource& images) const;
    // How crash states of this run are explored. REQUIRES: crash_states > 0.
    CrashOptions crash_options(std::uint64_t seed) const;
};

// A run that goes round for ever ends after so many turns.
inline constexpr std::uint64_t campaign_turns_max = 5'000'000;

Result<Plan> plan_of(const RunOptions& options);

}  // namespace cowlab
