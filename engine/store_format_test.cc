// The layout of a persistent store is an interface: what Linux wrote must be found here, and what
// we write must be found by Linux (spec §9.1–9.4).
#include "engine/store_format.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>

#include "engine/exception_store.h"
#include "sim/sim_world_test_support.h"

namespace cowlab {
namespace {

using format::Header;
using format::Record;

TEST(StoreFormat, a_header_is_sixteen_bytes_in_the_order_of_the_page) {
    unsigned char bytes[20];
    std::memset(bytes, 0xee, sizeof bytes);
    Header{format::magic, 1, format::version, 16}.write(bytes);
    const unsigned char expected[] = {0x53, 0x6e, 0x41, 0x70, 1, 0, 0, 0, 1, 0, 0, 0, 16, 0, 0, 0};
    EXPECT_EQ(std::memcmp(bytes, expected, sizeof expected), 0)
        << "SnAp, valid, version, chunk size";
    EXPECT_EQ(bytes[16], 0xee) << "nothing behind it";
    const Header h = Header::read(bytes);
    EXPECT_EQ(h.magic, format::magic);
    EXPECT_EQ(h.valid, 1u);
    EXPECT_EQ(h.version, 1u);
    EXPECT_EQ(h.chunk_size, 16u);
}

TEST(StoreFormat, a_record_is_old_chunk_and_new_chunk) {
    unsigned char area[64];
    std::memset(area, 0xee, sizeof area);
    Record{{0x0102030405060708}, {0x1112131415161718}}.write(area, 2);
    const unsigned char expected[] = {8,    7,    6,    5,    4,    3,    2,    1,
                                      0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11};
    EXPECT_EQ(std::memcmp(area + 32, expected, 16), 0);
    EXPECT_EQ(area[31], 0xee);
    EXPECT_EQ(area[48], 0xee);
    EXPECT_EQ(Record::read(area, 2).old_chunk, ChunkIndex{0x0102030405060708});
    EXPECT_FALSE(Record::read(area, 2).ends_list());
    EXPECT_TRUE((Record{{7}, {0}}.ends_list())) << "the header's chunk is never a place for data";
    EXPECT_FALSE((Record{{0}, {2}}.ends_list())) << "old chunk 0 is a chunk";
}

TEST(StoreFormat, the_numbers_of_the_page_for_the_sizes_that_are_used) {
    struct {
        std::uint64_t sectors, records, second_area;
    } const rows[] = {{1, 32, 34}, {8, 256, 258}, {32, 1024, 1026}, {2097152, 67108864, 67108866}};
    for (const auto& r : rows) {
        const ChunkSize c(Sectors{r.sectors});
        EXPECT_EQ(format::records_per_area(c), r.records);
        EXPECT_EQ(format::area_chunk(c, 0), ChunkIndex{1});
        EXPECT_EQ(format::area_chunk(c, 1), ChunkIndex{r.second_area});
    }
}

RC_GTEST_PROP(StoreFormat, header_areas_and_data_divide_the_chunks_among_themselves, ()) {
    const ChunkSize c(Sectors{std::uint64_t{1} << *rc::gen::inRange(0, 22)});
    const std::uint64_t bits = *rc::gen::arbitrary<std::uint64_t>();
    const std::uint64_t area = bits >> *rc::gen::inRange(34, 64);
    const ChunkIndex at = format::area_chunk(c, area);
    RC_ASSERT(format::is_metadata_chunk(c, at));
    // Between two areas lie as many data chunks as one area has records.
    const ChunkIndex next = format::area_chunk(c, area + 1);
    RC_ASSERT(next - at == format::records_per_area(c) + 1);
    for (const std::uint64_t offset : {std::uint64_t{1}, format::records_per_area(c)}) {
        RC_ASSERT(!format::is_metadata_chunk(c, at + offset));
    }
}

TEST(StoreFormat, chunk_sizes_are_refused_for_the_three_reasons_of_the_page) {
    const auto problem = [](std::uint64_t size, std::uint64_t origin_block,
                            std::uint64_t cow_block) {
        const char* p = chunk_size_problem({size}, {origin_block}, {cow_block});
        return std::string(p == nullptr ? "" : p);
    };
    EXPECT_EQ(problem(1, 1, 1), "");
    EXPECT_EQ(problem(2097152, 1, 1), "");
    EXPECT_EQ(problem(8, 8, 8), "");
    EXPECT_EQ(problem(0, 1, 1), "Chunk size is not a power of 2");
    EXPECT_EQ(problem(12, 1, 1), "Chunk size is not a power of 2");
    EXPECT_EQ(problem(4, 8, 1), "Chunk size is not a multiple of device blocksize");
    EXPECT_EQ(problem(4, 1, 8), "Chunk size is not a multiple of device blocksize");
    EXPECT_EQ(problem(4194304, 1, 1), "Chunk size is too high");
}

// The same through the engine: the bytes on the medium, at the places the page gives them.
TEST(StoreFormat, a_store_on_a_disk_looks_like_the_page) {
    TestWorld w;
    w.ok("disk o 64 fill 1\ndisk c 64 fill 2\nwritebytes c 0 00000000");  // no magic: a new store
    w.ok("create s 0 64 snapshot @o @c P 1\nwrite s 9 1 7\nwrite s 3 1 7");
    EXPECT_EQ(w.run("hex c 0 32"),
              "= ok\n| 00000000  53 6e 41 70 01 00 00 00 01 00 00 00 01 00 00 00\n"
              "| 00000010  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    EXPECT_EQ(w.run("hex c 512 48"),
              "= ok\n| 00000200  09 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00\n"
              "| 00000210  03 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00\n"
              "| 00000220  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    EXPECT_EQ(w.contents("read c 2 4"), "7@9+1 7@3+1 2@4+2");
    // 32 records fill the area; chunk 34 is the next area, so the 33rd exception goes to 35.
    for (int i = 0; i < 31; ++i) w.ok("write s " + std::to_string(20 + i) + " 1 7");
    EXPECT_EQ(w.contents("read c 33 4"),
              "7@49+1 ?" + w.contents("read c 34 1").substr(1) + " 7@50+1 2@36+1");
    EXPECT_EQ(w.run("hex c 17408 16"),
              "= ok\n| 00004400  32 00 00 00 00 00 00 00 23 00 00 00 00 00 00 00");
    EXPECT_EQ(w.run("status s"), "= 0 64 snapshot 36/64 3");
}

}  // namespace
}  // namespace cowlab
