// Protects the sharing of seeds: every seed is somebody's, none is two's, and what a scheduler says
// of its processes is understood or refused, never half understood.
#include "cli/shards.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace cowlab {
namespace {

using Environment = std::map<std::string, std::string>;

Result<Shard> shard_in(const Environment& environment, const std::string& typed = "") {
    return find_shard(typed, [&](const char* name) -> const char* {
        const auto it = environment.find(name);
        return it == environment.end() ? nullptr : it->second.c_str();
    });
}

TEST(Shards, share_every_seed_of_a_range_exactly_once) {
    for (std::uint64_t n = 1; n <= 7; ++n) {
        for (std::uint64_t last = 10; last <= 25; ++last) {
            std::set<std::uint64_t> seen;
            for (std::uint64_t i = 1; i <= n; ++i) {
                const Shard s{i, n, ""};
                for (std::uint64_t k = 0; k < s.seeds_in(10, last); ++k) {
                    EXPECT_TRUE(seen.insert(s.seed(10, k)).second) << "one seed, two shards";
                }
            }
            EXPECT_EQ(seen.size(), last - 10 + 1);
            EXPECT_EQ(*seen.begin(), 10u);
            EXPECT_EQ(*seen.rbegin(), last);
        }
    }
}

TEST(Shards, are_found_where_schedulers_and_test_runners_say_so) {
    const std::pair<Environment, std::pair<std::uint64_t, std::uint64_t>> table[] = {
        {{{"SLURM_ARRAY_TASK_ID", "7"},
          {"SLURM_ARRAY_TASK_COUNT", "4"},
          {"SLURM_ARRAY_TASK_MIN", "5"}},
         {3, 4}},
        {{{"JOB_COMPLETION_INDEX", "0"}, {"JOB_COMPLETIONS", "3"}}, {1, 3}},
        {{{"OMPI_COMM_WORLD_RANK", "1"}, {"OMPI_COMM_WORLD_SIZE", "2"}}, {2, 2}},
        {{{"TEST_SHARD_INDEX", "4"}, {"TEST_TOTAL_SHARDS", "5"}}, {5, 5}},
        {{{"GTEST_SHARD_INDEX", "0"}, {"GTEST_TOTAL_SHARDS", "2"}}, {1, 2}},
        {{{"SGE_TASK_ID", "3"}, {"SGE_TASK_FIRST", "1"}, {"SGE_TASK_LAST", "8"}}, {3, 8}},
        {{{"SGE_TASK_ID", "undefined"}}, {1, 1}},
        {{}, {1, 1}},
    };
    for (const auto& [environment, expected] : table) {
        auto s = shard_in(environment);
        const std::string first = environment.empty() ? "nothing" : environment.begin()->first;
        ASSERT_TRUE(s) << first << ": " << s.error().text;
        EXPECT_EQ(s->index, expected.first) << first;
        EXPECT_EQ(s->count, expected.second) << first;
    }
}

TEST(Shards, that_do_not_fit_are_refused_and_what_is_typed_wins) {
    EXPECT_FALSE(shard_in({{"TEST_SHARD_INDEX", "5"}, {"TEST_TOTAL_SHARDS", "5"}}));
    EXPECT_FALSE(shard_in({{"TEST_SHARD_INDEX", "x"}, {"TEST_TOTAL_SHARDS", "5"}}));
    EXPECT_FALSE(shard_in({{"JOB_COMPLETION_INDEX", "1"}})) << "an index without a count";
    auto typed = shard_in({{"TEST_SHARD_INDEX", "5"}, {"TEST_TOTAL_SHARDS", "5"}}, "2/3");
    ASSERT_TRUE(typed);
    EXPECT_EQ(typed->index, 2u);
    for (const char* wrong : {"0/3", "4/3", "1", "1/", "/3", "a/b", "1/0", "-1/2"}) {
        EXPECT_FALSE(shard_in({}, wrong)) << wrong;
    }
}

}  // namespace
}  // namespace cowlab
