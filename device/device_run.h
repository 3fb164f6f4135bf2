// One scenario in the device world, from the first line to the end.
#pragma once

#include <functional>

#include "device/device_media.h"
#include "scenarios/answer.h"

namespace cowlab {

struct DeviceSetup {
    DeviceOptions world;
    // After each step; false stops the run there.
    std::function<bool(std::size_t step, const Answer& answer)> after_step;
    // With the disks as they are in the end, before the world goes.
    std::function<void(DeviceWorld& world)> at_end;
};

struct DeviceResult {
    std::vector<Answer> answers;
    std::string failure;  // what is wrong, from which step on; empty: nothing
    std::size_t failed_step = 0;
    std::uint64_t requests = 0;     // at the disks
    std::uint64_t completions = 0;  // out of the ring
    HostTrouble trouble;
};

// Not the scenario's fault: exit 75.
Error error_of(const HostTrouble& trouble);

// The first line that is not for this world, as `line N: …`: faults and power losses are the
// simulator's; pins choose a schedule, and only in lockstep there is one to choose.
std::optional<std::string> first_line_for_the_simulator(const Scenario& scenario, bool lockstep);

// REQUIRES: !Uring::why_not(); none of those lines.
DeviceResult run_on_device(WorldHost& host, const Scenario& scenario, const DiskFiles& files,
                           const DeviceSetup& setup);

}  // namespace cowlab
