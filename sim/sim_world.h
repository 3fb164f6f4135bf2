// A simulated world, whole: arena, clock, disks, engine; and its life in one process.
//
// SimHost is what a process keeps: address space for the arena and the fiber stacks. A SimWorld
// lives inside it; making the next one forgets the last in O(1). save() and restore() copy the
// bytes of a world (decision 1): possible between any two turns, by the thread that runs it.
//
// A CHECK that fails inside ends the world, not the process: the fiber it failed on never runs
// again, the failure is kept for the verdict.
#pragma once

#include <memory>
#include <vector>

#include "sim/sim_disk.h"
#include "sim/sim_memory.h"
#include "world/world.h"

namespace cowlab {

class SimHost {
  public:
    static constexpr std::size_t arena_bytes_default = std::size_t{32} << 30;
    explicit SimHost(std::size_t arena_bytes = arena_bytes_default, std::uint32_t fibers = 1024)
        : arena_(arena_bytes), stacks_(fibers) {}
    Arena& arena() { return arena_; }
    FiberStacks& stacks() { return stacks_; }

  private:
    Arena arena_;
    FiberStacks stacks_;
};

struct SimOptions {
    WorldOptions world;
    CellMode cells = CellMode::tags;
    std::uint64_t memory_limit = std::uint64_t{1} << 40;
    std::uint64_t turns_max = UINT64_MAX;  // in all: more is "stuck"
};

class SimWorld final : public Platform, private CheckHandler {
  public:
    // Everything is in host.arena(), this object included.
    static SimWorld& create(SimHost& host, const SimOptions& options);

    World& world() { return *world_; }
    Chooser& chooser() { return chooser_; }
    SimExecutor& sim_executor() { return executor_; }
    SimMemory& sim_memory() { return memory_; }

    // Platform
    Arena& arena() override { return arena_; }
    Executor& executor() override { return executor_; }
    Memory& memory() override { return memory_; }
    Cells& cells() override { return cells_; }
    Medium* create_medium(const MediumSpec& spec, DeviceNumber number, std::uint32_t actor,
                          DiskObserver* observer) override;
    void add_pin(const PinSpec& pin, std::uint32_t actor) override;
    Ran run_until(const bool& flag) override;
    Ran run_until_quiet() override;
    Ran run_for(Milliseconds duration, const bool& flag) override;
    Ran run_turns(std::uint64_t turns) override;
    void request_stop() override { stop_requested_ = true; }
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

    bool has_failed_check() const { return check_failed_; }
    const CheckFailure& failed_check() const { return failure_; }

    // Calls `body` so that a CHECK failing in the main context ends the world as well.
    // False: one did.
    template <class F>
    bool guarded(F&& body) {
        CheckHandler* before = set_check_handler(this);
        bool ok = true;
        try {
            body();
        } catch (const Ended&) {
            ok = false;
        }
        set_check_handler(before);
        return ok && !check_failed_;
    }

  private:
    struct Ended {};
    SimWorld(SimHost& host, const SimOptions& options);
    void check_failed(const CheckFailure& failure) override;
    bool over_budget() const { return executor_.turns() > options_.turns_max; }

    Arena& arena_;
    SimOptions options_;
    Chooser chooser_;
    SimExecutor executor_;
    SimMemory memory_;
    Cells cells_;
    World* world_ = nullptr;
    bool stop_requested_ = false;
    bool check_failed_ = false;
    CheckFailure failure_{};
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
