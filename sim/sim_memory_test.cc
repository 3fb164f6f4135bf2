// The machine's memory: a limit, and allocations that fail when a test asks for it.
#include "sim/sim_memory.h"

#include <gtest/gtest.h>

namespace cowlab {
namespace {

constexpr MemoryUse any_use = MemoryUse::target;

struct SimMemoryTest : testing::Test {
    Arena arena{std::size_t{1} << 24};
};

TEST_F(SimMemoryTest, the_limit_counts_what_is_held_now) {
    SimMemory m(arena, 1000);
    EXPECT_TRUE(m.could_hold(1000));
    EXPECT_FALSE(m.could_hold(1001));
    void* a = m.allocate(600, any_use);
    ASSERT_NE(a, nullptr);
    EXPECT_EQ(m.allocate(401, any_use), nullptr);
    void* b = m.allocate(400, any_use);
    ASSERT_NE(b, nullptr);
    EXPECT_EQ(m.held(), 1000u);
    m.free(a, 600, any_use);
    EXPECT_EQ(m.held(), 400u);
    EXPECT_EQ(m.peak(), 1000u);
    EXPECT_NE(m.allocate(600, any_use), nullptr);
}

TEST_F(SimMemoryTest, what_never_fails_goes_over_the_limit_and_nothing_else_does_then) {
    SimMemory m(arena, 1000);
    void* a = m.allocate_reserved(1500, MemoryUse::request);
    ASSERT_NE(a, nullptr);
    EXPECT_FALSE(m.could_hold(1)) << "over the limit is not the same as far below it";
    EXPECT_EQ(m.allocate(1, any_use), nullptr);
    m.free(a, 1500, MemoryUse::request);
    EXPECT_TRUE(m.could_hold(1000));
}

TEST_F(SimMemoryTest, the_nth_allocation_from_now_on_fails_once) {
    SimMemory m(arena, UINT64_MAX);
    static_cast<void>(m.allocate(8, any_use));
    m.fail_nth(3);
    for (int i = 1; i <= 5; ++i) EXPECT_EQ(m.allocate(8, any_use) == nullptr, i == 3) << i;
    EXPECT_EQ(m.failures(), 1u);
    EXPECT_EQ(m.last_failure(), any_use);
    m.fail_nth(0);
    EXPECT_NE(m.allocate(8, any_use), nullptr);
    EXPECT_EQ(m.failures(), 0u);
}

TEST_F(SimMemoryTest, from_the_nth_on_all_may_fail_but_never_what_is_reserved) {
    SimMemory m(arena, UINT64_MAX);
    m.fail_nth(2, SimMemory::Fail::from_there_on);
    EXPECT_NE(m.allocate(8, any_use), nullptr);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(m.allocate(8, any_use), nullptr);
    EXPECT_NE(m.allocate_reserved(8, any_use), nullptr);
    EXPECT_EQ(m.failures(), 5u);
}

TEST_F(SimMemoryTest, only_one_use_may_be_meant) {
    SimMemory m(arena, UINT64_MAX);
    m.fail_nth(2, SimMemory::Fail::once, MemoryUse::store);
    EXPECT_NE(m.allocate(8, MemoryUse::store), nullptr);
    EXPECT_NE(m.allocate(8, MemoryUse::target), nullptr);
    EXPECT_EQ(m.allocate(8, MemoryUse::store), nullptr);
    EXPECT_NE(m.allocate(8, MemoryUse::store), nullptr);
    EXPECT_EQ(m.last_failure(), MemoryUse::store);
}

}  // namespace
}  // namespace cowlab
