// Random scenarios: a seed and a profile in, a complete scenario out.
//
// Swarm: each seed first draws what kind of run it is (which operations, how often, what geometry,
// which faults), then the operations. Operations have preconditions as a user of dmsetup knows them
// (the origin is suspended while snapshots come and go; a merge takes over a snapshot that is gone
// or suspended), but not more: what a fault, a power loss or a user's mistake makes of them is
// answered by the world, and an answer may be an error.
//
// Bias: few hot places, chunk edges ±1, whole chunks, COW devices of every size near full.
// Streams: geometry, operations, swarm and faults by line draw from separate ones. The schedule,
// single faults and what survives a power loss are the Chooser's (sim/chooser.h); they are pinned
// in a scenario that failed. Faults that last (a disk that is gone, a stall, a sticky error) are
// `inject` lines of the scenario from the start.
#pragma once

#include <span>
#include <string>

#include "base/prng.h"
#include "scenarios/scenario.h"
#include "scenarios/swarm.h"

namespace cowlab {

struct Profile {
    std::string_view name;
    std::uint32_t operations_min;
    std::uint32_t operations_max;
    std::uint32_t snapshots_max;
    std::uint32_t origin_chunks_max;
    Ratio power_loss;   // of runs that lose power (once or more)
    Ratio faults;       // of runs in which requests may fail
    Ratio control;      // of runs that suspend, reload, remove
    Ratio nearly_full;  // of COW devices about as large as what they will hold
    Ratio unlimited;    // of runs with faults that leave the atlas: only safety is judged
};

inline constexpr Profile profile_quick{"quick", 60,      110,    3,      24,
                                       {2, 5},  {9, 10}, {3, 5}, {1, 4}, {1, 50}};
inline constexpr Profile profile_nightly{"nightly", 200,    500,    4,      96,
                                         {3, 5},    {3, 5}, {4, 5}, {1, 4}, {1, 25}};
inline constexpr Profile profile_hell{"hell",  500,     1500,    4,      64,
                                      {9, 10}, {9, 10}, {9, 10}, {1, 2}, {1, 2}};

// A world that starts from images instead of blank disks.
struct StartImages {
    std::string origin_member;  // empty: blank
    Sectors origin_size;
    std::string cow_member;
    Sectors cow_size;
    Sectors chunk;
};

struct GeneratedRun {
    Scenario scenario;
    Swarm swarm;                 // how the Chooser is to be driven
    std::size_t calm_steps = 0;  // the set-up: no faults are drawn there
    bool odd = false;            // a geometry that nobody would choose
    bool huge = false;           // an origin of terabytes
};

GeneratedRun generate(std::uint64_t seed, const Profile& profile, const StartImages& images);
// The same from a string of bytes instead of a seed (scenarios/draws.h): total, and the scenario
// ends with the bytes.
GeneratedRun generate(std::span<const std::uint8_t> bytes, const Profile& profile,
                      const StartImages& images);

}  // namespace cowlab
