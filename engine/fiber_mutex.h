// Mutual exclusion between fibers, in the order they came.
#pragma once

#include "engine/port/executor.h"

namespace cowlab {

class FiberMutex {
  public:
    void lock(Executor& executor) {
        if (!locked_) {
            locked_ = true;
            return;
        }
        waiters_.wait(executor);  // unlock() hands the lock over
    }
    void unlock(Executor& executor) {
        CHECK(locked_, "a mutex unlocked is locked");
        if (waiters_.empty()) {
            locked_ = false;
        } else {
            waiters_.wake_one(executor);
        }
    }
    bool is_locked() const { return locked_; }

  private:
    bool locked_ = false;
    WaitQueue waiters_;
};

class FiberLockGuard {
  public:
    FiberLockGuard(FiberMutex& mutex, Executor& executor) : mutex_(mutex), executor_(executor) {
        mutex_.lock(executor_);
    }
    ~FiberLockGuard() { mutex_.unlock(executor_); }
    FiberLockGuard(const FiberLockGuard&) = delete;
    FiberLockGuard& operator=(const FiberLockGuard&) = delete;

  private:
    FiberMutex& mutex_;
    Executor& executor_;
};

}  // namespace cowlab
