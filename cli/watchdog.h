// Inside a child: notices a turn that never ends, and says what a fatal signal was about.
//
// A timer of the child's own processor time (so that a busy machine accuses nobody) looks whether
// anything moved since it last looked: the executor's turns, the steps of the scenario, the beats
// of whatever runs outside of turns. If nothing did for several looks the child exits with
// `exit_stuck`. Nothing of the world is touched that a loop could have left half done.
//
// Handlers run on a stack of their own: the fiber's may be what is exhausted.
#pragma once

#include "cli/child_process.h"
#include "sim/sim_world.h"

namespace cowlab {

struct Patience {
    unsigned look_every_ms;  // of processor time
    unsigned looks;          // without a move, until it is stuck
};
inline constexpr Patience patience_of_a_campaign{50, 4};
// Shrinking tries many runs that never end; what comes out is looked at with patience again.
inline constexpr Patience patience_of_the_shrinker{4, 3};
// A scenario that somebody wrote may be larger than what is generated.
inline constexpr Patience patience_of_a_replay{100, 10};
// A disk that begins with an image: long work outside of turns.
inline constexpr Patience patience_with_images{500, 10};

// For the rest of this process's life. `stacks`: their guard pages are recognised; may be nullptr.
void watch_this_process(Board& board, const FiberStacks* stacks, Patience patience);
// The world that runs from now on; nullptr: none.
void watch_world(SimWorld* world);

}  // namespace cowlab
