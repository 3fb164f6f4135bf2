// Fibers: straight-line code that can wait, on stacks of its own, switched in about 15 ns.
//
// Two parts. FiberStacks is the stack memory: process-wide, with a guard page below every stack,
// reserved once. Fibers is the control block: which stacks run; plain data, so that it can live in
// an arena and be saved with it (with the live part of every stack). What a stack runs and where it
// is suspended stands at its top, so a world is as large as the fibers it uses, and a switch finds
// it where it goes anyway.
//
// The main context resumes a fiber; the fiber runs until it suspends or its entry returns, and
// control is back in the main context. Fibers never resume each other. A finished fiber parks: its
// stack stays warm and the next create() reuses it without building a new context.
//
// Nothing may be thrown out of an entry. Exceptions inside a fiber are fine, also across a
// suspend in a catch block: the C++ runtime's exception globals are saved at every switch.
// abandon_all() forgets suspended fibers without unwinding them: they must own nothing that
// only a destructor would give back.
//
// What was measured to be needed, and why: docs/decisions/0002-fibers.md.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cowlab {

// A sanitizer's frames are about three times as large; a stack is made for the deepest pile of
// mapped devices that is allowed, in every build.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COWLAB_BIG_FRAMES 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COWLAB_BIG_FRAMES 1
#endif
#endif

class FiberStacks {
  public:
#ifdef COWLAB_BIG_FRAMES
    static constexpr std::size_t stack_bytes = 512 * 1024;
#else
    static constexpr std::size_t stack_bytes = 128 * 1024;
#endif

    // Reserves `count` stacks. CHECKs that the host can.
    explicit FiberStacks(std::uint32_t count);
    ~FiberStacks();
    FiberStacks(const FiberStacks&) = delete;
    FiberStacks& operator=(const FiberStacks&) = delete;

    std::uint32_t count() const { return count_; }
    // One past the highest usable byte of stack `n`; usable bytes are [top - stack_bytes, top).
    // Neighbours begin at different places in a page: the frames of all fibers would share a few
    // sets of the cache otherwise.
    std::byte* top(std::uint32_t n) const {
        return base_ + (n + 1) * slot_bytes - n % colours * (colour_bytes / colours);
    }
    // Is this address in the page below a stack: was a stack exhausted?
    bool is_guard(const void* address) const {
        const auto* a = static_cast<const std::byte*>(address);
        return a >= base_ && a < base_ + slot_bytes * count_ &&
               static_cast<std::size_t>(a - base_) % slot_bytes < guard_bytes;
    }
    void* sanitizer_handle(std::uint32_t n) const { return handles_[n]; }

  private:
    static constexpr std::size_t guard_bytes = 4096;
    static constexpr std::size_t colour_bytes = 4096;
    static constexpr std::uint32_t colours = 16;
    static constexpr std::size_t slot_bytes = stack_bytes + colour_bytes + guard_bytes;
    std::byte* base_;
    std::uint32_t count_;
    void** handles_;
};

class Fibers {
  public:
    using Entry = void (*)(void* argument);
    static constexpr std::uint32_t none = UINT32_MAX;

    explicit Fibers(FiberStacks& stacks) : stacks_(&stacks) {}

    // A fiber that will run entry(argument) at its first resume. `none` when all stacks are in use.
    std::uint32_t create(Entry entry, void* argument);
    // Main context only. Runs the fiber until it suspends or ends; true if it has ended.
    bool resume(std::uint32_t fiber);
    // Fiber only. Back to the main context until resumed.
    void suspend();
    std::uint32_t current() const { return current_; }
    std::uint32_t active() const { return active_; }
    // Forgets all fibers; called from the main context.
    void abandon_all();
    // Fiber only: never comes back. The main context's resume() returns true.
    [[noreturn]] void leave_for_good();

    // The live part of every suspended stack, for saving a world. `copy` is called once a stack.
    // REQUIRES: called from the main context.
    struct LiveStack {
        std::uint32_t fiber;
        std::byte* low;
        std::size_t size;
        bool has_ended;  // it only waits for new work
    };
    template <class F>
    void for_each_live_stack(F&& f) const {
        for (std::uint32_t i = 0; i < started_; ++i) {
            Slot& s = slot(i);
            void* from = s.context == nullptr ? &s : s.context;  // one that left has its slot left
            auto* low = static_cast<std::byte*>(from);
            f(LiveStack{i, low, static_cast<std::size_t>(stacks_->top(i) - low),
                        s.context == nullptr || s.ended});
        }
    }
    // After stacks were written by hand (restore): what the sanitizers believe of them is void.
    void forget_sanitizer_state() const;

  private:
    // At the top of its stack, above the frames.
    struct alignas(64) Slot {
        void* context;  // where the fiber is suspended: its stack pointer
        Entry entry;
        void* argument;
        std::uint64_t exception_globals[2];
        std::uint32_t next_free;
        bool ended;
    };
    template <class Transfer>
    static void trampoline(Transfer t);
    void switch_to_main(bool for_good);
    Slot& slot(std::uint32_t n) const {
        return *reinterpret_cast<Slot*>(stacks_->top(n) - sizeof(Slot));
    }

    FiberStacks* stacks_;
    void* main_context_ = nullptr;
    std::uint32_t current_ = none;
    std::uint32_t started_ = 0;  // slots that were ever used in this life of the control block
    std::uint32_t free_ = none;
    std::uint32_t active_ = 0;
};

}  // namespace cowlab
