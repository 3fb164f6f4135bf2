// The kernel as a world: it answers, its disks come back, and its death is an answer.
#include "device/kernel_oracle.h"

#include <gtest/gtest.h>

#include "device/kernel_differences.h"
#include "scenarios/parse.h"

namespace cowlab {
namespace {

KernelCase case_of(const std::string& text) {
    auto scenario = parse(text, "test");
    EXPECT_TRUE(scenario.has_value()) << (scenario ? "" : scenario.error().text);
    return {*scenario, {}};
}

class Kernel : public testing::Test {
  protected:
    void SetUp() override {
        if (const auto reason = oracle_.why_not()) GTEST_SKIP() << *reason;
    }
    KernelResult run(const std::string& text) {
        auto result = oracle_.run(case_of(text));
        EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().text);
        return result ? *result : KernelResult{};
    }
    KernelOracle oracle_;
};

constexpr const char* snapshot_write =
    "disk orig 64 fill 1\n"
    "disk cow 64 zero\n"
    "create base 0 64 snapshot-origin @orig\n"
    "suspend base\n"
    "create s 0 64 snapshot @orig @cow P 8\n"
    "resume base\n"
    "write base 0 8 2\n"
    "read s 0 8\n"
    "status s\n";

TEST_F(Kernel, AnswersAndItsDisksComeBack) {
    const KernelResult r = run(snapshot_write);
    ASSERT_EQ(r.answers.size(), 9u);
    EXPECT_EQ(r.answers[7], Answer{"= ok fnv=cd2195c4d2076965 1@0+8"});
    EXPECT_EQ(r.answers[8], Answer{"= 0 64 snapshot 24/64 16"});
    EXPECT_EQ(r.end, KernelResult::End::done);
    ASSERT_EQ(r.images.count("cow"), 1u);
    EXPECT_EQ(std::string(r.images.at("cow").begin(), r.images.at("cow").begin() + 4), "SnAp");
}

TEST_F(Kernel, OneBootServesManyCasesAndTheyDoNotMeet) {
    const KernelResult first = run(snapshot_write);
    const KernelResult second = run(snapshot_write);
    EXPECT_EQ(first.answers, second.answers);
    EXPECT_EQ(first.images, second.images);
    EXPECT_EQ(oracle_.boots(), 1u);
}

TEST_F(Kernel, ALineThatKillsItIsAnswered) {
    const std::string lines = "disk orig 64\ndisk cow 64\n";
    const KernelResult r = run(lines + "create m 0 64 snapshot-merge @orig @cow N 8\nstatus m\n");
    if (compare_releases(r.release, "6.1.192") >= 0) GTEST_SKIP() << r.release << " has no B45";
    EXPECT_EQ(r.end, KernelResult::End::oops);
    ASSERT_EQ(r.answers.size(), 3u);
    EXPECT_EQ(r.answers[2], Answer{"= oops"});
    const KernelResult next = run(snapshot_write);
    EXPECT_EQ(next.answers.size(), 9u);
    EXPECT_EQ(oracle_.boots(), 2u);
}

class KernelInQemu : public testing::Test {
  protected:
    static KernelOptions options() {
        KernelOptions out;
        out.machine = KernelMachine::qemu;
        return out;
    }
    void SetUp() override {
        if (const auto reason = oracle_.why_not()) GTEST_SKIP() << *reason;
    }
    KernelOracle oracle_{options()};
};

TEST_F(KernelInQemu, AnswersAsAUserModeLinuxDoesAndSoDoItsDisks) {
    KernelOracle uml;
    if (const auto reason = uml.why_not()) GTEST_SKIP() << *reason;
    for (int round = 1; round <= 2; ++round) {
        const auto here = oracle_.run(case_of(snapshot_write));
        const auto there = uml.run(case_of(snapshot_write));
        ASSERT_TRUE(here && there);
        EXPECT_EQ(here->answers, there->answers);
        EXPECT_EQ(here->images, there->images);
        EXPECT_NE(here->release, there->release);
    }
    EXPECT_EQ(oracle_.boots(), 1u);
}

TEST_F(KernelInQemu, AnImageThatACaseNamesArrives) {
    KernelCase one = case_of("disk d 2 image some\nread d 0 2\n");
    one.members["some"] = KernelImage(1024, 0);
    one.members["some"][512] = 1;
    const auto r = oracle_.run(one);
    ASSERT_TRUE(r.has_value());
    EXPECT_EQ(r->images.at("d"), one.members["some"]);
}

TEST_F(KernelInQemu, RunsNoScriptAndSaysWhere) {
    const auto r = oracle_.run_script("echo", 5);
    ASSERT_FALSE(r.has_value());
    EXPECT_NE(r.error().text.find("user-mode-linux"), std::string::npos) << r.error().text;
}

TEST(KernelDifferences, AreBoundToVersionAndLine) {
    EXPECT_LT(compare_releases("6.1.9", "6.1.176"), 0);
    EXPECT_EQ(compare_releases("6.1.0-56-cloud-amd64", "6.1"), 0);
    Step step;
    step.verb = Verb::create;
    step.text = "0 64 snapshot-merge @orig @cow N 8";
    EXPECT_NE(explain("6.1.176", step, "= oops"), nullptr);
    EXPECT_EQ(explain("6.1.192", step, "= oops"), nullptr);
    EXPECT_EQ(explain("6.1.176", step, "= ok"), nullptr);
    step.text = "0 64 snapshot-merge @orig @cow P 8";
    EXPECT_EQ(explain("6.1.176", step, "= oops"), nullptr);
}

TEST(KernelCases, WhatOnlyALaboratoryCanDoIsNamed) {
    EXPECT_FALSE(first_foreign_line(case_of("cowlab 1\ndisk d 8 zero lbs 512\n").scenario));
    EXPECT_TRUE(first_foreign_line(case_of("cowlab 1\ndisk d 8 zero cache\n").scenario));
    EXPECT_TRUE(first_foreign_line(case_of("cowlab 1\ndisk d 8\ncheck\n").scenario));
}

}  // namespace
}  // namespace cowlab
