// The scheduler of a simulated world: a virtual clock, and delays at yield points drawn from the
// Chooser. Latencies of requests are the disks' (sim_disk.h). With every choice at its default the
// world is FIFO and takes no time.
#pragma once

#include "sim/chooser.h"
#include "world/fiber_executor.h"
#include "world/schedule.h"

namespace cowlab {

class SimExecutor final : public FiberExecutor {
  public:
    // `recording`: where it is kept when things happen; nullptr: nowhere.
    SimExecutor(Arena& arena, FiberStacks& stacks, Chooser& chooser, Schedule* recording = nullptr)
        : FiberExecutor(arena, stacks), chooser_(chooser), recording_(recording) {}

    void yield(YieldPoint point) override {
        const ChoiceKey key{ChoiceKind::yield, 0, static_cast<std::uint64_t>(point)};
        const std::uint32_t delay_us = chooser_.choose(key, 1u << 20);
        if (recording_ != nullptr) recording_->add_yield(delay_us);
        yield_for(delay_us);
    }
    Schedule* recording() const { return recording_; }

  private:
    Chooser& chooser_;
    Schedule* recording_;
};

}  // namespace cowlab
