// The scheduler every world of ours has: fibers, tasks and timed events.
//
// Ready work runs first in, first out. When nothing is ready the clock jumps to the next event
// (time, then order of creation decide). All freedom is in *when* events are due, and that is not
// decided here: a simulated world draws latencies and delays, a real one has a real clock and
// completions that come when they come (`post`).
//
// Two kinds of events: `device` ones (a request completes, a yield ends) are what quiescence waits
// for; `clock` ones (sleep) are reached only when somebody lets time pass.
#pragma once

#include "base/arena.h"
#include "base/fiber.h"
#include "engine/port/executor.h"

namespace cowlab {

class FiberExecutor : public Executor {
  public:
    FiberExecutor(Arena& arena, FiberStacks& stacks)
        : arena_(arena), fibers_(stacks), ready_(arena) {}
    FiberExecutor(const FiberExecutor&) = delete;

    // Executor
    void spawn(Task& task) override;
    void post(Task& task) override;
    void wait(Waiter& waiter) override;
    void wake(Waiter& waiter) override;
    void sleep(Milliseconds duration) override;
    Milliseconds now() const override { return {now_us_ / 1000}; }
    bool on_fiber() const override { return fibers_.current() != Fibers::none; }
    std::uint64_t switches() const override { return switches_; }

    // A task posted when `delay_us` have passed (a request's completion).
    void post_after(Task& task, std::uint64_t delay_us);
    // Takes back a task posted with post_after() that has not run.
    void cancel(Task& task);

    enum class Until : std::uint8_t {
        quiet,    // nothing ready, no device event left; sleepers sleep on
        forever,  // nothing ready, no event left
    };
    // One turn. False: nothing was there to do (up to `until`).
    bool turn(Until until);
    // Lets time pass up to `us`, running what becomes due.
    bool turn_before(std::uint64_t us);
    std::uint64_t now_us() const { return now_us_; }
    void advance_to(std::uint64_t us) {
        if (us > now_us_) now_us_ = us;
    }
    bool is_quiet() const { return ready_.empty() && device_events_ == 0; }
    std::uint64_t turns() const { return turns_; }
    std::uint32_t fibers_active() const { return fibers_.active(); }

    // Fiber only: this fiber never runs again (a CHECK failed on it).
    [[noreturn]] void leave_for_good() { fibers_.leave_for_good(); }
    // The power is lost: every fiber, task and event is gone, the clock stays.
    void abandon_everything();

    const Fibers& fibers() const { return fibers_; }

  protected:
    // Fiber only, for yield(): it goes on when `delay_us` have passed; 0: at once, as if it had
    // not yielded.
    void yield_for(std::uint64_t delay_us);
    void count_turn() { ++turns_; }
    bool has_ready() const { return !ready_.empty(); }
    void run_ready();
    bool has_event() const { return heap_size_ > 0; }
    // REQUIRES: has_event().
    std::uint64_t next_due_us() const { return heap_[0].due_us; }
    void fire_next() { fire(pop_event()); }

  private:
    struct Event {
        std::uint64_t due_us;
        std::uint64_t order;
        Task* task;           // or, if nullptr,
        std::uint32_t fiber;  // a fiber to resume
        bool device;
    };
    static bool earlier(const Event& a, const Event& b) {
        return a.due_us != b.due_us ? a.due_us < b.due_us : a.order < b.order;
    }
    // What is ready: a task for the main context, a task for a fiber, or a fiber.
    enum class ReadyKind : std::uint8_t { main_task, fiber_task, fiber };
    void push_event(Event event);
    Event pop_event();
    void fire(const Event& event);
    void make_ready(std::uint32_t fiber);
    void resume(std::uint32_t fiber);
    static void fiber_entry(void* argument);

    Arena& arena_;
    Fibers fibers_;
    // One queue for all three kinds: order among them is FIFO.
    struct ReadyEntry {
        Task* task;
        std::uint32_t fiber;
        ReadyKind kind;
    };
    class ReadyQueue {
      public:
        explicit ReadyQueue(Arena& arena) : arena_(arena) {}
        void push(const ReadyEntry& e);
        ReadyEntry pop() {
            const ReadyEntry e = ring_[head_];
            head_ = (head_ + 1) & (capacity_ - 1);
            --size_;
            return e;
        }
        bool empty() const { return size_ == 0; }
        void clear() { size_ = head_ = 0; }

      private:
        Arena& arena_;
        ReadyEntry* ring_ = nullptr;
        std::uint32_t capacity_ = 0;
        std::uint32_t head_ = 0;
        std::uint32_t size_ = 0;
    } ready_;
    List<Task> linked_;  // tasks in ready_ are linked here, so that they know it
    Event* heap_ = nullptr;
    std::uint32_t heap_size_ = 0;
    std::uint32_t heap_capacity_ = 0;
    std::uint32_t device_events_ = 0;
    std::uint64_t next_order_ = 0;
    std::uint64_t now_us_ = 0;
    std::uint64_t switches_ = 0;
    std::uint64_t turns_ = 0;
};

}  // namespace cowlab
