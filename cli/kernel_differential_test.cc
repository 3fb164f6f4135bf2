// A short differential, so that every run of the tests asks Linux itself, and its vocabulary.
#include "cli/kernel_differential.h"

#include <gtest/gtest.h>

#include "scenarios/parse.h"
#include "scenarios/print.h"

namespace cowlab {
namespace {

TEST(KernelDifferential, TwentyRandomScenariosAgree) {
    KernelOracle oracle;
    if (const auto reason = oracle.why_not()) GTEST_SKIP() << *reason;
    SimHost host;
    TwoWorlds worlds(host, oracle, "");
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const auto difference = worlds.compare(scenario_for_kernel(seed, "6.1.176"));
        ASSERT_TRUE(difference.has_value()) << difference.error().text;
        EXPECT_FALSE(*difference) << "seed " << seed << ": " << (*difference)->text;
    }
    EXPECT_GT(worlds.steps(), 500u);
    EXPECT_GT(worlds.sectors(), 1000u);
}

TEST(KernelDifferential, ItsScenariosAreInTheKernelsWords) {
    std::size_t background = 0, faults = 0, merges = 0, mistakes = 0;
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        const Scenario scenario = scenario_for_kernel(seed, "6.1.176");
        EXPECT_EQ(first_foreign_line(scenario), std::nullopt);
        const auto again = parse(print(scenario), "printed");
        ASSERT_TRUE(again.has_value()) << again.error().where << again.error().text;
        for (const Step& s : again->steps) {
            background += s.verb == Verb::bg;
            faults += s.verb == Verb::fault;
            merges += s.verb == Verb::mergewait;
            mistakes += s.verb == Verb::message || s.verb == Verb::limits ||
                        s.verb == Verb::create_ro || s.verb == Verb::zeroout;
        }
    }
    EXPECT_GT(background, 100u);
    EXPECT_GT(faults, 100u);
    EXPECT_GT(merges, 100u);
    EXPECT_GT(mistakes, 100u);
}

}  // namespace
}  // namespace cowlab
