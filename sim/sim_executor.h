// The scheduler of a simulated world: fibers, tasks and timed events on a virtual clock.
//
// Ready work runs first in, first out. When nothing is ready the clock jumps to the next event
// (time, then order of creation decide). All freedom is in *when* events are due: latencies of
// requests and delays at yield points, both drawn from the Chooser; with every choice at its
// default the world is FIFO and takes no time.
//
// Two kinds of events: `device` ones (a request completes, a yield ends) are what quiescence waits
// for; `clock` ones (sleep) are reached only when somebody lets time pass.
#pragma once

#include "base/arena.h"
#include "base/fiber.h"
#include "engine/port/executor.h"
#include "sim/chooser.h"

namespace cowlab {

class SimExecutor final : public Executor {
  public:
    SimExecutor(Arena& arena, FiberStacks& stacks, Chooser& chooser);
    SimExecutor(const SimExecutor&) = delete;

    // Executor
    void spawn(Task& task) override;
    void post(Task& task) override;
    void wait(Waiter& waiter) override;
    void wake(Waiter& waiter) override;
    void yield(YieldPoint point) override;
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
    void run_ready();
    void fire(const Event& event);
    void make_ready(std::uint32_t fiber);
    void resume(std::uint32_t fiber);
    static void fiber_entry(void* argument);

    Arena& arena_;
    Chooser& chooser_;
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
