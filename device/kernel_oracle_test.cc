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
