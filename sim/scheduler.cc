#include "sim/scheduler.h"

namespace cowlab {

std::uint32_t UniformScheduler::pick(const Candidate*, std::uint32_t count) {
    return static_cast<std::uint32_t>(rng_.below(count));
}

bool UniformScheduler::rests(std::uint32_t, const Candidate*, std::uint32_t count) {
    return rng_.below(count + 1) != 0;
}

PctScheduler::PctScheduler(std::uint64_t seed, std::uint32_t depth, std::uint32_t steps_expected)
    : rng_(seed, 98) {
    CHECK(depth >= 1, "PCT has a depth of 1 at least");
    CHECK(depth <= depth_max, "PCT's depth is small: the guarantee of a great one is nothing");
    Prng changes(seed, 99);
    changes_ = depth - 1;
    for (std::uint32_t i = 0; i < changes_; ++i) {
        change_at_[i] =
            static_cast<std::uint32_t>(changes.between(1, steps_expected > 0 ? steps_expected : 1));
    }
}

// Chains come into being while it runs; drawing each one's priority when it is first seen is the
// same as having drawn all of them before.
void PctScheduler::see(std::uint32_t chain) {
    if (priority(chain) == 0) priority(chain) = rng_.next() | std::uint64_t{1} << 32;
}

std::uint32_t PctScheduler::best(const Candidate* line, std::uint32_t count) {
    std::uint32_t best = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        see(line[i].chain);
        if (priority(line[i].chain) > priority(line[best].chain)) best = i;
    }
    return best;
}

std::uint32_t PctScheduler::pick(const Candidate* line, std::uint32_t count) {
    ++steps_;
    std::uint32_t next = best(line, count);
    for (std::uint32_t i = 0; i < changes_; ++i) {
        if (change_at_[i] != steps_) continue;
        priority(line[next].chain) = i + 1;  // below every priority that was drawn
        next = best(line, count);
    }
    return next;
}

bool PctScheduler::rests(std::uint32_t chain, const Candidate* line, std::uint32_t count) {
    ++steps_;
    see(chain);
    for (std::uint32_t i = 0; i < changes_; ++i) {
        const bool goes_on = priority(line[best(line, count)].chain) < priority(chain);
        if (change_at_[i] == steps_ && goes_on) priority(chain) = i + 1;
    }
    return priority(line[best(line, count)].chain) > priority(chain);
}

DelayScheduler::DelayScheduler(std::uint64_t seed, std::uint32_t delays,
                               std::uint32_t steps_expected)
    : delays_(delays < delays_max ? delays : delays_max) {
    Prng rng(seed, 99);
    for (std::uint32_t i = 0; i < delays_; ++i) {
        delay_at_[i] =
            static_cast<std::uint32_t>(rng.between(1, steps_expected > 0 ? steps_expected : 1));
    }
}

std::uint32_t DelayScheduler::due_now() {
    ++steps_;
    std::uint32_t due = 0;
    for (std::uint32_t i = 0; i < delays_; ++i) due += delay_at_[i] == steps_ ? 1 : 0;
    return due;
}

std::uint32_t DelayScheduler::pick(const Candidate*, std::uint32_t count) {
    const std::uint32_t due = due_now();
    return due < count ? due : count - 1;
}

bool DelayScheduler::rests(std::uint32_t, const Candidate*, std::uint32_t) { return due_now() > 0; }

}  // namespace cowlab
