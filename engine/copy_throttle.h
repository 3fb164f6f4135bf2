// Keeps the share of time with copy I/O in flight below a percentage (spec §11, default 100: off).
//
// Before each I/O: while the share is exceeded sleep 100 ms, at most ten times. The account is
// halved whenever it grows long, so that it speaks of the recent past.
#pragma once

#include "engine/engine.h"

namespace cowlab {

class CopyThrottle {
  public:
    explicit CopyThrottle(Engine& engine) : engine_(engine) {}

    // Fiber. Call before an I/O; ended() after it.
    void begin() {
        const std::uint32_t percent = engine_.limits.copy_throttle_percent;
        if (percent < 100) {
            for (int i = 0; i < sleeps_max && over(percent); ++i) {
                engine_.mark(Mark::copy_throttled);
                engine_.executor.sleep({sleep_ms});
            }
        }
        account();
        ++in_flight_;
    }
    void ended() {
        account();
        --in_flight_;
    }

  private:
    static constexpr std::uint64_t sleep_ms = 100;
    static constexpr int sleeps_max = 10;
    static constexpr std::uint64_t account_max_ms = 4096;

    bool over(std::uint32_t percent) {
        account();
        return busy_ms_ * 100 > total_ms_ * percent;
    }
    void account() {
        const std::uint64_t now = engine_.executor.now().value;
        const std::uint64_t passed = now - last_ms_;
        last_ms_ = now;
        total_ms_ += passed;
        if (in_flight_ > 0) busy_ms_ += passed;
        while (total_ms_ > account_max_ms) {
            total_ms_ /= 2;
            busy_ms_ /= 2;
        }
    }

    Engine& engine_;
    std::uint64_t last_ms_ = 0;
    std::uint64_t total_ms_ = 0;
    std::uint64_t busy_ms_ = 0;
    std::uint32_t in_flight_ = 0;
};

}  // namespace cowlab
