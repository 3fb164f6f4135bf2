// The figures of the crash explorer, on its reference workload (bench/crash-reference.scn).
//
// *Checked*: an image that the engine loaded, or one whose records, data and origin chunks were all
// loaded and judged before in other images of the same moment (sim/crash/crash_walk.h); distinct
// images are counted. *Loaded*: those that the engine loaded for themselves. *Generated*: distinct
// images, looked at by nobody.
#pragma once

#include <cstdint>

#include "scenarios/scenario.h"
#include "sim/sim_world.h"

namespace cowlab {

// Two persistent snapshots of an origin of 2,048 sectors, chunks of 8; `before` is the number of
// lines before the 100 origin writes whose crash states are explored.
Scenario crash_reference(std::size_t& before);

struct CrashRates {
    double checked_per_second = 0;
    double loaded_per_second = 0;
    double generated_per_second = 0;
    double reuse = 0;  // the part of the checked states that were not loaded
    std::uint64_t moments = 0;
    std::uint64_t refused = 0;
};
// About `seconds` of a core for each of the two rates.
CrashRates measure_crash_rates(SimHost& host, double seconds);

}  // namespace cowlab
