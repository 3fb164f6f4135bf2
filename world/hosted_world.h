// A world of ours with its memory and its life in one process: what the simulator and the device
// world have in common.
//
// WorldHost is what a process keeps: address space for the arena and the fiber stacks. A world
// lives inside it; making the next one forgets the last in O(1).
//
// A CHECK that fails inside ends the world, not the process: the fiber it failed on never runs
// again, the failure is kept for the verdict.
#pragma once

#include "world/fiber_executor.h"
#include "world/world.h"

namespace cowlab {

class WorldHost {
  public:
    static constexpr std::size_t arena_bytes_default = std::size_t{32} << 30;
    explicit WorldHost(std::size_t arena_bytes = arena_bytes_default, std::uint32_t fibers = 1024,
                       Arena::Seen seen = Arena::Seen::by_this_process)
        : arena_(arena_bytes, seen), stacks_(fibers) {}
    Arena& arena() { return arena_; }
    FiberStacks& stacks() { return stacks_; }

  private:
    Arena arena_;
    FiberStacks stacks_;
};

// Somebody who looks at a world between two of its turns. It may save the world, let it go on, and
// restore it: when it comes back, the world is as it was.
class TurnVisitor {
  public:
    virtual void between_turns() = 0;

  protected:
    ~TurnVisitor() = default;
};

class HostedWorld : public Platform, protected CheckHandler {
  public:
    World& world() { return *world_; }

    Arena& arena() override { return arena_; }
    Cells& cells() override { return cells_; }
    void request_stop() override { stop_requested_ = true; }
    // The visitor is called once, when the present turn has ended.
    void request_visit(TurnVisitor& visitor) { visitor_ = &visitor; }

    bool has_failed_check() const { return check_failed_; }
    const CheckFailure& failed_check() const { return failure_; }
    // More turns than it may take: something goes round for ever.
    virtual bool is_over_budget() const = 0;

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

  protected:
    struct Ended {};
    HostedWorld(Arena& arena, CellMode cells) : arena_(arena), cells_(arena, cells) {}
    // The world upon this platform; REQUIRES: the derived object is complete.
    void build_world(const WorldOptions& options);
    void check_failed(const CheckFailure& failure) override;
    virtual FiberExecutor& fibers() = 0;

    Arena& arena_;
    Cells cells_;
    World* world_ = nullptr;
    bool stop_requested_ = false;
    TurnVisitor* visitor_ = nullptr;
    bool check_failed_ = false;
    CheckFailure failure_{};
};

// How such a world runs on its executor: a FiberExecutor with its own
// turn() and turn_before().
template <class E>
class RunningWorld : public HostedWorld {
  public:
    Ran run_until(const bool& flag) override {
        E& e = scheduler();
        while (!flag) {
            if (stop_requested_) return Ran::stopped;
            if (over_budget(e) || !turned(e.turn(E::Until::forever))) return Ran::stuck;
        }
        return stop_requested_ ? Ran::stopped : Ran::done;
    }
    Ran run_until_quiet() override {
        E& e = scheduler();
        while (!stop_requested_) {
            if (over_budget(e)) return Ran::stuck;
            if (!turned(e.turn(E::Until::quiet))) return Ran::done;
        }
        return Ran::stopped;
    }
    Ran run_for(Milliseconds duration, const bool& flag) override {
        E& e = scheduler();
        const std::uint64_t until = e.now_us() + duration.value * 1000;
        while (!flag) {
            if (stop_requested_) return Ran::stopped;
            if (over_budget(e)) return Ran::stuck;
            if (!turned(e.turn_before(until))) {
                e.advance_to(until);
                return Ran::stuck;
            }
        }
        return stop_requested_ ? Ran::stopped : Ran::done;
    }
    Ran run_turns(std::uint64_t turns) override {
        E& e = scheduler();
        for (std::uint64_t i = 0; i < turns; ++i) {
            if (stop_requested_) return Ran::stopped;
            if (over_budget(e) || !turned(e.turn(E::Until::forever))) return Ran::stuck;
        }
        return stop_requested_ ? Ran::stopped : Ran::done;
    }
    bool is_over_budget() const override {
        return over_budget(const_cast<RunningWorld&>(*this).scheduler());
    }

  protected:
    RunningWorld(Arena& arena, CellMode cells, std::uint64_t turns_max)
        : HostedWorld(arena, cells), turns_max_(turns_max) {}
    virtual E& scheduler() = 0;
    FiberExecutor& fibers() override { return scheduler(); }

  private:
    bool turned(bool something_was_done) {
        if (visitor_ != nullptr) {
            TurnVisitor* visitor = visitor_;
            visitor_ = nullptr;
            if (!stop_requested_) visitor->between_turns();
        }
        return something_was_done;
    }
    bool over_budget(const E& e) const { return e.turns() > turns_max_; }
    std::uint64_t turns_max_;
};

}  // namespace cowlab
