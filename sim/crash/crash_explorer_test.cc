// The explorer of crash states: its reductions change nothing but the time it takes, it finds what
// a power loss breaks, and what it finds stands alone.
#include "sim/crash/crash_explorer.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/prng.h"
#include "scenarios/print.h"
#include "sim/sim_world_test_support.h"

namespace cowlab {
namespace {

Scenario scenario_of(const std::string& lines) {
    auto parsed = parse("cowlab 1\n" + lines, "test");
    EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().text);
    return parsed ? *parsed : Scenario{};
}

// What an exploration came to.
struct Outcome {
    CrashReport report;
    std::set<std::uint64_t> views;
    std::set<std::string> verdicts;
};

Outcome explore(const Scenario& scenario, CrashOptions options, bool views = true) {
    Outcome outcome;
    options.branches_per_point = UINT64_MAX;
    if (views) options.on_view = [&](std::uint64_t view) { outcome.views.insert(view); };
    CrashExplorer explorer(test_host(), options);
    RunSetup setup;
    setup.terse_answers = true;
    setup.watcher = &explorer;
    run_scenario(test_host(), scenario, setup);
    outcome.report = explorer.report();
    for (const CrashFinding& f : outcome.report.findings)
        outcome.verdicts.insert(std::string(f.verdict.word) + " " +
                                std::to_string(f.verdict.invariant));
    return outcome;
}

// A world small enough that all its crash states can be tried one by one: chunks of a sector or
// two, a few writes, sometimes a merge; caches, atomic units, lost sectors that hold rubbish; in
// every fourth a kernel without the flush of 5.11, whose merges lose data.
Scenario small_world(std::uint64_t seed) {
    Prng rng(seed, 7);
    const std::uint64_t chunk = rng.below(2) + 1;
    const std::uint64_t size = chunk * 5;
    const auto cache = [&] { return rng.below(4) == 0 ? " nocache" : " cache"; };
    const auto extra = [&]() -> std::string {
        const std::uint64_t draw = rng.below(6);
        if (draw == 0) return " atomic 2";
        if (draw == 1) return " lost zero";
        if (draw == 2) return " lost garbage";
        return "";
    };
    const auto n = [](std::uint64_t v) { return std::to_string(v); };
    std::string text;
    if (seed % 4 == 3) text += "policy 4.12\nmute ordering\n";
    const bool two = rng.below(2) == 0;
    text += "disk orig " + n(size) + " fill 1" + cache() + extra() + "\n";
    text += "disk cow " + n(chunk * 12) + " zero" + cache() + extra() + "\n";
    if (two) text += "disk cow2 " + n(chunk * 12) + " zero" + cache() + "\n";
    text += "create base 0 " + n(size) + " snapshot-origin @orig\n";
    text += "create s 0 " + n(size) + " snapshot @orig @cow P " + n(chunk) + "\n";
    if (two) text += "create t 0 " + n(size) + " snapshot @orig @cow2 PO " + n(chunk) + "\n";
    const std::uint64_t writes = rng.between(1, 3);
    for (std::uint64_t i = 0; i < writes; ++i) {
        const bool on_base = rng.below(3) != 0;
        const std::uint64_t at = rng.below(size);
        const std::uint64_t count = rng.between(1, chunk + 1);
        text += std::string("write ") + (on_base ? "base " : "s ") + n(at) + " " +
                n(std::min(count, size - at)) + " ";
        text += n(10 + i) + "\n";
        if (rng.below(4) == 0) text += "flush base\n";
    }
    if (seed % 4 == 3 || rng.below(3) == 0) {
        text += "flush s\nsuspend base\nremove s\nload base 0 " + n(size) +
                " snapshot-merge @orig @cow P " + n(chunk) + "\nresume base\nmergewait base\n";
    }
    return scenario_of(text);
}

constexpr CrashReductions none{false, false, false, false};

TEST(CrashReductions, ChangeNeitherVerdictsNorViewsNorTheCountOfStates) {
    std::size_t failing = 0;
    CrashCount states = 0;
    std::uint64_t checked = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const Scenario world = small_world(seed);
        SCOPED_TRACE(print(world));
        CrashOptions options;
        options.findings_max = 1000;
        // What a state does after its recovery is not what is compared here.
        options.goes_on = false;
        options.reduce = none;
        const Outcome all = explore(world, options);
        const CrashCoverage brute = all.report.total();
        EXPECT_EQ(brute.represented, brute.raw);
        EXPECT_EQ(static_cast<CrashCount>(brute.checked), brute.raw) << "one by one";
        EXPECT_EQ(brute.symbolic, 0u);
        failing += all.verdicts.empty() ? 0 : 1;
        states += brute.raw;
        const CrashReductions cases[] = {{true, false, false, false},
                                         {false, true, false, false},
                                         {false, false, true, false},
                                         {false, false, false, true},
                                         {true, true, true, true}};
        for (const CrashReductions& reduce : cases) {
            SCOPED_TRACE(std::string("content ") + (reduce.content ? "on" : "off") + ", read set " +
                         (reduce.read_set ? "on" : "off") + ", protected store " +
                         (reduce.protected_store ? "on" : "off") + ", identical " +
                         (reduce.identical ? "on" : "off"));
            options.reduce = reduce;
            const Outcome some = explore(world, options);
            const CrashCoverage coverage = some.report.total();
            EXPECT_EQ(some.verdicts, all.verdicts);
            EXPECT_EQ(some.views, all.views);
            EXPECT_EQ(coverage.raw, brute.raw);
            EXPECT_EQ(coverage.represented, brute.raw);
            EXPECT_LE(coverage.checked, brute.checked);
            if (reduce.content && reduce.identical) checked += coverage.checked;
        }
    }
    EXPECT_GE(failing, 3u) << "some of these worlds must lose data, or nothing was compared";
    std::printf("%.0Lf states one by one; with all reductions %lu\n", states,
                static_cast<unsigned long>(checked));
}

