// A seed must mean the same for ever and everywhere: the numbers themselves are the contract.
#include "base/prng.h"

#include <gtest/gtest.h>

#include <set>

namespace cowlab {
namespace {

TEST(Prng, its_numbers_are_those_of_splitmix64) {
    // Published test vector of SplitMix64 for the seed 1234567.
    Prng r(1234567);
    EXPECT_EQ(r.next(), 6457827717110365317u);
    EXPECT_EQ(r.next(), 3203168211198807973u);
    EXPECT_EQ(r.next(), 9817491932198370423u);
    EXPECT_EQ(r.next(), 4593380528125082431u);
    EXPECT_EQ(r.next(), 16408922859458223821u);
    static_assert(Prng(0).next() == 0xe220a8397b1dcdaf, "the same at compile time");
}

TEST(Prng, the_derived_draws_never_change_either) {
    // Recorded once: a run's seed is worthless if any of these moves.
    Prng r(42, 7);
    EXPECT_EQ(r.next(), Prng(42, 7).next());
    std::uint64_t digest = 0;
    for (int i = 0; i < 1000; ++i) {
        digest = digest * 31 + r.below(1 + static_cast<std::uint64_t>(i));
        digest = digest * 31 + r.between(10, 20);
        digest = digest * 31 + (r.chance({3, 100}) ? 1 : 0);
    }
    EXPECT_EQ(digest, 0x4b5a58e656c0f334u);
}

TEST(Prng, bounded_draws_stay_inside_and_reach_both_ends) {
    Prng r(1);
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 1000; ++i) {
        seen.insert(r.between(5, 9));
        EXPECT_EQ(r.below(1), 0u);
        EXPECT_EQ(r.between(3, 3), 3u);
        EXPECT_LT(r.below(UINT64_MAX), UINT64_MAX);
    }
    EXPECT_EQ(seen, (std::set<std::uint64_t>{5, 6, 7, 8, 9}));
}

TEST(Prng, the_whole_range_is_a_range) {
    Prng r(1);
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 100; ++i) seen.insert(r.between(0, UINT64_MAX));
    EXPECT_EQ(seen.size(), 100u);
}

TEST(Prng, a_ratio_is_met_about_as_often_as_it_says) {
    Prng r(9);
    int hits = 0;
    for (int i = 0; i < 100000; ++i) hits += r.chance({3, 100}) ? 1 : 0;
    // Six standard deviations; the numbers are fixed, so this cannot flicker.
    EXPECT_GT(hits, 3000 - 324);
    EXPECT_LT(hits, 3000 + 324);
    EXPECT_FALSE(r.chance({0, 7}));
    EXPECT_TRUE(r.chance({7, 7}));
}

TEST(Prng, streams_of_one_seed_are_different_and_do_not_move_each_other) {
    Prng a(5, 1);
    Prng b(5, 2);
    std::set<std::uint64_t> numbers;
    for (int i = 0; i < 1000; ++i) {
        numbers.insert(a.next());
        numbers.insert(b.next());
    }
    EXPECT_EQ(numbers.size(), 2000u);
    Prng again(5, 2);
    Prng alone(5, 2);
    for (int i = 0; i < 10; ++i) {
        Prng(5, 1).next();
        EXPECT_EQ(again.next(), alone.next());
    }
}

TEST(Prng, copying_the_state_copies_the_future) {
    Prng r(77);
    for (int i = 0; i < 13; ++i) r.next();
    Prng saved = r;
    const std::uint64_t first = r.next();
    EXPECT_EQ(saved.next(), first);
}

}  // namespace
}  // namespace cowlab
