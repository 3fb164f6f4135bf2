// How wild a random run is: drawn once a run, so that runs differ in kind (swarm testing).
//
// Plain numbers: the generator draws them, the Chooser (sim/chooser.h) goes by them. Faults are
// drawn in two levels: which kinds this run knows at all, and how often one is met; `focus` is a
// purpose that is struck much more often than the others, since a purpose that comes up twice in a
// run is otherwise never met.
#pragma once

#include <cstdint>

#include "base/prng.h"

namespace cowlab {

struct Swarm {
    static constexpr std::uint32_t no_focus = UINT32_MAX;

    std::uint32_t latency_max_us = 0;  // 0: always FIFO
    Ratio slow{0, 1};                  // of requests
    std::uint32_t slow_max_us = 0;
    std::uint32_t yield_max_us = 0;
    Ratio fault{0, 1};                      // of requests while faults are allowed
    std::uint32_t fault_kinds = 2;          // bit k: choice k of ChoiceKind::fault may be drawn
    std::uint32_t fault_focus = no_focus;   // a Purpose
    Ratio focus_fault{0, 1};                // of requests with that purpose
    Ratio no_memory{0, 1};                  // of allocations that may fail
    std::uint32_t memory_focus = no_focus;  // only of this use
    Ratio survive{1, 2};                    // of volatile sectors that keep a newer version
    bool unlimited = false;                 // faults beyond the atlas (sim/atlas.h) too
};

}  // namespace cowlab
