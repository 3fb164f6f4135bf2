// An oracle that cannot fire proves nothing: over plain runs each of them looks.
#include <gtest/gtest.h>

#include "sim/scenario_run.h"
#include "sim/sim_world_test_support.h"

namespace cowlab {
namespace {

TEST(Oracles, each_of_them_looks_in_plain_runs_and_finds_nothing) {
    OracleEvaluations all;
    const std::uint64_t seeds = under_sanitizer ? 20 : 200;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        const GeneratedRun generated = generate(seed, profile_quick, {});
        RunSetup setup;
        setup.drive = &generated;
        setup.seed = seed;
        const RunResult run = run_scenario(test_host(), generated.scenario, setup);
        EXPECT_FALSE(run.verdict.failed) << "seed " << seed << ": " << run.verdict.text;
        for (std::uint32_t i = 0; i < OracleEvaluations::count; ++i)
            all.n[i] += run.evaluations.oracles.n[i];
    }
    for (std::uint32_t i = 0; i < OracleEvaluations::count; ++i)
        EXPECT_GT(all.n[i], 0u) << OracleEvaluations::words[i];
}

}  // namespace
}  // namespace cowlab
