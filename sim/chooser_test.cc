// Choices: nothing chosen is the default, a pin wins, kinds do not disturb each other, and what was
// chosen is the whole schedule of a run.
#include "sim/chooser.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <vector>

namespace cowlab {
namespace {

constexpr std::uint32_t disk = 5;
constexpr ChoiceKey latency(std::uint64_t point, std::uint32_t actor = disk) {
    return {ChoiceKind::latency, actor, point};
}
constexpr ChoiceKey fault(std::uint64_t point) { return {ChoiceKind::fault, disk, point}; }

Swarm wild() {
    Swarm s;
    s.latency_max_us = 1000;
    s.slow = {1, 10};
    s.slow_max_us = 100000;
    s.yield_max_us = 50;
    s.fault = {1, 5};
    s.fault_kinds = 6;
    return s;
}

struct ChooserTest : testing::Test {
    Arena arena{std::size_t{1} << 28};
    std::unique_ptr<Chooser> fresh() { return std::make_unique<Chooser>(arena); }
};

// What a world might ask: the same questions in the same order.
std::vector<std::uint32_t> answers(Chooser& chooser, std::uint64_t question_seed, int count) {
    Prng random(question_seed);
    std::vector<std::uint32_t> out;
    for (int i = 0; i < count; ++i) {
        const auto kind = static_cast<ChoiceKind>(random.below(choice_kind_count));
        const ChoiceKey key{kind, static_cast<std::uint32_t>(random.below(3)), random.below(20)};
        const std::uint32_t n = kind == ChoiceKind::fault ? 3
                                : kind == ChoiceKind::survive
                                    ? static_cast<std::uint32_t>(2 + random.below(5))
                                    : 1u << 20;
        out.push_back(chooser.choose(key, n));
    }
    return out;
}

TEST_F(ChooserTest, without_a_driver_every_choice_is_the_default) {
    auto c = fresh();
    for (const std::uint32_t a : answers(*c, 1, 1000)) ASSERT_EQ(a, 0u);
    EXPECT_EQ(c->taken_count(), 0u);
    EXPECT_EQ(c->draws(), 1000u);
}

TEST_F(ChooserTest, a_pin_is_met_at_its_time_and_nowhere_else) {
    auto c = fresh();
    c->add_pin({latency(3), 2, 77});
    EXPECT_EQ(c->choose(latency(3), 1000), 0u);
    EXPECT_EQ(c->choose(latency(4), 1000), 0u) << "another point";
    EXPECT_EQ(c->choose(latency(3, disk + 1), 1000), 0u) << "another actor";
    EXPECT_EQ(c->choose({ChoiceKind::yield, disk, 3}, 1000), 0u) << "another kind";
    EXPECT_EQ(c->pins_met(), 0u);
    EXPECT_EQ(c->choose(latency(3), 1000), 77u) << "the second time at this point";
    EXPECT_EQ(c->choose(latency(3), 1000), 0u);
    EXPECT_EQ(c->pins_met(), 1u);
    EXPECT_EQ(c->pins_total(), 1u);
}

TEST_F(ChooserTest, a_pin_beyond_what_can_be_chosen_is_the_last_choice_there_is) {
    auto c = fresh();
    c->add_pin({fault(1), 1, 9});
    EXPECT_EQ(c->choose(fault(1), 3), 2u);
}

TEST_F(ChooserTest, a_pin_wins_over_the_driver_and_moves_nothing_else) {
    auto plain = fresh();
    plain->drive_randomly(8, wild());
    auto pinned = fresh();
    pinned->drive_randomly(8, wild());
    pinned->add_pin({latency(1), 3, 12345});
    for (int i = 1; i <= 10; ++i) {
        const std::uint32_t a = plain->choose(latency(1), 1u << 24);
        const std::uint32_t b = pinned->choose(latency(1), 1u << 24);
        if (i == 3) {
            EXPECT_EQ(b, 12345u);
        } else {
            EXPECT_EQ(a, b) << i;
        }
    }
}

TEST_F(ChooserTest, when_a_pin_is_added_does_not_change_which_time_it_means) {
    // In a scenario a pin line may stand anywhere, and other pins may come or go: the n-th time is
    // counted from the start of the world (decision 5).
    for (const bool another_pin : {false, true}) {
        auto c = fresh();
        if (another_pin) c->add_pin({latency(99), 1, 1});
        EXPECT_EQ(c->choose(latency(3), 1000), 0u);
        c->add_pin({latency(3), 2, 77});
        EXPECT_EQ(c->choose(latency(3), 1000), 77u)
            << (another_pin ? "with" : "without") << " another pin";
    }
}

TEST_F(ChooserTest, the_same_seed_gives_the_same_choices_and_another_one_others) {
    std::set<std::vector<std::uint32_t>> seen;
    for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
        auto a = fresh();
        auto b = fresh();
        a->drive_randomly(seed, wild());
        b->drive_randomly(seed, wild());
        const auto chosen = answers(*a, 1, 500);
        EXPECT_EQ(chosen, answers(*b, 1, 500));
        seen.insert(chosen);
    }
    EXPECT_EQ(seen.size(), 5u);
}

TEST_F(ChooserTest, faults_switched_off_or_drawn_elsewhere_do_not_move_latencies) {
    auto with = fresh();
    auto without = fresh();
    auto never = fresh();
    with->drive_randomly(3, wild());
    without->drive_randomly(3, wild());
    without->allow_faults(false);
    Swarm no_faults = wild();
    no_faults.fault = {0, 1};
    never->drive_randomly(3, no_faults);
    int faults = 0;
    for (int i = 0; i < 500; ++i) {
        const std::uint32_t l = with->choose(latency(1), 1u << 24);
        ASSERT_EQ(without->choose(latency(1), 1u << 24), l);
        ASSERT_EQ(never->choose(latency(1), 1u << 24), l);
        faults += with->choose(fault(1), 3) != 0 ? 1 : 0;
        ASSERT_EQ(without->choose(fault(1), 3), 0u);
        ASSERT_EQ(never->choose(fault(1), 3), 0u);
        if (i % 3 == 0) static_cast<void>(with->choose({ChoiceKind::yield, 0, 0}, 1u << 20));
        if (i % 5 == 0) static_cast<void>(with->choose({ChoiceKind::survive, disk, 1}, 4));
    }
    EXPECT_GT(faults, 50);
}

TEST_F(ChooserTest, faults_allowed_again_go_on_as_if_they_had_never_been_off) {
    auto a = fresh();
    auto b = fresh();
    a->drive_randomly(3, wild());
    b->drive_randomly(3, wild());
    b->allow_faults(false);
    for (int i = 0; i < 100; ++i) {
        static_cast<void>(a->choose(fault(1), 3));
        static_cast<void>(b->choose(fault(1), 3));
    }
    b->allow_faults(true);
    bool same = true;
    for (int i = 0; i < 100; ++i) same = same && a->choose(fault(1), 3) == b->choose(fault(1), 3);
    EXPECT_TRUE(same);
}

TEST_F(ChooserTest, what_was_taken_is_the_whole_schedule) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        auto run = fresh();
        run->drive_randomly(seed, wild());
        const auto chosen = answers(*run, seed, 400);
        auto replay = fresh();
        for (std::uint32_t i = 0; i < run->taken_count(); ++i) replay->add_pin(run->taken(i));
        EXPECT_EQ(answers(*replay, seed, 400), chosen) << "pins alone, nobody drawing";
        EXPECT_EQ(replay->pins_met(), run->taken_count());
        // And once more: a replay's own list is the same list.
        ASSERT_EQ(replay->taken_count(), run->taken_count());
        for (std::uint32_t i = 0; i < run->taken_count(); ++i) {
            EXPECT_EQ(replay->taken(i).key, run->taken(i).key);
            EXPECT_EQ(replay->taken(i).nth, run->taken(i).nth);
            EXPECT_EQ(replay->taken(i).choice, run->taken(i).choice);
        }
    }
}

TEST_F(ChooserTest, choices_stay_in_their_range) {
    auto c = fresh();
    c->drive_randomly(1, wild());
    for (int i = 0; i < 2000; ++i) {
        EXPECT_LT(c->choose(latency(1), 10), 10u);
        EXPECT_LT(c->choose(fault(2), 2), 2u);
        EXPECT_LT(c->choose({ChoiceKind::survive, disk, 3}, 3), 3u);
        EXPECT_EQ(c->choose({ChoiceKind::survive, disk, 4}, 1), 0u);
    }
}

TEST_F(ChooserTest, counting_goes_on_over_many_points) {
    auto c = fresh();
    // More points than the counters begin with, each met three times.
    for (std::uint64_t p = 0; p < 5000; p += 7)
        c->add_pin({latency(p), 3, 1 + static_cast<std::uint32_t>(p)});
    for (int round = 1; round <= 4; ++round) {
        for (std::uint64_t p = 0; p < 700; ++p) {
            ASSERT_EQ(c->choose(latency(p), 10000), round == 3 && p % 7 == 0 ? 1 + p : 0) << p;
        }
    }
}

}  // namespace
}  // namespace cowlab
