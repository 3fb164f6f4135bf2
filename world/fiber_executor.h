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
    // Memory that only orders what is to come, and what is in it: events, as they will come.
    template <class F>
    void for_each_own_block(F&& f) const {
        f(heap_, heap_capacity_ * sizeof(Event));
        f(ready_.ring(), ready_.bytes());
    }
    // The i-th event by time, and then by age: when, and whose (a task, or else a fiber).
    struct Expected {
        std::uint64_t due_us;
        const Task* task;
        std::uint32_t fiber;
    };
    template <class F>
    void for_each_event(F&& f) const {
        std::uint64_t after_due = 0;
        std::uint64_t after_order = 0;
        for (std::uint32_t i = 0; i < heap_size_; ++i) {
            const Event* next = nullptr;
            for (std::uint32_t j = 0; j < heap_size_; ++j) {
                const Event& e = heap_[j];
                const bool seen =
                    e.due_us < after_due || (e.due_us == after_due && e.order < after_order);
                if (!seen && (next == nullptr || earlier(e, *next))) next = &e;
            }
            f(Expected{next->due_us, next->task, next->fiber});
            after_due = next->due_us;
            after_order = next->order + 1;
        }
    }

  protected:
    // Fiber only, for yield(): it goes on when `delay_us` have passed; 0: at once, as if it had
    // not yielded.
    void yield_for(std::uint64_t delay_us);
    void count_turn() { ++turns_; }
    bool has_ready() const { return !ready_.empty(); }
    void run_ready();
    // What is ready: a task for the main context, a task for a fiber, or a fiber.
    enum class ReadyKind : std::uint8_t { main_task, fiber_task, fiber };
    struct ReadyEntry {
        Task* task;
        std::uint32_t fiber;
        ReadyKind kind;
    };
    void run_entry(const ReadyEntry& entry);
    void push_ready(const ReadyEntry& entry) { ready_.push(entry); }
    // A task knows from here on that it is on its way, until run_entry().
    void link(Task& task) { linked_.push_back(task); }
    std::uint32_t this_fiber() const { return fibers_.current(); }
    void suspend_this_fiber() { fibers_.suspend(); }
    bool has_device_event() const { return device_events_ > 0; }
    Arena& arena() { return arena_; }
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
    void push_event(Event event);
    Event pop_event();
    void fire(const Event& event);
    void make_ready(std::uint32_t fiber);
    void resume(std::uint32_t fiber);
    static void fiber_entry(void* argument);

    Arena& arena_;
    Fibers fibers_;
    // One queue for all three kinds: order among them is FIFO.
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
        const ReadyEntry* ring() const { return ring_; }
        std::size_t bytes() const { return capacity_ * sizeof(ReadyEntry); }
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
