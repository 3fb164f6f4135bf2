// A crash image: what the disks of a machine held when it died, and the devices it had.
//
// Whoever died (our engine in a simulated power loss, Linux in a cut of its write log or by
// SIGKILL), the image is looked at in the same way: crash_probe() is the scenario that starts from
// these disks, makes the devices again and asks them everything.
#pragma once

#include <string>
#include <vector>

#include "cli/memory_images.h"
#include "scenarios/scenario.h"

namespace cowlab {

struct CrashImage {
    std::string title;          // whose, for a person
    ImageSet members;           // DISK.img
    std::vector<Step> disks;    // `disk` lines that name the members
    std::vector<Step> devices;  // `create` lines in the order a machine would come back
    // The COW devices were blank before their stores were made, and nothing below lied: whoever
    // reads the stores has no reason to refuse one.
    bool must_load = false;
};

// `disk NAME SECTORS image NAME.img`, with the line's logical block size.
Step disk_with_image(const std::string& name, Sectors size, std::uint32_t lbs);

// Disks, devices, every status, table and sector; merges under way to their end and everything
// again; a few writes and everything again; a snapshot loaded anew after each of some writes; a
// merge of one snapshot and everything again. Nothing in it is known to be answered otherwise by
// `release`.
Scenario crash_probe(const CrashImage& image, std::uint64_t seed, const std::string& release);

}  // namespace cowlab
