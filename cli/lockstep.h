// Lockstep: one scenario twice, in the simulator and on real disks, through the same turns.
//
// The simulated run is recorded: when each request completes, how long each yield takes. On the
// device the same requests are real and are issued at once, and the engine is told of their ends in
// the recorded order. Answers, the digest over all that happened, and every sector of every disk
// must then be the same: if they are not, either the simulated disk is not what a disk is, or the
// device world is not.
#pragma once

#include "cli/run.h"
#include "device/device_run.h"
#include "sim/scenario_run.h"

namespace cowlab {

struct LockstepResult {
    Verdict simulated;              // what the judge says of the simulated run
    std::string difference;         // the first; empty: none
    std::vector<Answer> answers;    // the device's
    std::uint64_t requests = 0;     // on the device
    std::uint64_t completions = 0;  // out of the ring
    std::uint64_t contended = 0;    // requests whose order the disk would not have decided
    std::uint64_t sectors = 0;      // of images compared
};

// `setup`: as for run_scenario(); how the simulated run is driven. An error: the device world has
// no such disks.
Result<LockstepResult> run_in_lockstep(WorldHost& host, const Scenario& scenario,
                                       const RunSetup& setup, const std::string& file,
                                       const MediaOptions& disks);

}  // namespace cowlab
