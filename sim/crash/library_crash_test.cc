// Every crash state of every scenario of the library: what it shows, it shows without a crash; here
// the power goes at each of its moments, and again in the recovery.
//
// The correct engine survives all of them. A file whose policy is another's (linux-*.scn, what
// verdicts of failure document) is explored as well: it must not take the explorer down.
#include <gtest/gtest.h>

#include "sim/crash/crash_explorer.h"
#include "sim/image_test_support.h"
#include "sim/scenario_library_test_support.h"
#include "sim/sim_world_test_support.h"

namespace cowlab {
namespace {

// Disks that lie are outside what any engine can promise (docs/guarantees.md).
bool is_of_the_correct_engine(const Scenario& s) {
    for (const Step& step : s.steps) {
        if (step.verb == Verb::inject && is_lie(step.inject.kind)) return false;
    }
    return s.header.policy == Policy::correct && s.header.without.empty() &&
           s.header.verdict.kind != ExpectedVerdict::Kind::fail;
}

TEST(CrashLibrary, TheCorrectEngineSurvivesEveryCrashStateOfEveryScenario) {
    CrashCoverage all;
    for (const std::string& file : library_files()) {
        SCOPED_TRACE(file);
        // Worlds that a lie of a disk makes, and their twins (docs/guarantees.md).
        if (file.substr(0, 9) == "envelope/") continue;
        const std::filesystem::path path = scenarios_root() / file;
        auto scenario = parse(read_file(path), file);
        ASSERT_TRUE(scenario);
        for (Step& s : scenario->steps) s.expected.clear();
        TestImages images(path.parent_path());
        CrashOptions options;
        options.branches_per_point = under_sanitizer ? 16 : 128;
        options.depth = 2;
        CrashExplorer explorer(test_host(), options);
        RunSetup setup;
        setup.images = &images;
        setup.terse_answers = true;
        setup.watcher = &explorer;
        run_scenario(test_host(), *scenario, setup);
        const CrashReport& report = explorer.report();
        all.add(report.total());
        if (!is_of_the_correct_engine(*scenario)) continue;
        EXPECT_EQ(report.failures, 0u)
            << (report.findings.empty() ? "" : report.findings.front().verdict.text)
            << "\n    see: cowlab crash scenarios/" << file << " --nested 2";
    }
    EXPECT_GT(all.checked, 1000u) << "nothing to speak of was explored";
    std::printf("%lu moments, %lu crash states checked\n", static_cast<unsigned long>(all.points),
                static_cast<unsigned long>(all.checked));
    test_host().arena().reset();
    test_host().arena().trim();
}

}  // namespace
}  // namespace cowlab
