// What the simulator says of a scenario without faults holds on real disks: the same turns there
// leave the same bytes.
#include "cli/lockstep.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cli/device.h"
#include "scenarios/generate.h"
#include "scenarios/parse.h"

namespace cowlab {
namespace {

// As `quick`, with nothing that only a simulator can do.
constexpr Profile profile_whole{"whole", 60, 110, 3, 24, {0, 1}, {0, 1}, {3, 5}, {1, 4}, {0, 1}};
constexpr Sectors disk_max{1u << 17};
constexpr int runs_wanted = 100;

WorldHost& host() {
    static WorldHost h;
    return h;
}

// Why there can be no device world here; empty: there can.
std::string what_is_missing() {
    const auto there = device_world_is_there(default_device_dir());
    return there ? std::string{} : there.error().where + ": " + there.error().text;
}

MediaOptions own_files() {
    MediaOptions disks;
    disks.directory = default_device_dir();
    return disks;
}

bool fits_on_this_host(const Scenario& scenario) {
    for (const Step& s : scenario.steps) {
        if (s.verb == Verb::disk && s.count > disk_max) return false;
    }
    return !first_line_for_the_simulator(scenario, true);
}

TEST(Lockstep, a_hundred_random_runs_leave_the_same_bytes_on_real_disks) {
    if (const std::string missing = what_is_missing(); !missing.empty()) GTEST_SKIP() << missing;
    std::uint64_t requests = 0, contended = 0, sectors = 0, seed = 0;
    int runs = 0;
    for (; runs < runs_wanted && seed < 10 * runs_wanted; ++seed) {
        const GeneratedRun drawn = generate(seed + 1, profile_whole, {});
        if (!fits_on_this_host(drawn.scenario)) continue;
        RunSetup setup;
        setup.drive = &drawn;
        setup.seed = seed + 1;
        const auto r = run_in_lockstep(host(), drawn.scenario, setup, "seed", own_files());
        ASSERT_TRUE(r) << "seed " << seed + 1 << ": " << r.error().where << ": " << r.error().text;
        ASSERT_FALSE(r->simulated.failed) << "seed " << seed + 1 << ": " << r->simulated.text;
        ASSERT_EQ(r->difference, "") << "seed " << seed + 1;
        EXPECT_GE(r->completions, r->requests > 0 ? 1u : 0u);
        ++runs;
        requests += r->requests;
        contended += r->contended;
        sectors += r->sectors;
    }
    fmt::print("{} runs (seeds 1-{}): {} device I/Os, {} of them contended; {} sectors compared\n",
               runs, seed, requests, contended, sectors);
    EXPECT_EQ(runs, runs_wanted);
    // Runs in which nothing happens would agree as well.
    EXPECT_GT(requests, std::uint64_t{runs_wanted} * 50);
}

LockstepResult in_lockstep(const std::string& text) {
    const auto scenario = parse(text, "test");
    EXPECT_TRUE(scenario) << (scenario ? "" : scenario.error().text);
    const auto r = run_in_lockstep(host(), *scenario, {}, "test", own_files());
    EXPECT_TRUE(r) << (r ? "" : r.error().text);
    return r ? *r : LockstepResult{};
}

constexpr const char* two_writes =
    "lane a write d 0 8 1\n"
    "lane b write d 0 8 2\n"
    "join\n"
    "read d 0 8\n";

TEST(Lockstep, of_two_writes_to_one_place_the_one_that_the_schedule_ends_last_is_there) {
    if (const std::string missing = what_is_missing(); !missing.empty()) GTEST_SKIP() << missing;
    const std::string begin = "cowlab 1\ndisk d 64 zero\n";
    const LockstepResult fifo = in_lockstep(begin + two_writes);
    EXPECT_EQ(fifo.difference, "");
    EXPECT_EQ(fifo.contended, 2u);
    EXPECT_NE(fifo.answers.back().front().find(" 2@0+8"), std::string::npos);
    // The first write is late: it ends after the second, on the real disk as well.
    const LockstepResult late = in_lockstep(begin + "pin d forwarded.write 1 500\n" + two_writes);
    EXPECT_EQ(late.difference, "");
    EXPECT_EQ(late.contended, 2u);
    EXPECT_NE(late.answers.back().front().find(" 1@0+8"), std::string::npos);
}

TEST(Lockstep, is_lost_as_soon_as_the_engine_asks_for_something_else) {
    if (const std::string missing = what_is_missing(); !missing.empty()) GTEST_SKIP() << missing;
    const auto scenario = parse("cowlab 1\ndisk d 64 zero\nwrite d 0 8 1\nwrite d 8 8 1\n", "test");
    const auto other = parse("cowlab 1\ndisk d 64 zero\nwrite d 0 8 1\nwrite d 8 16 1\n", "test");
    ASSERT_TRUE(scenario && other);
    Schedule schedule;
    RunSetup recorded;
    recorded.recording = &schedule;
    ASSERT_FALSE(run_scenario(host(), *scenario, recorded).verdict.failed);
    auto media = DeviceMedia::prepare(*other, "test", own_files());
    ASSERT_TRUE(media) << media.error().text;
    DeviceSetup setup;
    setup.world.repeated = &schedule;
    const DeviceResult result = run_on_device(host(), *other, media->files(), setup);
    EXPECT_EQ(result.failed_step, 2u);
    EXPECT_NE(result.failure.find("lockstep is lost"), std::string::npos) << result.failure;
}

}  // namespace
}  // namespace cowlab
