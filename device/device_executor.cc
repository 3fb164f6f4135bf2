#include "device/device_executor.h"

#include <ctime>

namespace cowlab {
namespace {

std::uint64_t host_clock_us() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(t.tv_nsec) / 1000;
}

}  // namespace

DeviceExecutor::DeviceExecutor(Arena& arena, FiberStacks& stacks, Uring& ring, Schedule* repeated)
    : FiberExecutor(arena, stacks), ring_(ring), repeated_(repeated), epoch_us_(host_clock_us()) {}

void DeviceExecutor::keep_time() { advance_to(host_clock_us() - epoch_us_); }

void DeviceExecutor::yield(YieldPoint) {
    std::uint64_t delay_us = 0;
    if (repeated_ != nullptr && !repeated_->next_yield(delay_us)) lose_step();
    yield_for(delay_us);
}

void DeviceExecutor::wait_until(std::uint64_t us) {
    const std::uint64_t left = us > now_us() ? us - now_us() : 0;
    if (ring_.in_flight() > 0) {
        ring_.wait(left);
    } else {
        const timespec t{static_cast<time_t>(left / 1'000'000),
                         static_cast<long>(left % 1'000'000 * 1000)};
        nanosleep(&t, nullptr);
    }
    keep_time();
}

bool DeviceExecutor::turn(Until until) {
    ring_.submit();
    ring_.reap();
    if (repeated_ != nullptr) return FiberExecutor::turn(until);
    keep_time();
    if (has_ready()) {
        count_turn();
        run_ready();
        return true;
    }
    if (ring_.in_flight() == 0 && (until == Until::quiet || !has_event())) return false;
    if (has_event() && next_due_us() <= now_us()) {
        count_turn();
        fire_next();
    } else if (has_event()) {
        wait_until(next_due_us());
    } else {
        ring_.wait();
        keep_time();
    }
    return true;
}

bool DeviceExecutor::turn_before(std::uint64_t us) {
    ring_.submit();
    ring_.reap();
    if (repeated_ != nullptr) return FiberExecutor::turn_before(us);
    keep_time();
    if (has_ready()) {
        count_turn();
        run_ready();
        return true;
    }
    if (has_event() && next_due_us() <= us && next_due_us() <= now_us()) {
        count_turn();
        fire_next();
        return true;
    }
    if (now_us() >= us) return false;
    wait_until(has_event() && next_due_us() < us ? next_due_us() : us);
    return true;
}

}  // namespace cowlab
