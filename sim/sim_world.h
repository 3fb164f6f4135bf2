// A simulated world, whole: arena, clock, disks, engine; and its life in one process.
//
// What it has in common with the other worlds of ours is in world/hosted_world.h. save() and
// restore() copy the bytes of a world (decision 1): possible between any two turns, by the thread
// that runs it.
#pragma once

#include <vector>

#include "sim/sim_disk.h"
#include "sim/sim_memory.h"
#include "world/hosted_world.h"

namespace cowlab {

using SimHost = WorldHost;

struct SimOptions {
    WorldOptions world;
    CellMode cells = CellMode::tags;
    std::uint64_t memory_limit = std::uint64_t{1} << 40;
    std::uint64_t turns_max = UINT64_MAX;  // in all: more is "stuck"
    Schedule* recording = nullptr;         // where it is kept when things happen
};

class SimWorld final : public RunningWorld<SimExecutor> {
  public:
    // Everything is in host.arena(), this object included.
    static SimWorld& create(SimHost& host, const SimOptions& options);

    Chooser& chooser() { return chooser_; }
    SimExecutor& sim_executor() { return executor_; }
    SimMemory& sim_memory() { return memory_; }

    // Platform
    Executor& executor() override { return executor_; }
    Memory& memory() override { return memory_; }
    Medium* create_medium(const MediumSpec& spec, DeviceNumber number, std::uint32_t actor,
                          DiskObserver* observer) override;
    void add_pin(const PinSpec& pin, std::uint32_t actor) override;
    void abandon_work() override;
    std::uint64_t now_us() const override { return executor_.now_us(); }
    void add_memory_fault(AllocationUse use, InjectTimes times, std::uint64_t nth) override {
        memory_.inject(use, times, nth);
    }
    std::uint64_t allocations_failed() const override { return memory_.failed_in_all(); }
    void hold_back_faults(bool hold) override { chooser_.allow_faults(!hold); }
    void count_power_loss(Purpose purpose) override {
        chooser_.count_delivered(FaultKind::power_loss, static_cast<std::uint32_t>(purpose));
    }

  private:
    SimWorld(SimHost& host, const SimOptions& options);
    SimExecutor& scheduler() override { return executor_; }

    Chooser chooser_;
    SimExecutor executor_;
    SimMemory memory_;
};

// The bytes of a world, to come back to.
class SavedWorld {
  public:
    // Between two turns.
    void save(SimHost& host, const SimWorld& world);
    void restore(SimHost& host, const SimWorld& world) const;
    std::size_t bytes() const { return arena_.size() + stacks_.size(); }

  private:
    struct Stack {
        std::byte* low;
        std::size_t size;
        std::size_t at;
    };
    std::vector<std::byte> arena_;
    std::vector<std::byte> stacks_;
    std::vector<Stack> index_;
};

}  // namespace cowlab
