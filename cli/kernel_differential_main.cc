// `kernel-differential --count N --seed S`: what ci/kernel-differential runs.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/kernel_differential.h"
#include "cli/run.h"
#include "cli/stop_signals.h"

int main(int argc, char** argv) {
    CLI::App app{"random scenarios in our engine and in Linux itself, compared",
                 "kernel-differential"};
    cowlab::DifferentialOptions options;
    app.add_option("--seed", options.seed, "the first seed")->default_str("1");
    app.add_option("--count", options.count, "how many")->default_str("100");
    app.add_option("--out", options.out, "where differences are written, shrunk");
    app.add_option("--without", options.without,
                   "switch a safety rule of our engine off: there must be a difference");
    app.add_option("--shrink-for", options.shrink_seconds, "seconds to shrink a difference");
    app.add_option("--runner", options.runner,
                   "the program for inside the kernel (default: the one beside this program)");
    app.add_flag("-v,--verbose", options.verbose, "a line for every scenario");
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& e) {
        return app.exit(e);
    } catch (const CLI::ParseError& e) {
        std::fprintf(stderr, "kernel-differential: %s: see --help\n", e.what());
        return 2;
    }
    cowlab::stop_on_signals();
    const auto result = cowlab::kernel_differential(options);
    std::fflush(stdout);
    if (result) return *result;
    std::fprintf(stderr, "kernel-differential: %s: %s\n", result.error().where.c_str(),
                 result.error().text.c_str());
    return 3;
}
