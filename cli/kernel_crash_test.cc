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

TEST(KernelCrash, ACutLosesOnlyWhatNothingMadeDurable) {
    const auto write = [](std::uint64_t at, std::uint8_t with, bool fua) {
        WriteLogEntry e;
        e.sector = at;
        e.sectors = 2;
        e.fua = fua;
        e.data.assign(2 * sector_bytes, with);
        return e;
    };
    WriteLogEntry flush;
    flush.flush = true;
    const std::vector<WriteLogEntry> log{write(0, 1, false), flush, write(2, 2, false),
                                         write(4, 3, true), write(6, 4, false)};
    const KernelImage start(8 * sector_bytes, 0);
    Prng draw(1);
    std::size_t there = 0, torn = 0, gone = 0;
    for (int i = 0; i < 200; ++i) {
        const LogCut cut = cut_write_log(start, log, 4, draw);
        const auto at = [&](std::size_t sector) { return cut.bytes[sector * sector_bytes]; };
        EXPECT_TRUE(at(0) == 1 && at(1) == 1) << "a flush came after it";
        EXPECT_TRUE(at(4) == 3 && at(5) == 3) << "written with FUA";
        EXPECT_TRUE(at(6) == 0 && at(7) == 0) << "behind the cut";
        EXPECT_EQ(cut.undecided, 1u);
        there += at(2) == 2 && at(3) == 2;
        torn += at(2) == 2 && at(3) == 0;
        gone += at(2) == 0 && at(3) == 0;
    }
    EXPECT_GT(there, 20u);
    EXPECT_GT(torn, 5u);
    EXPECT_GT(gone, 50u);
    EXPECT_EQ(there + torn + gone, 200u);
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
