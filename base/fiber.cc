#include "base/fiber.h"

#include <cxxabi.h>
#include <sys/mman.h>

#include <boost/context/detail/fcontext.hpp>
#include <cstdlib>
#include <cstring>

#include "base/check.h"

#if defined(__SANITIZE_ADDRESS__)
#define COWLAB_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COWLAB_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define COWLAB_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define COWLAB_TSAN 1
#endif
#endif

#ifdef COWLAB_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#ifdef COWLAB_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace cowlab {
namespace {

namespace ctx = boost::context::detail;

// The main stack as AddressSanitizer last described it: per thread, not part of any world.
struct MainStack {
    const void* bottom = nullptr;
    std::size_t size = 0;
    void* fake_stack = nullptr;
    void* thread_fiber = nullptr;
};
[[maybe_unused]] thread_local MainStack main_stack;

void before_switch_to_fiber([[maybe_unused]] const FiberStacks& stacks,
                            [[maybe_unused]] std::uint32_t n) {
#ifdef COWLAB_ASAN
    __sanitizer_start_switch_fiber(&main_stack.fake_stack, stacks.top(n) - FiberStacks::stack_bytes,
                                   FiberStacks::stack_bytes);
#endif
#ifdef COWLAB_TSAN
    main_stack.thread_fiber = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(stacks.sanitizer_handle(n), 0);
#endif
}

void after_switch_to_main() {
#ifdef COWLAB_ASAN
    __sanitizer_finish_switch_fiber(main_stack.fake_stack, nullptr, nullptr);
#endif
}

// `for_good`: the frames of this fiber will never run again.
void before_switch_to_main([[maybe_unused]] void** fake_stack) {
#ifdef COWLAB_ASAN
    __sanitizer_start_switch_fiber(fake_stack, main_stack.bottom, main_stack.size);
#endif
#ifdef COWLAB_TSAN
    __tsan_switch_to_fiber(main_stack.thread_fiber, 0);
#endif
}

void after_switch_to_fiber([[maybe_unused]] void* fake_stack) {
#ifdef COWLAB_ASAN
    __sanitizer_finish_switch_fiber(fake_stack, &main_stack.bottom, &main_stack.size);
#endif
}

// Where the C++ runtime keeps them for this thread: asked once, a call into a library each time.
thread_local void* exception_globals = nullptr;

void swap_exception_globals(std::uint64_t (&mine)[2]) {
    std::uint64_t theirs[2];
    if (exception_globals == nullptr) exception_globals = abi::__cxa_get_globals();
    void* globals = exception_globals;
    std::memcpy(theirs, globals, sizeof theirs);
    std::memcpy(globals, mine, sizeof mine);
    std::memcpy(mine, theirs, sizeof mine);
}

}  // namespace

FiberStacks::FiberStacks(std::uint32_t count)
    : base_(nullptr),
      count_(count),
      handles_(static_cast<void**>(std::calloc(count, sizeof(void*)))) {
    void* hint = reinterpret_cast<void*>(0x1f0000000000ULL);
    void* p = mmap(hint, slot_bytes * count, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(p != MAP_FAILED, "the host has address space for fiber stacks");
    base_ = static_cast<std::byte*>(p);
    for (std::uint32_t i = 0; i < count; ++i) {
        CHECK(mprotect(base_ + i * slot_bytes, guard_bytes, PROT_NONE) == 0,
              "a guard page below every fiber stack");
#ifdef COWLAB_TSAN
        handles_[i] = __tsan_create_fiber(0);
#endif
#ifdef COWLAB_ASAN
        __lsan_register_root_region(top(i) - stack_bytes, stack_bytes);
#endif
    }
}

FiberStacks::~FiberStacks() {
    for (std::uint32_t i = 0; i < count_; ++i) {
#ifdef COWLAB_TSAN
        __tsan_destroy_fiber(handles_[i]);
#endif
#ifdef COWLAB_ASAN
        __lsan_unregister_root_region(top(i) - stack_bytes, stack_bytes);
        __asan_unpoison_memory_region(top(i) - stack_bytes, stack_bytes);
#endif
    }
    munmap(base_, slot_bytes * count_);
    std::free(handles_);
}

template <class Transfer>
void Fibers::trampoline(Transfer t) {
    auto* self = static_cast<Fibers*>(t.data);
    after_switch_to_fiber(nullptr);
    self->main_context_ = t.fctx;
    for (;;) {
        Slot& slot = self->slot(self->current_);
        slot.entry(slot.argument);
        slot.ended = true;
        self->switch_to_main(false);  // parked; comes back when the slot is created anew
    }
}

std::uint32_t Fibers::create(Entry entry, void* argument) {
    std::uint32_t n = free_;
    if (n != none) {
        free_ = slot(n).next_free;
    } else {
        if (started_ == stacks_->count()) return none;
        n = started_++;
#ifdef COWLAB_ASAN
        __asan_unpoison_memory_region(stacks_->top(n) - FiberStacks::stack_bytes,
                                      FiberStacks::stack_bytes);
#endif
        Slot& fresh = slot(n);
        fresh.context = ctx::make_fcontext(&fresh, FiberStacks::stack_bytes - sizeof(Slot),
                                           &Fibers::trampoline<ctx::transfer_t>);
        fresh.exception_globals[0] = fresh.exception_globals[1] = 0;
    }
    Slot& s = slot(n);
    s.entry = entry;
    s.argument = argument;
    s.ended = false;
    ++active_;
    return n;
}

bool Fibers::resume(std::uint32_t fiber) {
    CHECK(current_ == none, "only the main context resumes a fiber");
    CHECK(fiber < started_ && slot(fiber).context != nullptr, "a fiber resumed exists");
    Slot& s = slot(fiber);
    current_ = fiber;
    swap_exception_globals(s.exception_globals);
    before_switch_to_fiber(*stacks_, fiber);
    const ctx::transfer_t t = ctx::jump_fcontext(s.context, this);
    after_switch_to_main();
    swap_exception_globals(s.exception_globals);
    s.context = t.data == nullptr ? t.fctx : nullptr;
    current_ = none;
    if (!s.ended) return false;
    --active_;
    if (s.context != nullptr) {  // one that left for good does not give its stack back
        s.next_free = free_;
        free_ = fiber;
    }
    return true;
}

void Fibers::switch_to_main(bool for_good) {
    void* fake_stack = nullptr;
    before_switch_to_main(&fake_stack);
    const ctx::transfer_t t = ctx::jump_fcontext(main_context_, for_good ? this : nullptr);
    after_switch_to_fiber(fake_stack);
    main_context_ = t.fctx;
}

void Fibers::suspend() {
    CHECK(current_ != none, "only a fiber can suspend");
    switch_to_main(false);
}

void Fibers::leave_for_good() {
    CHECK(current_ != none, "only a fiber can leave");
    slot(current_).ended = true;
    switch_to_main(true);
    std::abort();  // not reached: nobody resumes a fiber without a context
}

void Fibers::abandon_all() {
    CHECK(current_ == none, "fibers are abandoned from the main context");
    started_ = 0;
    free_ = none;
    active_ = 0;
}

void Fibers::forget_sanitizer_state() const {
#ifdef COWLAB_ASAN
    for (std::uint32_t i = 0; i < started_; ++i) {
        __asan_unpoison_memory_region(stacks_->top(i) - FiberStacks::stack_bytes,
                                      FiberStacks::stack_bytes);
    }
#endif
}

}  // namespace cowlab
