// The simulated machine's memory: one with a limit, in which chosen allocations fail.
//
// fail_nth(N) makes the N-th allocate() from now on answer nullptr, once or from there on; what is
// allocated from a reserve never fails, as in a kernel. A test loops N = 1, 2, … until nothing is
// left to fail (failures() stays 0): then every allocation of a run has failed once. With a Chooser
// each allocation is one of its choices as well, and `inject engine no-memory` adds rules by use.
#pragma once

#include "scenarios/verb.h"
#include "sim/chooser.h"
#include "world/limited_memory.h"

namespace cowlab {

class SimMemory final : public LimitedMemory {
  public:
    SimMemory(Arena& arena, std::uint64_t limit, Chooser* chooser = nullptr)
        : LimitedMemory(arena, limit), chooser_(chooser) {}

    void* allocate(std::size_t size, MemoryUse use) override {
        ++asked_for_[static_cast<std::size_t>(use)];
        return fails_now(use) || was_chosen(use) ? nullptr : LimitedMemory::allocate(size, use);
    }

    enum class Fail : std::uint8_t { once, from_there_on };
    // Counts calls of allocate() from here on, 1 is the next; 0: none fails any more. `use`: only
    // those of that use are counted (MemoryUse::count_: all).
    void fail_nth(std::uint64_t n, Fail how = Fail::once, MemoryUse use = MemoryUse::count_) {
        fail_in_ = n;
        fail_how_ = how;
        fail_use_ = use;
        failures_ = 0;
    }
    // How many allocations were made to fail since fail_nth(), and what the last was for.
    std::uint64_t failures() const { return failures_; }
    MemoryUse last_failure() const { return last_failure_; }

    // Allocations that could have failed, from the start of the world on.
    std::uint64_t asked_for(MemoryUse use) const {
        return asked_for_[static_cast<std::size_t>(use)];
    }

    // Of the three ways to fail: asked for by fail_nth(), drawn or injected, over the limit.
    std::uint64_t failed_in_all() const { return failures_ + refused_; }

    void inject(AllocationUse use, InjectTimes times, std::uint64_t nth) {
        if (rule_count_ < rules_max) rules_[rule_count_++] = {use, times, nth, 0, false};
    }
    void heal() { rule_count_ = 0; }

  private:
    bool fails_now(MemoryUse use) {
        if (fail_in_ == 0 || (fail_use_ != MemoryUse::count_ && fail_use_ != use)) return false;
        if (fail_in_ > 1) {
            --fail_in_;
            return false;
        }
        if (fail_how_ == Fail::once) fail_in_ = 0;
        ++failures_;
        last_failure_ = use;
        return true;
    }
    bool was_chosen(MemoryUse use) {
        bool fails = false;
        for (std::uint32_t i = 0; i < rule_count_; ++i) {
            Rule& r = rules_[i];
            if (r.spent || (r.use != AllocationUse::any &&
                            static_cast<unsigned>(r.use) != static_cast<unsigned>(use)))
                continue;
            ++r.seen;
            if (r.times == InjectTimes::nth && r.seen != r.nth) continue;
            r.spent = r.times != InjectTimes::sticky;
            fails = true;
        }
        if (chooser_ != nullptr && chooser_->may_fail_memory()) {
            const ChoiceKey key{ChoiceKind::memory, 0, static_cast<std::uint64_t>(use)};
            fails = chooser_->choose(key, 2) != 0 || fails;
        }
        if (!fails) return false;
        ++refused_;
        if (chooser_ != nullptr)
            chooser_->count_delivered(FaultKind::no_memory, static_cast<std::uint32_t>(use));
        return true;
    }

    struct Rule {
        AllocationUse use;
        InjectTimes times;
        std::uint64_t nth;
        std::uint64_t seen;
        bool spent;
    };
    static constexpr std::uint32_t rules_max = 64;

    Chooser* chooser_;
    Rule rules_[rules_max] = {};
    std::uint32_t rule_count_ = 0;
    std::uint64_t fail_in_ = 0;  // 1: the next one
    Fail fail_how_ = Fail::once;
    MemoryUse fail_use_ = MemoryUse::count_;
    std::uint64_t failures_ = 0;
    std::uint64_t asked_for_[static_cast<std::size_t>(MemoryUse::count_)] = {};
    MemoryUse last_failure_ = MemoryUse::count_;
};

}  // namespace cowlab
