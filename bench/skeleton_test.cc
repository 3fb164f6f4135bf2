// The yardstick has to be straight: a skeleton that computes nonsense would be a wrong ceiling.
#include "bench/skeleton.h"

#include <gtest/gtest.h>

namespace cowlab {
namespace {

TEST(Skeleton, reads_what_its_model_says_and_counts_its_requests) {
    FiberStacks stacks(8);
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        const SkeletonRun r = run_skeleton(stacks, seed, 60);
        EXPECT_EQ(r.wrong, 0u) << seed;
        EXPECT_GT(r.compared, 0u) << seed;
        EXPECT_GT(r.ios, 60u) << seed;
    }
}

TEST(Skeleton, is_the_same_for_the_same_seed) {
    FiberStacks stacks(8);
    const SkeletonRun once = run_skeleton(stacks, 7, 60);
    const SkeletonRun again = run_skeleton(stacks, 7, 60);
    EXPECT_EQ(once.digest, again.digest);
    EXPECT_EQ(once.ios, again.ios);
    EXPECT_NE(once.digest, run_skeleton(stacks, 8, 60).digest);
}

}  // namespace
}  // namespace cowlab
