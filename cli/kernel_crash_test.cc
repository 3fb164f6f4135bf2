// A short crash differential, so that every run of the tests asks Linux itself; and that its crash
// images are worth asking about.
#include "cli/kernel_crash.h"

#include <gtest/gtest.h>

#include <cstring>

#include "cli/crash_kernel.h"
#include "cli/crash_ours.h"
#include "scenarios/parse.h"
#include "scenarios/print.h"

namespace cowlab {
namespace {

bool has(const std::vector<Step>& lines, const char* word) {
    for (const Step& s : lines) {
        if (s.text.find(word) != std::string::npos) return true;
    }
    return false;
}

std::size_t valid_stores(const ImageSet& members) {
    std::size_t count = 0;
    for (const auto& [name, bytes] : members)
        count += bytes.size() > 8 && std::memcmp(bytes.data(), "SnAp\1", 5) == 0;
    return count;
}

TEST(KernelCrash, TenImagesEachWayAndAKilledKernelAgree) {
    KernelOracle oracle;
    if (const auto reason = oracle.why_not()) GTEST_SKIP() << *reason;
    CrashOptions options;
    options.ours = options.logged = 10;
    options.killed = 1;
    options.out = std::string(COWLAB_BINARY_DIR) + "/out/kernel-crash";
    CrashTotals totals;
    const auto result = kernel_crash(options, totals);
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(*result, 0) << "see " << options.out;
    EXPECT_EQ(totals.ours, 10u);
    EXPECT_EQ(totals.logged, 10u);
    EXPECT_EQ(totals.killed, 1u);
    EXPECT_EQ(totals.differences, 0u);
}

TEST(KernelCrash, OurPowerLossesLeaveStoresAndMergesUnderWay) {
    SimHost host;
    std::size_t images = 0, stores = 0, merges = 0;
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
        const auto image = our_crash(host, seed);
        if (!image) continue;
        ++images;
        stores += valid_stores(image->members);
        merges += has(image->devices, " snapshot-merge ");
        const Scenario probe = crash_probe(*image, seed, "6.1.176");
        EXPECT_EQ(first_foreign_line(probe), std::nullopt);
        const auto again = parse(print(probe), "printed");
        ASSERT_TRUE(again) << again.error().where << again.error().text;
    }
    EXPECT_GT(images, 30u);
    EXPECT_GT(stores, images / 2);
    EXPECT_GT(merges, 5u);
}

TEST(KernelCrash, WorkloadsHaveMergesSeveralSnapshotsAndUsersAtOnce) {
    std::size_t merges = 0, jobs = 0, both = 0;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        const CrashWorkload w = crash_workload(seed);
        ASSERT_EQ(w.devices.size(), w.steps.size() + 1);
        EXPECT_FALSE(w.devices.back().empty());
        for (const Step& s : w.steps) {
            merges += s.verb == Verb::mergewait;
            jobs += s.verb == Verb::bg;
        }
        for (const auto& lines : w.devices) {
            if (lines.size() < 3) continue;
            ++both;
            break;
        }
    }
    EXPECT_GT(merges, 50u);
    EXPECT_GT(jobs, 500u);
    EXPECT_GT(both, 30u);
}

}  // namespace
}  // namespace cowlab
