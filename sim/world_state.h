// A world's state as a number: two worlds with the same number go the same way from here, whatever
// is done to both.
//
// A world is its bytes (decision 1), so the number is a hash of them: all live memory of its arena
// and the live part of every stack. Left out is only what no future can depend on:
//
//     the record        what has been: ring and digest
//     free memory       its content, and the order in which it will be handed out: nothing in a
//                       world depends on an address (docs/determinism.md)
//     counts            turns, switches, draws; who was passed over and gets which pin
//     order of the line who can be next is a set; the order in it is only whom a search tries first
//
// What differs although it does not matter (an address, a byte of padding, what an old call left on
// a stack) makes two equal states look different. That costs a search time, never an answer.
#pragma once

#include <cstdint>

#include "sim/sim_world.h"

namespace cowlab {

struct StateKey {
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    bool operator==(const StateKey&) const = default;
};

// Between two turns. `with_order`: the line's order counts too (a bounded search depends on it).
StateKey state_of(SimHost& host, SimWorld& world, bool with_order);

}  // namespace cowlab
