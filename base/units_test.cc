// Every rounding by its name, at the edges where an off-by-one would hide.
#include "base/units.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace cowlab {
namespace {

TEST(Units, bytes_become_whole_sectors_rounded_as_the_name_says) {
    EXPECT_EQ(exact_sectors(1024), Sectors{2});
    EXPECT_EQ(sectors_ceil(0), Sectors{0});
    EXPECT_EQ(sectors_ceil(1), Sectors{1});
    EXPECT_EQ(sectors_ceil(512), Sectors{1});
    EXPECT_EQ(sectors_ceil(513), Sectors{2});
    EXPECT_EQ(Sectors{3}.bytes(), 1536u);
}

TEST(Units, a_chunk_size_of_one_sector_is_the_identity) {
    const ChunkSize c(Sectors{1});
    EXPECT_EQ(c.chunk_floor({12345}), ChunkIndex{12345});
    EXPECT_EQ(c.chunks_ceil({12345}), 12345u);
    EXPECT_EQ(c.start_of({12345}), Sectors{12345});
    EXPECT_EQ(c.offset_in_chunk({12345}), Sectors{0});
}

TEST(Units, the_biggest_chunk_on_the_biggest_device_stays_in_64_bits) {
    const ChunkSize c(Sectors{2097152});
    EXPECT_EQ(c.bytes(), std::uint64_t{1} << 30);
    const Sectors last{(std::uint64_t{1} << 55) - 1};
    EXPECT_EQ(c.chunk_floor(last), ChunkIndex{(std::uint64_t{1} << 34) - 1});
    EXPECT_EQ(c.offset_in_chunk(last), Sectors{2097151});
    EXPECT_EQ(c.chunks_ceil(last), std::uint64_t{1} << 34);
    EXPECT_EQ(c.length_of(std::uint64_t{1} << 34), Sectors{std::uint64_t{1} << 55});
}

TEST(Units, an_unknown_chunk_size_is_not_a_chunk_of_one_sector) {
    // A destination that waits for its handover: its size 0 must never be taken for a real one.
    const ChunkSize unset;
    EXPECT_FALSE(unset.is_set());
    EXPECT_EQ(unset.sectors(), Sectors{0});
    EXPECT_TRUE(ChunkSize(Sectors{1}).is_set());
    EXPECT_FALSE(unset == ChunkSize(Sectors{1}));
}

TEST(Units, quantities_compare_and_subtract_as_numbers) {
    EXPECT_EQ(min(Sectors{3}, Sectors{4}), Sectors{3});
    EXPECT_EQ(max(Sectors{3}, Sectors{4}), Sectors{4});
    EXPECT_EQ(ChunkIndex{9} - ChunkIndex{4}, 5u);
    EXPECT_TRUE(is_multiple_of({16}, {8}));
    EXPECT_FALSE(is_multiple_of({17}, {8}));
    EXPECT_LT((DeviceNumber{7, 9}), (DeviceNumber{253, 0}));
    EXPECT_NE((DeviceNumber{253, 1}), (DeviceNumber{253, 2}));
}

RC_GTEST_PROP(Units, a_sector_is_its_chunk_and_its_offset, ()) {
    const ChunkSize c(Sectors{std::uint64_t{1} << *rc::gen::inRange(0, 22)});
    const std::uint64_t bits = *rc::gen::arbitrary<std::uint64_t>();
    const Sectors s{bits >> *rc::gen::inRange(9, 64)};
    const ChunkIndex chunk = c.chunk_floor(s);
    RC_ASSERT(c.start_of(chunk) + c.offset_in_chunk(s) == s);
    RC_ASSERT(c.offset_in_chunk(s) < c.sectors());
    RC_ASSERT(c.chunk_floor(c.start_of(chunk)) == chunk);
    // As many chunks as are needed, and not one more.
    const std::uint64_t chunks = c.chunks_ceil(s);
    RC_ASSERT(c.length_of(chunks) >= s);
    RC_ASSERT(chunks == 0 || c.length_of(chunks - 1) < s);
}

}  // namespace
}  // namespace cowlab
