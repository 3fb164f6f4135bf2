// What a machine does until it dies: an origin, snapshots that come and go, merges, writes from
// several users at the same time. It is the kernel that does it; the lines are drawn from a seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "device/kernel_oracle.h"
#include "scenarios/scenario.h"

namespace cowlab {

struct CrashWorkload {
    struct Disk {
        std::string name;  // orig, cow1, …
        Sectors size;
        KernelImage content;  // before the first line
    };
    std::vector<Disk> disks;
    bool blank = false;  // all COW devices are zeros
    // Lines on devices of the disks' names, which whoever runs them makes first.
    std::vector<Step> steps;
    // Before each line, and at the end: the devices whose tables are live, as `create` lines in
    // the order a machine would come back (a merge last).
    std::vector<std::vector<Step>> devices;
};

CrashWorkload crash_workload(std::uint64_t seed);

}  // namespace cowlab
