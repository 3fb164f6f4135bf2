// The differential: random scenarios in our engine (kernel policy) and in Linux itself, every
// answer compared, and at the end every disk byte for byte.
//
// A scenario of scenarios/generate.h is brought into the words a kernel understands: lanes become
// plain lines, or background jobs where a device is suspended; what only a laboratory can do goes;
// faults by table, and looks at status, table, info and content, come in. Where an answer or an
// image of a correct kernel may depend on timing, the scenario waits (a merge runs to its end
// before the next line) or the comparison knows it (an invalidated store: its header only).
#pragma once

#include <string>

#include "cli/two_worlds.h"

namespace cowlab {

struct DifferentialOptions {
    std::uint64_t seed = 1;
    std::uint64_t count = 100;
    std::string out = "out/kernel-differential";
    std::string without;  // a safety rule our engine goes without: a difference must be found
    std::uint32_t shrink_seconds = 60;
    bool verbose = false;
    std::string runner;  // empty: beside this program
};

// The scenario of a seed; nothing in it is known to be answered otherwise by `release`.
Scenario scenario_for_kernel(std::uint64_t seed, const std::string& release);

// The exit code: 0 when nothing differs, 1 otherwise.
Result<int> kernel_differential(const DifferentialOptions& options);

}  // namespace cowlab
