// The scheduler of a simulated world: a virtual clock, and delays at yield points drawn from the
// Chooser. Latencies of requests are the disks' (sim_disk.h). With every choice at its default the
// world is FIFO and takes no time.
//
// With a Scheduler (sim/scheduler.h) it asks that one before each turn. Both ways go through the
// same turns: what a scheduler let wait is written down as a delay, and that delay, as a pin, has
// the same effect here without a scheduler.
#pragma once

#include "sim/chooser.h"
#include "sim/scheduler.h"
#include "world/fiber_executor.h"
#include "world/schedule.h"

namespace cowlab {

class SimExecutor final : public FiberExecutor {
  public:
    // `recording`: where it is kept when things happen; nullptr: nowhere.
    SimExecutor(Arena& arena, FiberStacks& stacks, Chooser& chooser, Schedule* recording = nullptr)
        : FiberExecutor(arena, stacks), chooser_(chooser), recording_(recording) {}

    void spawn(Task& task) override {
        if (is_plain(ReadyKind::fiber_task)) return FiberExecutor::spawn(task);
        add_ready({&task, 0, ReadyKind::fiber_task});
    }
    void post(Task& task) override {
        if (is_plain(ReadyKind::main_task)) return FiberExecutor::post(task);
        add_ready({&task, 0, ReadyKind::main_task});
    }
    void wake(Waiter& waiter) override {
        const bool plain = scheduler_ == nullptr && !chooser_.rests_matter();
        if (plain && !waiter.woken && waiter.fiber != Fibers::none)
            ++ready_seen_[static_cast<std::size_t>(ReadyKind::fiber)];
        if (plain) return FiberExecutor::wake(waiter);
        if (waiter.woken) return;
        waiter.woken = true;
        if (waiter.fiber == Fibers::none) return;
        ++ready_seen_[static_cast<std::size_t>(ReadyKind::fiber)];
        add_ready({nullptr, waiter.fiber, ReadyKind::fiber});
    }
    void yield(YieldPoint point) override;
    // A request whose fate was drawn just now (Chooser::choose_fate).
    void post_after(Task& task, std::uint64_t delay_us) {
        if (scheduler_ == nullptr || delay_us > 0) return FiberExecutor::post_after(task, delay_us);
        add_completion(task);
    }

    bool turn(Until until) {
        return scheduler_ == nullptr ? FiberExecutor::turn(until) : turn_by_choice(until);
    }
    bool turn_before(std::uint64_t us) {
        return scheduler_ == nullptr ? FiberExecutor::turn_before(us) : turn_by_choice_before(us);
    }
    bool is_quiet() const { return line_size_ == 0 && FiberExecutor::is_quiet(); }
    void abandon_everything() {
        line_size_ = 0;
        FiberExecutor::abandon_everything();
    }

    // Before the first turn. The scheduler stays the caller's. `clock_stands`: letting somebody
    // wait takes no time, so that equal states are equal (sim/schedule_search.h).
    void schedule_by(Scheduler& scheduler, bool clock_stands = false) {
        scheduler_ = &scheduler;
        clock_stands_ = clock_stands;
    }
    const ScheduleCount& schedule_count() const { return counted_; }
    const Candidate* line() const { return line_; }
    std::uint32_t line_size() const { return line_size_; }
    std::size_t line_block_bytes() const { return line_capacity_ * sizeof(Candidate); }

    Schedule* recording() const { return recording_; }

  private:
    static constexpr std::uint32_t no_chain = UINT32_MAX;
    // A piece of ready work that a pin holds back.
    struct Resting : Task {
        SimExecutor* executor;
        ReadyEntry entry;
    };

    bool is_plain(ReadyKind kind) {
        // Counted from the start, whether anybody is interested yet or not.
        ++ready_seen_[static_cast<std::size_t>(kind)];
        return scheduler_ == nullptr && !chooser_.rests_matter();
    }
    void add_ready(const ReadyEntry& entry);
    void add_completion(Task& task);
    void add(const Candidate& candidate);
    static void rested(Task& task);
    bool turn_by_choice(Until until);
    bool turn_by_choice_before(std::uint64_t us);
    bool pass_time(std::uint64_t until_us);
    bool choose(std::uint64_t until_us);
    void pass_over(std::uint32_t count);
    void make_late(Candidate& candidate);
    void run(const Candidate& candidate);
    std::uint32_t next_chain();
    std::uint64_t clock_us() const { return clock_stands_ ? clock_us_ : now_us(); }

    Chooser& chooser_;
    Schedule* recording_;
    Scheduler* scheduler_ = nullptr;
    bool clock_stands_ = false;
    bool in_turn_ = false;
    bool chain_goes_on_ = false;  // the present turn's chain has its next event
    std::uint32_t chain_ = no_chain;
    std::uint32_t chains_ = 0;    // since everything was quiet
    std::uint64_t clock_us_ = 0;  // if the world's own stands: what delays are counted in
    std::uint32_t ready_seen_[3] = {};
    Candidate* line_ = nullptr;
    std::uint32_t line_size_ = 0;
    std::uint32_t line_capacity_ = 0;
    ScheduleCount counted_;
};

}  // namespace cowlab
