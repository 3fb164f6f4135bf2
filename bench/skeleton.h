// The bare fiber and disk loop: what a simulator of this kind costs before there is an engine.
//
// Eight clients on fibers, a lock a chunk, a disk with a volatile cache (an undo log), a toy
// copy-on-write (read the old chunk, write the copy, write metadata, write the origin), a model
// compared at every read, a seeded scheduler with a virtual clock, sectors as tags. No engine, no
// checkers, no records. Its rate is the ceiling that `cowlab bench` holds the simulator against.
#pragma once

#include <cstdint>

#include "base/fiber.h"

namespace cowlab {

struct SkeletonRun {
    std::uint64_t ios = 0;       // requests at the disks
    std::uint64_t compared = 0;  // sectors read and compared with the model
    std::uint64_t wrong = 0;     // of them, other than the model says: none, or the toy is broken
    std::uint64_t digest = 0;    // the same seed gives the same
};

// One world, from blank to its end: `operations` of the clients together. Uses the first stacks.
SkeletonRun run_skeleton(FiberStacks& stacks, std::uint64_t seed, std::uint32_t operations);

}  // namespace cowlab
