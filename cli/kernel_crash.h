// The crash differential: what one of the two left when it died, loaded by both.
//
//     A  our engine's images (a simulated power loss)               crash_ours.h
//     B  Linux's, cut from the log of its writes at any entry        crash_kernel.h
//     C  Linux's, left by SIGKILL                                    crash_kernel.h
//
// Every image is asked the same (crash_image.h) in our engine under `--compat kernel` and in Linux:
// every answer and, at the end, every disk must agree. The default engine is asked too: it may
// differ after one of its deviations has acted, and must accept what a crash of Linux leaves; the
// offline reader must find no damage in it.
#pragma once

#include <string>

#include "base/result.h"

namespace cowlab {

struct CrashOptions {
    std::uint64_t seed = 1;
    std::uint64_t ours = 100;
    std::uint64_t logged = 100;
    std::uint64_t killed = 10;
    std::string out = "out/kernel-crash";
    std::uint32_t shrink_seconds = 60;
    bool verbose = false;
    std::string runner;  // empty: beside this program
};

struct CrashTotals {
    std::uint64_t ours = 0, logged = 0, killed = 0;
    std::uint64_t differences = 0;
    std::uint64_t deliberate = 0;  // images in which the default engine differs, by a deviation
};

// The exit code: 0 when nothing differs, 1 otherwise, 4 when it was stopped.
Result<int> kernel_crash(const CrashOptions& options, CrashTotals& totals);

}  // namespace cowlab
