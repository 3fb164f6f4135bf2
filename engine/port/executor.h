// Who runs what when. One executor runs one origin group (or one world), one turn at a time.
//
// A turn is: a fiber from where it waited to where it waits next, or one task in the main context.
// Nothing else runs in between, so what would be a lock in the kernel is simply not waiting; the
// NoYield guard checks that where it matters.
//
// Ordering: ready fibers and posted tasks run in the order they became ready (FIFO) unless the
// implementation was asked to choose differently; an engine may not rely on more than "later".
#pragma once

#include <cstdint>

#include "base/check.h"
#include "base/intrusive_list.h"
#include "base/units.h"

namespace cowlab {

// A piece of work that somebody owns; it must stay alive until `run` starts, not longer. It is
// linked from spawn() or post() until then.
struct Task : ListNode<> {
    void (*run)(Task& task) = nullptr;
};

// One waiting fiber, on that fiber's stack.
struct Waiter : ListNode<> {
    std::uint32_t fiber = UINT32_MAX;
    bool woken = false;
};

// The named places where the engine lets others run although it need not wait: each is a window
// that a kernel has, because there a lock is dropped (hazard H1) or memory is waited for.
enum class YieldPoint : std::uint8_t {
    allocate_pending_exception,  // spec §6.1 6a, §6.3: unlocked while the exception is allocated
    count_,
};
constexpr const char* name_of(YieldPoint p) {
    constexpr const char* names[] = {"allocate-pending-exception"};
    return names[static_cast<int>(p)];
}

class Executor {
  public:
    // Runs task.run on a fiber of its own, on a later turn.
    virtual void spawn(Task& task) = 0;
    // Runs task.run in the main context, on a later turn. It must not wait.
    virtual void post(Task& task) = 0;
    // Fiber only: not before wake(waiter). A wake that came first is not lost.
    virtual void wait(Waiter& waiter) = 0;
    virtual void wake(Waiter& waiter) = 0;
    // Fiber only: others may run.
    virtual void yield(YieldPoint point) = 0;
    virtual void sleep(Milliseconds duration) = 0;
    virtual Milliseconds now() const = 0;
    virtual bool on_fiber() const = 0;
    // How often any fiber waited or yielded so far: what NoYield compares.
    virtual std::uint64_t switches() const = 0;

  protected:
    ~Executor() = default;
};

// Fibers that wait for the same thing. Waking takes them off in the order they came.
class WaitQueue {
  public:
    void wait(Executor& executor) {
        Waiter waiter;
        waiters_.push_back(waiter);
        executor.wait(waiter);
    }
    void wake_one(Executor& executor) {
        if (!waiters_.empty()) executor.wake(waiters_.pop_front());
    }
    void wake_all(Executor& executor) {
        while (!waiters_.empty()) executor.wake(waiters_.pop_front());
    }
    bool empty() const { return waiters_.empty(); }

  private:
    List<Waiter> waiters_;
};

// Stands where an invariant of the engine is broken for a moment: nobody may wait inside.
class NoYield {
  public:
    explicit NoYield(const Executor& executor)
        : executor_(executor), switches_(executor.switches()) {}
    ~NoYield() {
        CHECK(executor_.switches() == switches_, "no fiber switch while an invariant is broken");
    }
    NoYield(const NoYield&) = delete;
    NoYield& operator=(const NoYield&) = delete;

  private:
    const Executor& executor_;
    std::uint64_t switches_;
};

}  // namespace cowlab
