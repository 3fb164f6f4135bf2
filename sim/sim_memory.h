// The simulated machine's memory: an arena with a limit, in which chosen allocations fail.
//
// fail_nth(N) makes the N-th allocate() from now on answer nullptr, once or from there on; what is
// allocated from a reserve never fails, as in a kernel. A test loops N = 1, 2, … until nothing is
// left to fail (failures() stays 0): then every allocation of a run has failed once. With a Chooser
// each allocation is one of its choices as well, and `inject engine no-memory` adds rules by use.
#pragma once

#include "base/arena.h"
#include "engine/port/memory.h"
#include "scenarios/verb.h"
#include "sim/chooser.h"

namespace cowlab {

class SimMemory final : public Memory {
  public:
    // `limit`: bytes the engine may hold at once.
    SimMemory(Arena& arena, std::uint64_t limit, Chooser* chooser = nullptr)
        : arena_(arena), limit_(limit), chooser_(chooser) {}

    void* allocate(std::size_t size, MemoryUse use) override {
        if (fails_now(use) || was_chosen(use)) return nullptr;
        if (!could_hold(size)) {
            ++refused_;
            return nullptr;
        }
        void* p = arena_.allocate(size);
        if (p != nullptr) account(size);
        return p;
    }
    void* allocate_reserved(std::size_t size, MemoryUse) override {
        void* p = arena_.allocate(size);
        CHECK(p != nullptr, "a world's arena has room for what never fails");
        account(size);
        return p;
    }
    void free(void* block, std::size_t size, MemoryUse) override {
        if (block == nullptr) return;
        held_ -= size;
        arena_.free(block, size);
    }
    // What never fails may have taken more than the limit.
    bool could_hold(std::size_t bytes) const override {
        return held_ <= limit_ && bytes <= limit_ - held_;
    }

    // The machine starts again with empty memory.
    void forget() { held_ = 0; }

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

    // Of the three ways to fail: asked for by fail_nth(), drawn or injected, over the limit.
    std::uint64_t failed_in_all() const { return failures_ + refused_; }

    void inject(AllocationUse use, InjectTimes times, std::uint64_t nth) {
        if (rule_count_ < rules_max) rules_[rule_count_++] = {use, times, nth, 0, false};
    }
    void heal() { rule_count_ = 0; }

    std::uint64_t held() const { return held_; }
    std::uint64_t peak() const { return peak_; }

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
    void account(std::size_t size) {
        held_ += size;
        if (held_ > peak_) peak_ = held_;
    }

    struct Rule {
        AllocationUse use;
        InjectTimes times;
        std::uint64_t nth;
        std::uint64_t seen;
        bool spent;
    };
    static constexpr std::uint32_t rules_max = 64;

    Arena& arena_;
    std::uint64_t limit_;
    Chooser* chooser_;
    Rule rules_[rules_max] = {};
    std::uint32_t rule_count_ = 0;
    std::uint64_t refused_ = 0;
    std::uint64_t held_ = 0;
    std::uint64_t peak_ = 0;
    std::uint64_t fail_in_ = 0;  // 1: the next one
    Fail fail_how_ = Fail::once;
    MemoryUse fail_use_ = MemoryUse::count_;
    std::uint64_t failures_ = 0;
    MemoryUse last_failure_ = MemoryUse::count_;
};

}  // namespace cowlab
