// The table of completed exceptions: it answers as a map from old chunk to the new chunk that came
// first, whatever the order and however damaged the store; it costs what decision 3 allows.
#include "engine/exception_table.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdio>
#include <map>
#include <set>
#include <vector>

#include "base/arena.h"
#include "base/prng.h"
#include "sim/sim_memory.h"

namespace cowlab {
namespace {

using Removed = ExceptionTable::Removed;

struct TestMemory {
    Arena arena{std::size_t{4} << 30};
    SimMemory memory{arena, UINT64_MAX};
};

struct ExceptionTableTest : testing::Test {
    TestMemory m;
    ExceptionTable table{m.memory};

    void insert(std::uint64_t old_chunk, std::uint64_t new_chunk) {
        ASSERT_EQ(table.insert({old_chunk}, {new_chunk}), Errc::ok);
    }
    std::uint64_t at(std::uint64_t old_chunk) const {
        const auto found = table.lookup({old_chunk});
        return found ? found->value : 0;
    }
};

// What must hold of the runs themselves, whatever was inserted (I4).
void expect_well_formed(const ExceptionTable& table) {
    std::uint64_t runs = 0;
    std::uint64_t chunks = 0;
    table.for_each_run([&](const ExceptionTable::Run& r) {
        ++runs;
        chunks += r.chunks;
        EXPECT_GE(r.chunks, 1u);
        EXPECT_LE(r.chunks, ExceptionTable::run_chunks_max);
        EXPECT_EQ(r.old_chunk.value >> 8, (r.old_chunk.value + r.chunks - 1) >> 8)
            << "INV-4: a run never crosses a group of 256";
    });
    EXPECT_EQ(runs, table.run_count());
    EXPECT_EQ(chunks, table.exception_count());
}

TEST_F(ExceptionTableTest, an_empty_table_knows_nothing_and_holds_no_memory) {
    EXPECT_FALSE(table.contains({0}));
    EXPECT_FALSE(table.run_of({0}).has_value());
    EXPECT_EQ(table.remove({0}), Removed::missing);
    EXPECT_EQ(table.bytes(), 0u);
    EXPECT_EQ(m.memory.held(), 0u) << "snapshots without a change are free";
}

TEST_F(ExceptionTableTest, a_run_grows_forward_to_256_chunks_and_stops_at_the_group) {
    for (std::uint64_t i = 0; i < 1000; ++i) insert(300 + i, 70 + i);
    for (std::uint64_t i = 0; i < 1000; ++i) ASSERT_EQ(at(300 + i), 70 + i);
    EXPECT_FALSE(table.contains({299}));
    EXPECT_FALSE(table.contains({1300}));
    // 300…511, 512…767, 768…1023, 1024…1279, 1280…1299.
    EXPECT_EQ(table.run_count(), 5u);
    const auto run = *table.run_of({600});
    EXPECT_EQ(run.old_chunk, ChunkIndex{512});
    EXPECT_EQ(run.new_chunk, ChunkIndex{70 + 212});
    EXPECT_EQ(run.chunks, 256u);
    expect_well_formed(table);
}

TEST_F(ExceptionTableTest, a_run_grows_backward_as_well) {
    for (std::uint64_t i = 1000; i-- > 0;) insert(300 + i, 70 + i);
    for (std::uint64_t i = 0; i < 1000; ++i) ASSERT_EQ(at(300 + i), 70 + i);
    EXPECT_EQ(table.run_count(), 5u);
    expect_well_formed(table);
}

TEST_F(ExceptionTableTest, chunks_that_go_the_other_way_on_the_cow_device_are_no_run) {
    // Old chunks ascending, new ones descending: nothing to pack, everything to find.
    for (std::uint64_t i = 0; i < 256; ++i) insert(i, 1000 - i);
    EXPECT_EQ(table.run_count(), 256u);
    for (std::uint64_t i = 0; i < 256; ++i) ASSERT_EQ(at(i), 1000 - i);
}

TEST_F(ExceptionTableTest, two_runs_that_become_neighbours_are_not_joined_and_both_are_found) {
    insert(10, 110);
    insert(12, 112);
    insert(11, 111);  // between them
    EXPECT_EQ(table.run_count(), 2u) << "spec §8";
    for (const std::uint64_t c : {10, 11, 12}) EXPECT_EQ(at(c), 100 + c);
    expect_well_formed(table);
}

TEST_F(ExceptionTableTest, the_ends_of_the_number_space_are_chunks_like_any_other) {
    const std::uint64_t last_new = (std::uint64_t{1} << 56) - 1;
    insert(0, 2);
    insert(UINT64_MAX, last_new);
    insert(UINT64_MAX - 1, last_new - 1);
    EXPECT_EQ(at(0), 2u);
    EXPECT_EQ(at(UINT64_MAX), last_new);
    EXPECT_EQ(at(UINT64_MAX - 1), last_new - 1);
    EXPECT_FALSE(table.contains({UINT64_MAX - 2}));
    EXPECT_FALSE(table.contains({1}));
    expect_well_formed(table);
    EXPECT_EQ(table.remove({UINT64_MAX}), Removed::yes);
    EXPECT_EQ(at(UINT64_MAX - 1), last_new - 1);
}

TEST_F(ExceptionTableTest, a_new_chunk_that_would_hide_the_run_count_is_a_bug_of_the_caller) {
    EXPECT_DEATH(static_cast<void>(table.insert({1}, {std::uint64_t{1} << 56})),
                 "room for the run count");
}

// ---- Duplicates: only a damaged store has them (spec §8) ---------------------------------------

TEST_F(ExceptionTableTest,
       of_two_records_for_one_chunk_the_first_is_found_and_the_second_after_it_is_removed) {
    insert(7, 100);
    insert(7, 50);
    EXPECT_EQ(at(7), 100u);
    EXPECT_EQ(table.exception_count(), 2u);
    EXPECT_EQ(table.remove({7}), Removed::yes);
    EXPECT_EQ(at(7), 50u) << "removal takes the one that lookup finds";
    EXPECT_EQ(table.remove({7}), Removed::yes);
    EXPECT_FALSE(table.contains({7}));
}

TEST_F(ExceptionTableTest, a_duplicate_that_runs_backward_into_another_run_hides_nothing) {
    // 6→30, 5→29, 4→28 are one run growing backward; 5→7 was there before.
    insert(5, 7);
    insert(6, 30);
    insert(5, 29);
    insert(4, 28);
    EXPECT_EQ(at(4), 28u);
    EXPECT_EQ(at(5), 7u);
    EXPECT_EQ(at(6), 30u);
    expect_well_formed(table);
}

// The reference for any store: per chunk, the records in the order they came.
using Reference = std::map<std::uint64_t, std::vector<std::uint64_t>>;

RC_GTEST_PROP(ExceptionTable, any_records_in_any_order_are_found_first_come_first, ()) {
    TestMemory m;
    ExceptionTable table(m.memory);
    Reference reference;
    // Few numbers around a 256 boundary, so that runs meet, overlap and repeat.
    const auto count = *rc::gen::inRange(0, 120);
    for (int i = 0; i < count; ++i) {
        const std::uint64_t o = 250 + static_cast<std::uint64_t>(*rc::gen::inRange(0, 14));
        const std::uint64_t n = 100 + static_cast<std::uint64_t>(*rc::gen::inRange(0, 20));
        RC_ASSERT(table.insert({o}, {n}) == Errc::ok);
        reference[o].push_back(n);
    }
    for (std::uint64_t c = 245; c < 270; ++c) {
        const auto found = table.lookup({c});
        const auto it = reference.find(c);
        RC_ASSERT(found.has_value() == (it != reference.end()));
        if (found) RC_ASSERT(found->value == it->second.front());
    }
    RC_ASSERT(table.exception_count() == static_cast<std::uint64_t>(count));
}

// ---- Without duplicates: exactly a map, also while a merge takes chunks away -------------------

// Runs as a real store has them: stretches of consecutive chunks, forward or backward, old and new
// moving together or not, crossing groups of 256, in an order of their own.
std::vector<std::pair<std::uint64_t, std::uint64_t>> arbitrary_records() {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> records;
    std::set<std::uint64_t> taken;
    std::uint64_t next_new = 2;
    const int stretches = *rc::gen::inRange(1, 12);
    for (int s = 0; s < stretches; ++s) {
        const std::uint64_t start = static_cast<std::uint64_t>(*rc::gen::inRange(0, 1200));
        const std::uint64_t length = static_cast<std::uint64_t>(*rc::gen::inRange(1, 400));
        const int shape = *rc::gen::inRange(0, 3);
        for (std::uint64_t i = 0; i < length; ++i) {
            const std::uint64_t o = shape == 1 ? start + length - 1 - i : start + i;
            const std::uint64_t n = shape == 0   ? next_new + i
                                    : shape == 1 ? next_new + length - 1 - i
                                                 : next_new + length - 1 - i;
            if (taken.insert(o).second) records.emplace_back(o, n);
        }
        next_new += length + static_cast<std::uint64_t>(*rc::gen::inRange(0, 2));
    }
    return records;
}

RC_GTEST_PROP(ExceptionTable, it_is_a_map_from_old_chunks_to_new_ones, ()) {
    TestMemory m;
    ExceptionTable table(m.memory);
    std::map<std::uint64_t, std::uint64_t> reference;
    const auto records = arbitrary_records();
    for (const auto& [o, n] : records) {
        RC_ASSERT(table.insert({o}, {n}) == Errc::ok);
        reference[o] = n;
    }
    for (std::uint64_t c = 0; c < 1700; ++c) {
        const auto it = reference.find(c);
        RC_ASSERT(table.contains({c}) == (it != reference.end()));
        if (it != reference.end()) RC_ASSERT(table.lookup({c})->value == it->second);
    }
    expect_well_formed(table);
    // Every chunk is in exactly one run, and the run says where it went.
    std::map<std::uint64_t, std::uint64_t> from_runs;
    table.for_each_run([&](const ExceptionTable::Run& r) {
        for (std::uint64_t i = 0; i < r.chunks; ++i) {
            from_runs[r.old_chunk.value + i] = r.new_chunk.value + i;
        }
    });
    RC_ASSERT(from_runs == reference);
    RC_ASSERT(table.bytes() == m.memory.held());

    // Removal in the reverse of the order of insertion never meets the middle of a run (I31).
    for (auto it = records.rbegin(); it != records.rend(); ++it) {
        RC_ASSERT(table.remove({it->first}) == Removed::yes);
        RC_ASSERT(!table.contains({it->first}));
        RC_ASSERT(table.remove({it->first}) == Removed::missing);
    }
    RC_ASSERT(table.exception_count() == 0u);
    RC_ASSERT(table.run_count() == 0u);
}

RC_GTEST_PROP(ExceptionTable, insertions_and_removals_at_run_ends_mix_freely, ()) {
    TestMemory m;
    ExceptionTable table(m.memory);
    std::map<std::uint64_t, std::uint64_t> reference;
    const int steps = *rc::gen::inRange(0, 400);
    for (int i = 0; i < steps; ++i) {
        const std::uint64_t o = 240 + static_cast<std::uint64_t>(*rc::gen::inRange(0, 40));
        const auto it = reference.find(o);
        if (it == reference.end()) {
            const std::uint64_t n = o + static_cast<std::uint64_t>(*rc::gen::inRange(1, 3)) * 100;
            RC_ASSERT(table.insert({o}, {n}) == Errc::ok);
            reference[o] = n;
            continue;
        }
        const auto run = *table.run_of({o});
        const bool at_end = run.old_chunk.value == o || run.old_chunk.value + run.chunks - 1 == o;
        RC_ASSERT(table.remove({o}) == (at_end ? Removed::yes : Removed::middle));
        if (at_end) reference.erase(it);
    }
    for (std::uint64_t c = 230; c < 290; ++c) {
        const auto it = reference.find(c);
        RC_ASSERT(table.contains({c}) == (it != reference.end()));
        if (it != reference.end()) RC_ASSERT(table.lookup({c})->value == it->second);
    }
    expect_well_formed(table);
}

TEST_F(ExceptionTableTest, the_middle_of_a_run_stays) {
    for (std::uint64_t i = 0; i < 5; ++i) insert(20 + i, 60 + i);
    EXPECT_EQ(table.remove({22}), Removed::middle);
    EXPECT_EQ(at(22), 62u);
    EXPECT_EQ(table.remove({20}), Removed::yes);
    EXPECT_EQ(table.remove({24}), Removed::yes);
    EXPECT_EQ(table.exception_count(), 3u);
    for (const std::uint64_t c : {21, 22, 23}) EXPECT_EQ(at(c), 40 + c);
}

TEST_F(ExceptionTableTest, what_was_removed_makes_room_for_what_comes) {
    for (std::uint64_t i = 0; i < 5000; ++i) insert(i * 1000, 2 + i * 2);
    const std::uint64_t bytes = table.bytes();
    for (int round = 0; round < 5; ++round) {
        for (std::uint64_t i = 0; i < 5000; ++i) ASSERT_EQ(table.remove({i * 1000}), Removed::yes);
        EXPECT_EQ(table.run_count(), 0u);
        for (std::uint64_t i = 0; i < 5000; ++i) insert(i * 1000, 2 + i * 2);
    }
    EXPECT_EQ(table.bytes(), bytes);
}

// ---- Memory ------------------------------------------------------------------------------------

TEST_F(ExceptionTableTest, an_insert_without_memory_leaves_the_table_as_it_was) {
    std::map<std::uint64_t, std::uint64_t> reference;
    int refused = 0;
    // Whatever an insert allocates fails once; then the same insert succeeds.
    for (std::uint64_t i = 0; i < 6000; ++i) {
        const std::uint64_t o = i * 257;
        const std::uint64_t n = 2 + i * 2;
        for (const MemoryUse use : {MemoryUse::exception_table, MemoryUse::completed_exception}) {
            m.memory.fail_nth(1, SimMemory::Fail::once, use);
            if (table.insert({o}, {n}) == Errc::ok) {
                reference[o] = n;
                break;
            }
            ++refused;
            EXPECT_EQ(table.exception_count(), reference.size());
            EXPECT_FALSE(table.contains({o}));
            EXPECT_EQ(table.bytes(), m.memory.held());
            expect_well_formed(table);
            for (std::uint64_t k = 0; k < i; k += 97) ASSERT_EQ(at(k * 257), 2 + k * 2);
        }
        m.memory.fail_nth(0);
        if (reference.count(o) == 0) {
            ASSERT_EQ(table.insert({o}, {n}), Errc::ok) << "when there is memory again it goes on";
            reference[o] = n;
        }
        ASSERT_EQ(at(o), n);
    }
    EXPECT_GE(refused, 2);
    for (const auto& [o, n] : reference) ASSERT_EQ(at(o), n);
    expect_well_formed(table);
}

TEST_F(ExceptionTableTest, without_another_slab_an_insert_is_refused_and_nothing_else_changes) {
    std::uint64_t refused = 0;
    for (std::uint64_t i = 0; i < 6000; ++i) {
        m.memory.fail_nth(1, SimMemory::Fail::once, MemoryUse::completed_exception);
        const std::uint64_t bytes = table.bytes();
        if (table.insert({i * 257}, {2 + i * 2}) != Errc::ok) {
            ++refused;
            EXPECT_EQ(table.exception_count(), i);
            EXPECT_FALSE(table.contains({i * 257}));
            EXPECT_GE(table.bytes(), bytes);
            EXPECT_EQ(table.bytes(), m.memory.held());
            for (std::uint64_t k = 0; k < i; k += 97) ASSERT_EQ(at(k * 257), 2 + k * 2);
            ASSERT_EQ(table.insert({i * 257}, {2 + i * 2}), Errc::ok);
        }
    }
    EXPECT_GE(refused, 6u);
    for (std::uint64_t i = 0; i < 6000; ++i) ASSERT_EQ(at(i * 257), 2 + i * 2);
}

TEST_F(ExceptionTableTest, with_no_memory_at_all_runs_still_grow) {
    insert(1000, 50);
    m.memory.fail_nth(1, SimMemory::Fail::from_there_on);
    for (std::uint64_t i = 1; i < 24; ++i) EXPECT_EQ(table.insert({1000 + i}, {50 + i}), Errc::ok);
    EXPECT_EQ(table.exception_count(), 24u);
    EXPECT_EQ(m.memory.failures(), 0u);
}

TEST_F(ExceptionTableTest, its_memory_is_what_it_says_and_comes_back) {
    {
        ExceptionTable big(m.memory);
        for (std::uint64_t i = 0; i < 50000; ++i)
            ASSERT_EQ(big.insert({i * 3}, {2 + i * 5}), Errc::ok);
        EXPECT_EQ(big.bytes(), m.memory.held());
    }
    EXPECT_EQ(m.memory.held(), 0u);
    EXPECT_EQ(m.arena.live_bytes(), 0u);
}

// Decision 3. Both what the table asked for and what the arena really gave away must be within it.
struct Cost {
    double asked;
    double given;
};
Cost cost_of(const char* what, std::uint64_t count, std::uint64_t (*old_of)(std::uint64_t)) {
    TestMemory m;
    ExceptionTable table(m.memory);
    for (std::uint64_t i = 0; i < count; ++i) {
        EXPECT_EQ(table.insert({old_of(i)}, {2 + i}), Errc::ok);
    }
    const Cost c{static_cast<double>(table.bytes()) / static_cast<double>(count),
                 static_cast<double>(m.arena.live_bytes()) / static_cast<double>(count)};
    std::printf("%9lu %-24s %6.2f bytes each (%6.2f with the arena's rounding), %lu runs\n", count,
                what, c.asked, c.given, table.run_count());
    return c;
}

class ExceptionTableBytes : public testing::TestWithParam<std::uint64_t> {};

TEST_P(ExceptionTableBytes, a_scattered_chunk_costs_at_most_24) {
    const auto scattered = [](std::uint64_t i) { return mix64(i) >> 12; };
    const auto strided = [](std::uint64_t i) { return i * 2; };
    for (const Cost& c : {cost_of("scattered", GetParam(), scattered),
                          cost_of("every second chunk", GetParam(), strided)}) {
        EXPECT_LE(c.asked, 24.0);
        EXPECT_LE(c.given, 24.0);
    }
}

TEST_P(ExceptionTableBytes, a_chunk_of_a_run_costs_next_to_nothing) {
    const Cost c = cost_of("consecutive", GetParam(), [](std::uint64_t i) { return i; });
    EXPECT_LE(c.given, 2.0) << "of a table of 1,030 the first slab is most";
}

INSTANTIATE_TEST_SUITE_P(At, ExceptionTableBytes, testing::Values(1030, 33000, 100000, 1000000),
                         [](const auto& info) { return std::to_string(info.param); });

TEST(ExceptionTableBytesAnywhere, no_count_costs_more_than_24) {
    // Just after the table has grown is where it is worst.
    TestMemory m;
    ExceptionTable table(m.memory);
    double worst = 0;
    std::uint64_t worst_at = 0;
    for (std::uint64_t i = 0; i < 300000; ++i) {
        ASSERT_EQ(table.insert({i * 2}, {2 + i}), Errc::ok);
        if (i + 1 < 1030) continue;  // a small table may have its first slab
        const double each = static_cast<double>(m.arena.live_bytes()) / static_cast<double>(i + 1);
        if (each > worst) {
            worst = each;
            worst_at = i + 1;
        }
    }
    std::printf("worst from 1030 to 300000 exceptions: %.2f bytes each, at %lu\n", worst, worst_at);
    EXPECT_LE(worst, 24.0);
}

}  // namespace
}  // namespace cowlab
