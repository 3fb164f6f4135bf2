// An oracle that cannot fire proves nothing: over plain runs each of them looks.
#include <gtest/gtest.h>

#include <algorithm>

#include "scenarios/parse.h"
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

// Found by --compat kernel, seed 31001801: after a power loss somebody merges s2 before s1 is there
// again. What the merge writes is no origin write that s1 could have been protected from.
TEST(Oracles, nothing_is_promised_to_a_snapshot_that_is_not_back_when_another_is_merged) {
    const auto scenario = parse(
        "cowlab 1\n"
        "disk orig 75 fill 1\n"
        "disk cow1 62 zero nocache\n"
        "disk cow2 114 zero\n"
        "create s1 0 75 snapshot @orig @cow1 P 1\n"
        "create s2 0 75 snapshot @orig @cow2 PO 8\n"
        "write s2 58 17 7\n"
        "power-loss losing everything\n"
        "create second 0 75 snapshot-merge @orig @cow2 P 8\n"
        "reload\n"
        "check\n"
        "read s1 64 1\n",
        "merged too early");
    ASSERT_TRUE(scenario) << scenario.error().text;
    const RunResult run = run_scenario(test_host(), *scenario, {});
    EXPECT_FALSE(run.verdict.failed) << run.verdict.text;
    // It does show what the merge wrote: without that there was nothing to keep silent about.
    ASSERT_EQ(run.answers.back().size(), 1u);
    EXPECT_NE(run.answers.back().front().find(" 7@64"), std::string::npos)
        << run.answers.back().front();
}

// `--mute WORD`, and every verdict in a file, must know the words that oracles fail with.
TEST(Oracles, each_of_them_can_be_named) {
    for (const std::string_view word : OracleEvaluations::words) {
        EXPECT_NE(std::find(std::begin(oracle_names), std::end(oracle_names), word),
                  std::end(oracle_names))
            << word << ": add it to oracle_names (scenarios/scenario.h)";
    }
}

// No disk hears of a request that a `fault` table fails; the snapshot above dies of it all the
// same.
TEST(Oracles, a_table_that_fails_requests_is_a_reason_to_die) {
    for (const char* fault : {"error", "bad 0 64", "flakey 0 600 1 error_writes"}) {
        const auto scenario = parse(std::string("cowlab 1\n"
                                                "disk orig 64 fill 1\n"
                                                "disk cow 64 zero\n"
                                                "create base 0 64 snapshot-origin @orig\n"
                                                "create s 0 64 snapshot @orig @cow P 8\n"
                                                "suspend base\n"
                                                "resume base\n"
                                                "fault cow ") +
                                        fault +
                                        "\n"
                                        "write base 0 8 2\n"
                                        "status s\n"
                                        "fault cow linear\n"
                                        "check\n",
                                    "a failing table");
        ASSERT_TRUE(scenario) << scenario.error().text;
        const RunResult run = run_scenario(test_host(), *scenario, {});
        EXPECT_FALSE(run.verdict.failed) << fault << ": " << run.verdict.text;
        ASSERT_EQ(run.answers.size(), 11u) << fault;
        EXPECT_EQ(run.answers[8].front(), "= 0 64 snapshot Invalid") << fault;
    }
}

// A merge begins before a snapshot that a power loss took comes back: at its resume the merge
// copies out, and a COW device without room is a reason to die. Found by seed 135083.
TEST(Oracles, a_snapshot_that_comes_back_into_a_merge_may_find_no_room) {
    const auto scenario = parse(
        "cowlab 1\ndisk orig 25 fill 1\ndisk cow1 6 zero\ndisk cow2 24 zero\n"
        "create c1 0 6 linear @cow1 0\ncreate base 0 25 snapshot-origin @orig\n"
        "create s1 0 25 snapshot @orig @c1 P 2\ncreate s2 0 25 snapshot @orig @cow2 P 4\n"
        "lane l0 write base 8 1 2\n"
        "power-loss after cow2 copy-write 2 issued keeping everything\nsleep 200\n"
        "write s2 24 1 3 fua\nnew t0\nrename t0 s1\npower-loss keeping everything\nreload\n"
        "write base 0 13 4\nfault orig delay 2 11\nsuspend s2\n"
        "load base 0 25 snapshot-merge @orig @cow2 P 4\nresume base\n"
        "create s1 0 25 snapshot @orig @c1 P 2\nstatus s1\n",
        "into a merge");
    ASSERT_TRUE(scenario) << scenario.error().text;
    const RunResult run = run_scenario(test_host(), *scenario, {});
    EXPECT_FALSE(run.verdict.failed) << run.verdict.text;
    EXPECT_EQ(run.answers.back().front(), "= 0 25 snapshot Invalid");
}

}  // namespace
}  // namespace cowlab
