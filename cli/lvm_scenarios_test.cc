// LVM's steps, recorded from LVM itself (scenarios/lvm), answered by Linux and by our engine alike.
//
// sim/scenario_library_test.cc holds the correct engine to these files, as to all scenarios; here
// are the kernel that starts here and the engine that behaves as a kernel does.
#include <gtest/gtest.h>

#include "cli/files.h"
#include "device/kernel_oracle.h"
#include "scenarios/parse.h"
#include "scenarios/print.h"
#include "sim/scenario_run.h"

namespace cowlab {
namespace {

struct Recorded {
    std::string name;
    Scenario scenario;
};

std::vector<Recorded> recorded_from_lvm() {
    const std::string folder = std::string(COWLAB_SOURCE_DIR) + "/scenarios/lvm";
    std::vector<Recorded> out;
    const auto names = list_files(folder, ".scn");
    for (const std::string& name : names.value()) {
        auto text = read_text_file(folder + "/" + name);
        auto scenario = parse(text.value(), name);
        if (!scenario) {
            ADD_FAILURE() << scenario.error().where << ": " << scenario.error().text;
            continue;
        }
        out.push_back({name, *scenario});
    }
    return out;
}

void expect_recorded_answers(const Recorded& recorded, const std::vector<Answer>& answers) {
    const std::vector<Step>& steps = recorded.scenario.steps;
    ASSERT_EQ(answers.size(), steps.size()) << recorded.name << ": not all lines are answered";
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const auto d = compare(steps[i].expected, answers[i]);
        EXPECT_FALSE(d) << recorded.name << ": " << print_line(steps[i])
                        << (d ? ": expected " + d->expected + ", got " + d->actual : "");
    }
}

TEST(LvmScenarios, EveryStoryHasARecordingAndEveryLineOfItAnAnswer) {
    const std::string folder = std::string(COWLAB_SOURCE_DIR) + "/scenarios/lvm";
    const std::vector<Recorded> all = recorded_from_lvm();
    EXPECT_EQ(all.size(), list_files(folder, ".lvm")->size()) << "ci/record-lvm makes the missing";
    for (const Recorded& r : all) {
        for (const Step& s : r.scenario.steps)
            EXPECT_FALSE(s.expected.empty()) << r.name << ": " << print_line(s);
    }
}

TEST(LvmScenarios, TheKernelThatStartsHereAnswersAsRecorded) {
    KernelOracle oracle;
    if (const auto reason = oracle.why_not()) GTEST_SKIP() << *reason;
    for (const Recorded& r : recorded_from_lvm()) {
        const auto result = oracle.run({r.scenario, {}});
        ASSERT_TRUE(result.has_value()) << r.name << ": " << result.error().text;
        expect_recorded_answers(r, result->answers);
    }
}

TEST(LvmScenarios, TheEngineThatBehavesAsAKernelAnswersAsRecorded) {
    SimHost host;
    for (Recorded& r : recorded_from_lvm()) {
        r.scenario.header.policy = Policy::kernel;
        expect_recorded_answers(r, run_scenario(host, r.scenario, {}).answers);
    }
}

}  // namespace
}  // namespace cowlab
