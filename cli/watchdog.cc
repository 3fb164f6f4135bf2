#include "cli/watchdog.h"

#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace cowlab {
namespace {

Board* board = nullptr;
const FiberStacks* guarded_stacks = nullptr;
const SimExecutor* executor = nullptr;
unsigned looks_max = 0;
unsigned looks_still = 0;
std::uint64_t last_sum = 0;

void look(int) {
    const std::uint64_t turns = executor != nullptr ? executor->turns() : 0;
    const std::uint64_t sum = turns + board->step * 1'000'003 + board->beats * 7'919;
    looks_still = sum == last_sum ? looks_still + 1 : 0;
    last_sum = sum;
    if (looks_still >= looks_max) _exit(exit_stuck);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// Says what it can and raises the signal again, now with the default action, so that the parent
// sees the true one. A second fault in here ends in the same way.
void on_fatal(int number, siginfo_t* info, void* context) {
    if (info->si_code > 0) board->address = reinterpret_cast<std::uint64_t>(info->si_addr);
    board->in_guard_page = guarded_stacks != nullptr && guarded_stacks->is_guard(info->si_addr);
#if defined(__x86_64__)
    const auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
    board->frames[0] = static_cast<std::uint64_t>(registers[REG_RIP]);
    board->frame_count = 1;
    // Every function keeps its frame pointer (-fno-omit-frame-pointer).
    auto frame = static_cast<std::uint64_t>(registers[REG_RBP]);
    for (std::uint32_t n = 1; n < Board::frames_max && frame != 0 && frame % 8 == 0; ++n) {
        const auto* words = reinterpret_cast<const std::uint64_t*>(frame);
        if (words[1] == 0 || words[0] <= frame) break;
        board->frames[n] = words[1];
        board->frame_count = n + 1;
        frame = words[0];
    }
#else
    (void)context;
#endif
    std::raise(number);  // blocked in here: it arrives when this returns
}
#endif

}  // namespace

void watch_this_process(Board& b, const FiberStacks* stacks, Patience patience) {
    board = &b;
    guarded_stacks = stacks;
    looks_max = patience.looks;
    looks_still = 0;

    // Mapped, not allocated: a heap that is broken does not take it along.
    constexpr std::size_t stack_bytes = 64 * 1024;
    stack_t stack{};
    stack.ss_sp =
        mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack.ss_size = stack_bytes;
    if (stack.ss_sp != MAP_FAILED) sigaltstack(&stack, nullptr);

    struct sigaction action {};
    action.sa_flags = SA_ONSTACK | SA_RESTART;
    action.sa_handler = look;
    sigaction(SIGPROF, &action, nullptr);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    struct sigaction fatal {};
    fatal.sa_flags = SA_ONSTACK | SA_SIGINFO | static_cast<int>(SA_RESETHAND);
    fatal.sa_sigaction = on_fatal;
    for (const int s : {SIGSEGV, SIGBUS, SIGILL, SIGFPE}) sigaction(s, &fatal, nullptr);
#endif
    itimerval timer{};
    timer.it_interval.tv_usec = static_cast<suseconds_t>(patience.look_every_ms) * 1000;
    timer.it_value = timer.it_interval;
    setitimer(ITIMER_PROF, &timer, nullptr);
}

void watch_world(SimWorld* world) {
    executor = world != nullptr ? &world->sim_executor() : nullptr;
    ++board->beats;
}

}  // namespace cowlab
