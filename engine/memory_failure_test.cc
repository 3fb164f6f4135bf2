// Every allocation that a kernel could see fail, failing once, and then all of them from some point
// on: an answer that says so or a snapshot that says Invalid, never a crash, a leak, a hang, or an
// origin write that fails (I21).
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "sim/sim_world_test_support.h"

namespace cowlab {
namespace {

const char* name_of_use(MemoryUse use) {
    constexpr const char* names[] = {"request",
                                     "device",
                                     "target",
                                     "store",
                                     "exception table",
                                     "completed exception",
                                     "pending exception",
                                     "copy job",
                                     "origin"};
    static_assert(sizeof names / sizeof *names == static_cast<std::size_t>(MemoryUse::count_));
    return names[static_cast<int>(use)];
}

// A scenario, line by line; each of its allocations fails in one of the runs.
struct Scenario {
    const char* name;
    const char* set_up;  // with memory
    std::vector<const char*> lines;
    const char* origin_device;
    // Origin sectors that the lines write, and with which seed: they must all be there.
    std::vector<std::pair<std::uint64_t, std::uint64_t>> origin_writes;
};

const Scenario scenarios[] = {
    {"devices, tables and reloads",
     "disk orig 64 fill 1\ndisk cow 128 zero",
     {"create a 0 64 linear @orig 0", "load a 0 32 linear @orig 0 ; 32 32 zero", "resume a",
      "create e 0 8 error", "suspend a", "load a 0 64 snapshot-origin @orig", "resume a",
      "rename e f", "remove f", "clear a"},
     nullptr,
     {}},
    {"a new snapshot and its first exceptions",
     "disk orig 64 fill 1\ndisk cow 256 zero\ncreate base 0 64 snapshot-origin @orig",
     {"suspend base", "create s 0 64 snapshot @orig @cow P 8", "resume base", "write base 0 1 2",
      "write s 9 1 3", "write s 16 8 4", "write base 24 20 2", "read s 0 64", "flush s",
      "status s"},
     "base",
     {{0, 2}, {24, 2}, {43, 2}}},
    {"two snapshots, one of them transient, and a reload",
     "disk orig 64 fill 1\ndisk cow 256 zero\ndisk cow2 256 zero\ncreate base 0 64 snapshot-origin "
     "@orig\n"
     "suspend base\ncreate s 0 64 snapshot @orig @cow P 8\nresume base\nwrite s 0 8 5",
     {"suspend base", "create t 0 64 snapshot @orig @cow2 N 16", "resume base", "write base 0 40 2",
      "write t 50 2 3", "suspend base", "suspend s", "load s 0 64 snapshot @orig @cow PO 8",
      "resume s", "resume base", "write base 60 4 6", "remove s",
      "create s 0 64 snapshot @orig @cow P 8", "write base 56 2 7"},
     "base",
     {{0, 2}, {39, 2}, {60, 6}, {56, 7}}},
    {"a merge",
     "disk orig 64 fill 1\ndisk cow 256 zero\ndisk cow2 256 zero\ncreate base 0 64 snapshot-origin "
     "@orig\n"
     "suspend base\ncreate s 0 64 snapshot @orig @cow P 8\ncreate t 0 64 snapshot @orig @cow2 P "
     "4\nresume base\n"
     "write s 0 24 5\nwrite s 40 3 6",
     {"suspend base", "suspend s", "load base 0 64 snapshot-merge @orig @cow P 8", "resume base",
      "remove s", "write base 50 4 7", "write base 4 2 8", "read base 0 64", "flush base",
      "mergewait base", "write base 62 2 9"},
     "base",
     {{50, 7}, {62, 9}}},
    {"discards",
     "disk orig 64 fill 1 lbs 512\ndisk cow 256 zero lbs 512",
     {"create s 0 64 snapshot @orig @cow P 8 2 discard_zeroes_cow discard_passdown_origin",
      "write s 0 16 2", "discard s 0 8", "discard s 9 20", "write s 30 4 3"},
     nullptr,
     {}},
};

class MemoryFailureTest : public testing::TestWithParam<std::tuple<int, SimMemory::Fail>> {
  protected:
    const Scenario& scenario() const { return scenarios[std::get<0>(GetParam())]; }
    SimMemory::Fail how() const { return std::get<SimMemory::Fail>(GetParam()); }
};

// One run with the n-th allocation failing; failed_one is false if there is no n-th.
struct Outcome {
    bool failed_one = false;
    std::vector<std::string> answers;
    std::vector<MemoryUse> failed_for;  // as of each line: what failed last
    MemoryUse use() const { return failed_for.empty() ? MemoryUse::count_ : failed_for.back(); }
};

Outcome run(const Scenario& scenario, std::uint64_t n, SimMemory::Fail how) {
    TestWorld w;
    SimMemory& memory = w.sim().sim_memory();
    const std::uint64_t blank = memory.held();
    w.ok(scenario.set_up);
    memory.fail_nth(n, how);
    Outcome out;
    for (const char* line : scenario.lines) {
        out.answers.push_back(w.run(line));
        out.failed_for.push_back(memory.last_failure());
        EXPECT_NE(out.answers.back(), "= hangs") << line << ", allocation " << n;
        const bool is_origin_write =
            scenario.origin_device != nullptr &&
            std::string(line).substr(0, 6 + std::string(scenario.origin_device).size()) ==
                std::string("write ") + scenario.origin_device;
        if (is_origin_write) {
            EXPECT_EQ(out.answers.back(), "= ok") << "INV-21: " << line << ", allocation " << n;
        }
        if (w.sim().has_failed_check()) return out;
    }
    out.failed_one = memory.failures() > 0;
    memory.fail_nth(0);

    // With memory again everything works as before, but for snapshots that say they are invalid.
    if (scenario.origin_device != nullptr) {
        for (const auto& [sector, seed] : scenario.origin_writes) {
            const std::string at = std::to_string(sector);
            EXPECT_EQ(w.contents("read orig " + at + " 1"), std::to_string(seed) + "@" + at + "+1")
                << "allocation " << n << " (" << name_of_use(out.use()) << ")";
        }
        EXPECT_EQ(w.run(std::string("write ") + scenario.origin_device + " 10 4 11"), "= ok");
    }
    EXPECT_TRUE(w.finish()) << "allocation " << n;
    for (BaseDisk& d : w.world().disks()) {
        const std::string name(d.name_view());
        w.ok("remove " + name);
    }
    EXPECT_EQ(memory.held(), blank)
        << "a leak after allocation " << n << " (" << name_of_use(out.use()) << ") failed";
    EXPECT_EQ(w.sim().sim_executor().fibers_active(), 0u);
    return out;
}

TEST_P(MemoryFailureTest, each_allocation_fails_and_the_world_goes_on) {
    const Outcome good = run(scenario(), 0, how());
    ASSERT_FALSE(good.failed_one);
    std::map<MemoryUse, int> failed;
    int answered = 0;
    int invalidated = 0;
    int unnoticed = 0;
    std::uint64_t n = 1;
    for (;; ++n) {
        const Outcome bad = run(scenario(), n, how());
        if (HasFailure()) {
            FAIL() << scenario().name << ": stopped at allocation " << n << " ("
                   << name_of_use(bad.use()) << ")";
        }
        if (!bad.failed_one) break;
        ++failed[bad.use()];
        ASSERT_LT(n, 2000u);
        // The first answer that is another one must say what happened.
        std::size_t first = 0;
        while (first < good.answers.size() && good.answers[first] == bad.answers[first]) ++first;
        if (first == good.answers.size()) {
            ++unnoticed;
            continue;
        }
        const std::string& answer = bad.answers[first];
        const std::string line = scenario().lines[first];
        if (answer.find("ENOMEM") != std::string::npos) {
            ++answered;
        } else if (answer == "= err EIO" || answer.find("Invalid") != std::string::npos) {
            ++invalidated;  // of a snapshot; origin writes were looked at above
        } else {
            // Spec §3.2: a store that cannot be created is always EINVAL.
            const MemoryUse use = bad.failed_for[first];
            EXPECT_TRUE(answer.find("EINVAL") != std::string::npos && use == MemoryUse::store)
                << line << " answered " << answer << " when allocation " << n << " ("
                << name_of_use(use) << ") failed";
            ++answered;
        }
    }
    std::printf("%s, %s: %lu allocations:", scenario().name,
                how() == SimMemory::Fail::once ? "once" : "from there on", n - 1);
    for (const auto& [use, count] : failed) std::printf(" %s %d", name_of_use(use), count);
    std::printf("; %d answered, %d made a snapshot fail, %d went unnoticed\n", answered,
                invalidated, unnoticed);
    EXPECT_GT(answered, 0);
}

TEST(MemoryFailure, with_only_its_reserve_left_a_snapshot_makes_exceptions_one_after_the_other) {
    // Spec §1: the pool never fails, but may sleep. Two exceptions in reserve, forty wanted at
    // once.
    SimOptions options;
    options.world.limits.pending_reserve = 2;
    TestWorld w(options);
    w.ok(
        "disk orig 320 fill 1\ndisk cow 640 zero\ncreate base 0 320 snapshot-origin @orig\nsuspend "
        "base");
    w.ok("create s 0 320 snapshot @orig @cow P 8\nresume base");
    Swarm swarm;
    swarm.latency_max_us = 50;
    w.sim().chooser().drive_randomly(2, swarm);
    w.sim().sim_memory().fail_nth(1, SimMemory::Fail::from_there_on, MemoryUse::pending_exception);
    w.ok("lane A write base 0 160 2\nlane B write s 160 80 3\nlane C write base 240 80 4\njoin");
    EXPECT_GT(w.sim().sim_memory().failures(), 38u);
    EXPECT_GT(w.world().events().marked(Mark::pool_waits), 0u);
    EXPECT_EQ(w.contents("read base 0 320"), "2@0+160 1@160+80 4@240+80");
    EXPECT_EQ(w.contents("read s 0 320"), "1@0+160 3@160+80 1@240+80");
    EXPECT_TRUE(w.finish());
}

INSTANTIATE_TEST_SUITE_P(
    Of, MemoryFailureTest,
    testing::Combine(testing::Range(0, static_cast<int>(sizeof scenarios / sizeof *scenarios)),
                     testing::Values(SimMemory::Fail::once, SimMemory::Fail::from_there_on)),
    [](const auto& info) {
        std::string name = scenarios[std::get<0>(info.param)].name;
        for (char& c : name) c = c == ' ' || c == ',' ? '_' : c;
        return name +
               (std::get<1>(info.param) == SimMemory::Fail::once ? "_once" : "_from_there_on");
    });

}  // namespace
}  // namespace cowlab
