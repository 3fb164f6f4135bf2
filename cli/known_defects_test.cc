// What a campaign finds under the kernel's policy is one of the kernel's known defects, by name.
#include "cli/known_defects.h"

#include <gtest/gtest.h>

#include <map>

#include "cli/finding.h"
#include "scenarios/generate.h"

namespace cowlab {
namespace {

TEST(KnownDefects, every_violation_of_the_first_seeds_under_the_kernels_policy_has_a_name) {
    SimHost host;
    std::map<std::string, int> found;
    for (std::uint64_t seed = 1; seed <= 400; ++seed) {
        GeneratedRun run = generate(seed, profile_quick, {});
        run.scenario.header.policy = Policy::kernel;
        RunSetup setup;
        setup.drive = &run;
        setup.seed = seed;
        setup.terse_answers = true;
        const RunResult result = run_scenario(host, run.scenario, setup);
        if (!result.verdict.failed) continue;
        const Scenario complete = complete_scenario(run.scenario, result);
        const std::string name = known_defect(host, {}, complete);
        EXPECT_NE(name, "") << "seed " << seed << ": " << result.verdict.text;
        ++found[name];
    }
    for (const auto& [name, count] : found) std::printf("%-12s %d runs\n", name.c_str(), count);
    // The commonest: origin writes released before the header says invalid, and a boundary that
    // was captured before a smaller snapshot came.
    EXPECT_GT(found["L2"], 0);
    EXPECT_GT(found["L13"], 0);
}

TEST(KnownDefects, a_defect_that_no_repair_mends_is_not_a_known_one) {
    SimHost host;
    Scenario s;
    s.version = language_version;
    s.header.policy = Policy::kernel;
    Step disk;
    disk.verb = Verb::disk;
    disk.name = "d";
    disk.count = {8};
    Step read;
    read.verb = Verb::read;
    read.name = "d";
    read.count = {8};
    read.expected = {"= something else"};
    s.steps = {disk, read};
    EXPECT_EQ(known_defect(host, {}, s), "");
}

}  // namespace
}  // namespace cowlab