// The walk over a leaf says of each image, by what was judged before, what loading it says.
TEST(CrashWalk, SaysOfEveryStateWhatLoadingItSays) {
    std::uint64_t refused = 0;
    std::uint64_t walked = 0;
    for (std::uint64_t seed = 3; seed <= 39; seed += 4) {
        const Scenario world = small_world(seed);
        SCOPED_TRACE(print(world));
        CrashOptions options;
        options.goes_on = false;
        options.reduce = {true, true, true, false};
        std::map<std::pair<std::uint64_t, std::uint64_t>, bool> known;
        options.on_state = [&](const CrashState& s) {
            walked += s.is_loaded ? 0 : 1;
            known[{s.point, s.image}] = s.is_allowed;
        };
        explore(world, options, false);
        options.reduce = {true, false, false, false};
        std::size_t states = 0;
        options.on_state = [&](const CrashState& s) {
            ++states;
            refused += s.is_allowed ? 0 : 1;
            const auto at = known.find({s.point, s.image});
            ASSERT_NE(at, known.end()) << "a state that was not walked over";
            EXPECT_EQ(at->second, s.is_allowed) << "moment " << s.point;
        };
        explore(world, options, false);
        EXPECT_EQ(states, known.size());
    }
    EXPECT_GE(refused, 10u) << "nothing was refused, so nothing was compared";
    EXPECT_GE(walked, 1000u);
}

const char* const merge_lines =
    "disk orig 32 fill 1 cache\ndisk cow 256 zero cache\n"
    "create base 0 32 snapshot-origin @orig\ncreate s 0 32 snapshot @orig @cow P 4\n"
    "write base 8 8 7\nflush base\nwrite s 16 4 8\nwrite base 17 2 9\n"
    "suspend base\nremove s\nload base 0 32 snapshot-merge @orig @cow P 4\nresume base\n"
    "mergewait base\n";

// Linux before 5.11 erases a merged record before the origin has its data. The state that shows it
// is found, and its scenario needs nothing else.
TEST(CrashExplorer, FindsTheMergeThatForgetsToFlushAndTheScenarioStandsAlone) {
    const Scenario world = scenario_of("policy 4.12\nmute ordering\n" + std::string(merge_lines));
    const Outcome found = explore(world, {}, false);
    ASSERT_EQ(found.verdicts, std::set<std::string>{"durability 15"});
    const CrashFinding& f = found.report.findings.front();
    Scenario alone = world;
    alone.steps = f.pins;
    alone.steps.insert(alone.steps.end(), f.lines.begin(), f.lines.end());
    const RunResult again = run_scenario(test_host(), alone, {});
    EXPECT_TRUE(again.verdict.is_like(f.verdict)) << again.verdict.text << "\n" << print(alone);
    EXPECT_EQ(again.pins_met, again.pins_total);
}

TEST(CrashExplorer, HasNothingToSayOfTheCorrectEngine) {
    CrashOptions options;
    options.depth = 3;
    const Outcome outcome = explore(scenario_of(merge_lines), options, false);
    EXPECT_EQ(outcome.report.failures, 0u)
        << (outcome.report.findings.empty() ? "" : outcome.report.findings.front().verdict.text);
    EXPECT_TRUE(outcome.report.total().is_exhaustive());
    EXPECT_GT(outcome.report.of[static_cast<int>(CrashEventClass::in_recovery)].points, 0u)
        << "a merge goes on at a reload, and the power may go then";
}

// A run with an explorer at its side is the run without.
TEST(CrashExplorer, LeavesTheRunAsItIs) {
    const Scenario world = scenario_of(merge_lines);
    CrashExplorer explorer(test_host(), {});
    RunSetup setup;
    setup.watcher = &explorer;
    const RunResult with = run_scenario(test_host(), world, setup);
    EXPECT_GT(explorer.report().total().checked, 0u);
    const RunResult without = run_scenario(test_host(), world, {});
    EXPECT_EQ(with.digest, without.digest);
    EXPECT_EQ(with.answers, without.answers);
}

TEST(CrashExplorer, CountsTheSameTwice) {
    for (const std::uint64_t seed : {5, 6, 7}) {
        const Outcome a = explore(small_world(seed), {});
        const Outcome b = explore(small_world(seed), {});
        EXPECT_EQ(a.report.total().checked, b.report.total().checked);
        EXPECT_EQ(a.report.total().raw, b.report.total().raw);
        EXPECT_EQ(a.views, b.views);
    }
}

}  // namespace
}  // namespace cowlab
