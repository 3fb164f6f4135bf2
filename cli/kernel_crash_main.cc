// `kernel-crash --count N --seed S`: what ci/kernel-crash runs.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/kernel_crash.h"
#include "cli/stop_signals.h"

int main(int argc, char** argv) {
    CLI::App app{"crash images of our engine and of Linux, loaded by both, compared",
                 "kernel-crash"};
    cowlab::CrashOptions options;
    std::uint64_t count = 100;
    app.add_option("--seed", options.seed, "the first seed")->default_str("1");
    app.add_option("--count", count,
                   "images each way: N of our engine, N of Linux's write logs; and killed kernels, "
                   "one for ten")
        ->default_str("100");
    auto* killed = app.add_option("--killed", options.killed, "so many killed kernels");
    auto* ours = app.add_option("--ours", options.ours, "so many images of our engine");
    auto* logged = app.add_option("--logged", options.logged, "so many cuts of write logs");
    app.add_option("--out", options.out, "where differences are written, with their images");
    app.add_option("--shrink-for", options.shrink_seconds, "seconds to shrink a difference");
    app.add_option("--runner", options.runner,
                   "the program for inside the kernel (default: the one beside this program)");
    app.add_flag("-v,--verbose", options.verbose, "a line for every image");
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& e) {
        return app.exit(e);
    } catch (const CLI::ParseError& e) {
        std::fprintf(stderr, "kernel-crash: %s: see --help\n", e.what());
        return 2;
    }
    if (ours->count() == 0) options.ours = count;
    if (logged->count() == 0) options.logged = count;
    if (killed->count() == 0) options.killed = (count + 9) / 10;
    cowlab::stop_on_signals();
    cowlab::CrashTotals totals;
    const auto result = cowlab::kernel_crash(options, totals);
    std::fflush(stdout);
    if (result) return *result;
    std::fprintf(stderr, "kernel-crash: %s: %s\n", result.error().where.c_str(),
                 result.error().text.c_str());
    return 3;
}
