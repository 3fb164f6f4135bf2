// The scheduler of the device world: its completions come out of a ring, its clock is real.
//
// When nothing is ready it waits for one completion, or for the first sleeper, whichever comes
// first; quiet is when nothing is ready and nothing is in flight.
//
// With a Schedule to repeat (lockstep) the clock is virtual and events come when they came in the
// recorded run. A request's event waits there for its own completion: the disks are real, the order
// is the recorded one.
#pragma once

#include "device/uring.h"
#include "world/fiber_executor.h"
#include "world/schedule.h"

namespace cowlab {

class DeviceExecutor final : public FiberExecutor {
  public:
    DeviceExecutor(Arena& arena, FiberStacks& stacks, Uring& ring, Schedule* repeated);

    void yield(YieldPoint point) override;

    bool turn(Until until);
    bool turn_before(std::uint64_t us);

    // nullptr: this world is free.
    Schedule* repeated() const { return repeated_; }
    // The engine asked for something that the recorded run did not.
    bool has_lost_step() const { return lost_step_; }
    void lose_step() { lost_step_ = true; }

  private:
    void keep_time();
    void wait_until(std::uint64_t us);

    Uring& ring_;
    Schedule* repeated_;
    std::uint64_t epoch_us_ = 0;  // of the host's clock, at our 0
    bool lost_step_ = false;
};

}  // namespace cowlab
