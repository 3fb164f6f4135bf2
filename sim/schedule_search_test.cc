// The reduced search says what the full one says: the same verdicts, answers and images, and the
// number of schedules it claims to stand for is the number there is.
#include "sim/schedule_search.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "sim/sim_world_test_support.h"

namespace cowlab {
namespace {

Scenario scenario_of(std::string_view lines) {
    auto parsed = parse("cowlab 1\n" + std::string(lines), "test");
    if (!parsed) {
        ADD_FAILURE() << parsed.error().text;
        return {};
    }
    return *parsed;
}

struct SmallWorld {
    const char* name;
    const char* lines;
    std::uint32_t delays_max = UINT32_MAX;
};
void PrintTo(const SmallWorld& w, std::ostream* os) { *os << w.name; }

const SmallWorld small_worlds[] = {
    {"two_writes_one_snapshot_two_chunks_within_three_deviations",
     "disk orig 2 fill 1\ndisk cow 8 zero\ncreate base 0 2 snapshot-origin @orig\n"
     "create s 0 2 snapshot @orig @cow P 1\n"
     "lane A write base 0 1 2\nlane B write base 1 1 3\njoin\n"
     "read s 0 2\nread base 0 2\nstatus s\n",
     3},
    {"a_write_and_a_read_of_the_snapshot",
     "disk orig 2 fill 1\ndisk cow 8 zero\ncreate base 0 2 snapshot-origin @orig\n"
     "create s 0 2 snapshot @orig @cow P 1\n"
     "lane A write base 0 1 2\nlane B read s 0 1\njoin\nread s 0 2\nstatus s\n"},
    {"two_snapshots_of_one_chunk",
     "disk orig 1 fill 1\ndisk cow 6 zero\ndisk cow2 6 zero\n"
     "create base 0 1 snapshot-origin @orig\ncreate s 0 1 snapshot @orig @cow P 1\n"
     "create t 0 1 snapshot @orig @cow2 P 1\n"
     "lane A write base 0 1 2\njoin\nread s 0 1\nread t 0 1\nstatus s\nstatus t\n"},
    {"a_write_through_the_snapshot_and_one_to_the_origin",
     "disk orig 1 fill 1 cache\ndisk cow 6 zero cache\ncreate base 0 1 snapshot-origin @orig\n"
     "create s 0 1 snapshot @orig @cow P 1\n"
     "lane A write base 0 1 2\nlane B write s 0 1 3\njoin\nread s 0 1\nread base 0 1\n"
     "status s\n",
     2},
    {"no_room_for_the_second_write",
     "disk orig 2 fill 1\ndisk cow 3 zero\ncreate base 0 2 snapshot-origin @orig\n"
     "create s 0 2 snapshot @orig @cow P 1\n"
     "lane A write base 0 1 2\nlane B write base 1 1 3\njoin\n"
     "read s 0 2\nread base 0 2\nstatus s\n",
     2},
    {"the_power_goes_at_the_second_copy",
     "disk orig 2 fill 1 cache\ndisk cow 8 zero cache\ncreate base 0 2 snapshot-origin @orig\n"
     "create s 0 2 snapshot @orig @cow P 1\n"
     "power-loss after cow copy-write 2 done losing everything\n"
     "lane A write base 0 1 2\nlane B write base 1 1 3\njoin\nreload\nread s 0 2\n"
     "read base 0 2\nstatus s\ncheck\n",
     2},
};

class ScheduleSearchTest : public testing::TestWithParam<SmallWorld> {};

TEST_P(ScheduleSearchTest, with_and_without_reduction_it_says_the_same) {
    const Scenario scenario = scenario_of(GetParam().lines);
    SearchOptions options;
    options.window = window_of(scenario);
    options.delays_max = GetParam().delays_max;
    const SearchResult reduced = search_schedules(test_host(), scenario, {}, options);
    options.reduce = false;
    const SearchResult full = search_schedules(test_host(), scenario, {}, options);
    ASSERT_TRUE(reduced.complete && full.complete);
    EXPECT_EQ(full.schedules, static_cast<long double>(full.runs));
    EXPECT_EQ(reduced.schedules, full.schedules) << "every schedule is counted, each once";
    EXPECT_LE(reduced.runs, full.runs);
    EXPECT_EQ(reduced.verdicts(), full.verdicts());
    ASSERT_EQ(reduced.outcomes.size(), full.outcomes.size());
    auto f = full.outcomes.begin();
    for (const auto& [outcome, pins] : reduced.outcomes) {
        EXPECT_EQ(outcome, f->first);
        ++f;
    }
    std::printf("%-62s %8.0Lf schedules, %6lu runs with reduction, %zu outcomes\n", GetParam().name,
                full.schedules, static_cast<unsigned long>(reduced.runs), full.outcomes.size());
}

INSTANTIATE_TEST_SUITE_P(Of, ScheduleSearchTest, testing::ValuesIn(small_worlds),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ScheduleSearch, what_it_found_is_replayed_by_its_pins) {
    const Scenario scenario = scenario_of(small_worlds[0].lines);
    SearchOptions options;
    options.window = window_of(scenario);
    options.delays_max = 2;
    const SearchResult all = search_schedules(test_host(), scenario, {}, options);
    ASSERT_GE(all.outcomes.size(), 2u) << "whose exception is first in the store";
    std::vector<std::uint64_t> images;
    for (const auto& [outcome, pins] : all.outcomes) {
        Scenario alone = scenario;
        alone.steps.insert(alone.steps.begin(), pins.begin(), pins.end());
        std::uint64_t image = 0;
        RunSetup setup;
        setup.at_end = [&](SimWorld& world) {
            for (const BaseDisk& d : world.world().disks())
                image = mix64(image ^ d.medium->content_digest());
        };
        const RunResult r = run_scenario(test_host(), alone, setup);
        EXPECT_EQ(r.pins_met, r.pins_total);
        EXPECT_EQ(image, outcome.images);
    }
}

TEST(ScheduleSearch, every_new_state_is_shown_between_two_turns_and_may_be_left) {
    const Scenario scenario = scenario_of(small_worlds[1].lines);
    SearchOptions options;
    options.window = window_of(scenario);
    std::uint64_t shown = 0;
    options.at_state = [&](SimWorld& world) {
        ++shown;
        SavedWorld saved;
        saved.save(test_host(), world);
        saved.restore(test_host(), world);
        return true;
    };
    const SearchResult all = search_schedules(test_host(), scenario, {}, options);
    EXPECT_EQ(shown, all.states);
    options.at_state = [](SimWorld&) { return false; };
    const SearchResult one = search_schedules(test_host(), scenario, {}, options);
    EXPECT_EQ(one.runs, 1u) << "nothing is followed: first in, first out";
}

TEST(ScheduleSearch, a_budget_that_is_spent_is_said) {
    const Scenario scenario = scenario_of(small_worlds[0].lines);
    SearchOptions options;
    options.window = window_of(scenario);
    options.runs_max = 10;
    const SearchResult some = search_schedules(test_host(), scenario, {}, options);
    EXPECT_FALSE(some.complete);
    EXPECT_EQ(some.runs, 10u);
}

}  // namespace
}  // namespace cowlab
