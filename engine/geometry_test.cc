// The corners of geometry: origins of 16 TiB and more, chunks of one sector and of 1 GiB, a short
// last chunk, COW devices of many TiB. Everything is sparse; what is looked at are both ends.
#include <gtest/gtest.h>

#include <string>

#include "engine/store_format.h"
#include "sim/sim_world_test_support.h"
#include "world/store_image_test_support.h"

namespace cowlab {
namespace {

constexpr std::uint64_t tebibyte = std::uint64_t{1} << 31;  // sectors

std::string number(std::uint64_t n) { return std::to_string(n); }

struct Geometry {
    const char* name;
    std::uint64_t origin;
    std::uint64_t chunk;
};

const Geometry geometries[] = {
    {"16_TiB_chunk_1", 16 * tebibyte, 1},
    {"16_TiB_chunk_8", 16 * tebibyte, 8},
    {"16_TiB_and_3_sectors_chunk_8", 16 * tebibyte + 3, 8},
    {"16_TiB_less_1_sector_chunk_2048", 16 * tebibyte - 1, 2048},
    {"16_TiB_chunk_1_GiB", 16 * tebibyte, 2097152},
    {"16_TiB_and_5_sectors_chunk_1_GiB", 16 * tebibyte + 5, 2097152},
    {"16_EiB_chunk_1", std::uint64_t{1} << 54, 1},
    {"16_EiB_and_9_sectors_chunk_16", (std::uint64_t{1} << 54) + 9, 16},
};

class GeometryTest : public testing::TestWithParam<Geometry> {
  protected:
    const Geometry g = GetParam();
    const ChunkSize chunk{Sectors{g.chunk}};
    TestWorld w;
    const std::uint64_t last = g.origin - 1;

    std::string read(const std::string& device, std::uint64_t start, std::uint64_t count) {
        return w.contents("read " + device + " " + number(start) + " " + number(count));
    }
    void write(const std::string& device, std::uint64_t start, std::uint64_t count, int seed) {
        w.ok("write " + device + " " + number(start) + " " + number(count) + " " +
             std::to_string(seed));
    }
    // A pattern carries the low 32 bits of its sector.
    static std::string run(int seed, std::uint64_t start, std::uint64_t count) {
        return std::to_string(seed) + "@" + number(start & 0xffffffff) + "+" + number(count);
    }
    std::string table(const char* type) const {
        return " 0 " + number(g.origin) + " " + type + " @orig @cow P " + number(g.chunk);
    }
    void set_up() {
        w.ok("disk orig " + number(g.origin) + " fill 1 cache");
        // Header, area, and room for eight chunks.
        w.ok("disk cow " + number(10 * g.chunk) + " zero cache");
        w.ok("create base 0 " + number(g.origin) + " snapshot-origin @orig\nsuspend base");
        w.ok("create s" + table("snapshot") + "\nresume base");
    }
    void expect_the_snapshot_is_right() {
        EXPECT_EQ(read("s", 0, 2), run(1, 0, 2)) << "the origin's old first sectors";
        EXPECT_EQ(read("s", last - 1, 2), run(1, last - 1, 1) + " " + run(3, last, 1));
        EXPECT_EQ(read("base", 0, 2), run(2, 0, 1) + " " + run(1, 1, 1));
        EXPECT_EQ(read("base", last - 1, 2), run(2, last - 1, 1) + " " + run(1, last, 1));
        const std::uint64_t middle = g.origin / 2;
        EXPECT_EQ(read("s", middle, 1), run(4, middle, 1));
        EXPECT_EQ(read("base", middle, 1), run(1, middle, 1));
    }
};

TEST_P(GeometryTest, both_ends_are_kept_reloaded_and_merged) {
    set_up();
    write("base", 0, 1, 2);         // the first sector of the origin
    write("s", last, 1, 3);         // the last sector of the snapshot
    write("base", last - 1, 1, 2);  // its neighbour: the same chunk, or the one before
    write("s", g.origin / 2, 1, 4);
    expect_the_snapshot_is_right();
    const std::uint64_t used = g.chunk == 1 ? 4 : 3;  // last - 1 is a chunk of its own then
    const std::string numbers =
        number((2 + used) * g.chunk) + "/" + number(10 * g.chunk) + " " + number(2 * g.chunk);
    EXPECT_EQ(w.run("status s"), "= 0 " + number(g.origin) + " snapshot " + numbers);

    w.ok("suspend base\nremove s\ncreate s" + table("snapshot") + "\nresume base");
    expect_the_snapshot_is_right();
    EXPECT_EQ(w.run("status s"), "= 0 " + number(g.origin) + " snapshot " + numbers);

    w.ok("flush base\nflush s\npower-loss losing everything\nreload");
    expect_the_snapshot_is_right();

    w.ok("suspend base\nsuspend s\nload base" + table("snapshot-merge") +
         "\nresume base\nremove s");
    EXPECT_EQ(w.run("status base"), "= 0 " + number(g.origin) + " snapshot-merge " +
                                        number(2 * g.chunk) + "/" + number(10 * g.chunk) + " " +
                                        number(2 * g.chunk));
    EXPECT_EQ(read("orig", 0, 2), run(1, 0, 2));
    EXPECT_EQ(read("orig", last - 1, 2), run(1, last - 1, 1) + " " + run(3, last, 1));
    EXPECT_EQ(read("orig", g.origin / 2, 1), run(4, g.origin / 2, 1));
    EXPECT_TRUE(w.finish());
    std::printf("%-36s peak %5zu MiB\n", g.name, w.sim().arena().peak_bytes() >> 20);
}

TEST_P(GeometryTest, a_request_that_crosses_the_end_is_cut_there) {
    set_up();
    EXPECT_EQ(w.run("write s " + number(last) + " 5 9"), "= short 1");
    EXPECT_EQ(w.run("write s " + number(g.origin) + " 1 9"), "= err ENOSPC");
    EXPECT_EQ(read("s", last, 1), run(9, last, 1));
    EXPECT_EQ(w.run("zeroout s " + number(last) + " 2"), "= err EINVAL");
}

INSTANTIATE_TEST_SUITE_P(Of, GeometryTest, testing::ValuesIn(geometries),
                         [](const auto& info) { return std::string(info.param.name); });

// A snapshot of which only the very last, short chunk is changed: the copy must not leave the
// origin.
TEST(Geometry, copies_of_a_short_last_chunk_stay_inside_the_origin) {
    for (const std::uint64_t tail : {1, 5, 7}) {
        TestWorld w;
        const std::uint64_t size = 16 * tebibyte + tail;
        w.ok("disk orig " + number(size) +
             " fill 1\ndisk cow 128 fill 5\nwritebytes cow 0 00000000");
        w.ok("create base 0 " + number(size) + " snapshot-origin @orig\nsuspend base");
        w.ok("create s 0 " + number(size) + " snapshot @orig @cow P 8\nresume base");
        w.ok("write base " + number(size - 1) + " 1 2");
        const std::string kept = w.contents("read cow 16 8");
        EXPECT_EQ(kept, "1@" + number((16 * tebibyte) & 0xffffffff) + "+" + number(tail) + " 5@" +
                            number(16 + tail) + "+" + number(8 - tail))
            << "what lies behind the origin's end is not copied";
        EXPECT_EQ(w.world().errors_at_the_disks(), 0u);
    }
}

// ---- COW devices -------------------------------------------------------------------------------

TEST(Geometry, a_store_whose_data_lies_at_the_far_end_of_a_cow_of_nearly_512_TiB) {
    TestWorld w;
    const ChunkSize c(Sectors{16});
    const std::uint64_t cow = 512 * tebibyte - 1600;  // so that it does not end at a metadata chunk
    w.ok("disk orig 65536 fill 1\ndisk cow " + number(cow) + " fill 6");
    // One record only, and it points nearly at the end: chunks are never reused, so that allocation
    // goes on behind it.
    std::uint64_t far = cow / 16 - 3;
    ASSERT_FALSE(format::is_metadata_chunk(c, {far}) || format::is_metadata_chunk(c, {far + 1}) ||
                 format::is_metadata_chunk(c, {far + 2}));
    write_store(w.sim().cells(), w.medium("cow"), c, 1, [](std::uint64_t) { return 7u; });
    std::uint8_t sector[sector_bytes] = {};
    format::Record{{7}, {far}}.write(sector, 0);
    w.medium("cow").raw_write({16}, w.sim().cells().keep(sector));

    w.ok("create s 0 65536 snapshot @orig @cow PO 16");
    EXPECT_EQ(w.run("status s"),
              "= 0 65536 snapshot " + number((far + 1) * 16) + "/" + number(cow) + " 32");
    EXPECT_EQ(w.contents("read s 112 16"), "6@" + number((far * 16) & 0xffffffff) + "+16");
    w.ok("write s 0 1 2\nwrite s 65535 1 3");
    EXPECT_EQ(w.run("status s"), "= 0 65536 snapshot " + number(cow) + "/" + number(cow) + " 32");
    EXPECT_EQ(w.run("write s 16 1 4"), "= err EIO") << "not one chunk is left";
    EXPECT_EQ(w.run("status s"), "= 0 65536 snapshot Overflow");
    w.ok("remove s\ncreate s 0 65536 snapshot @orig @cow PO 16");
    EXPECT_EQ(w.contents("read s 65535 1"), "3@65535+1");
    EXPECT_EQ(w.contents("read s 112 1"), "6@" + number((far * 16) & 0xffffffff) + "+1");
    w.ok("remove s\ncreate m 0 65536 snapshot-merge @orig @cow PO 16");
    EXPECT_EQ(w.contents("read orig 112 16"), "6@" + number((far * 16) & 0xffffffff) + "+16");
    EXPECT_EQ(w.contents("read orig 65534 2"), "1@65534+1 3@65535+1");
}

TEST(Geometry, a_cow_of_one_chunk_less_than_it_needs_is_refused) {
    for (const std::uint64_t chunk : {1, 8, 2097152}) {
        TestWorld w;
        w.ok("disk orig " + number(16 * tebibyte) + " fill 1\ndisk cow " + number(2 * chunk - 1));
        w.ok("disk exact " + number(2 * chunk));
        const std::string table = "0 " + number(16 * tebibyte) + " snapshot @orig @";
        EXPECT_EQ(w.run("create s " + table + "cow P " + number(chunk)), "= err EIO (load)");
        w.ok("create s " + table + "exact P " + number(chunk));
        EXPECT_EQ(w.run("write s 0 1 1"), "= err EIO") << "header and area, and nothing for data";
    }
}

TEST(Geometry, the_largest_chunk_is_1_GiB_and_larger_ones_are_refused) {
    TestWorld w;
    w.ok("disk orig " + number(16 * tebibyte) + "\ndisk cow " + number(tebibyte));
    const std::string table = "create s 0 8 snapshot @orig @cow P ";
    EXPECT_EQ(w.run(table + "4194304"), "= err EINVAL (load)");
    EXPECT_EQ(w.run(table + "4194303"), "= err EINVAL (load)");
    EXPECT_EQ(w.run(table + "4294967296"), "= err EINVAL (load)");
    w.ok(table + "2097152");
    EXPECT_EQ(w.run("status s"), "= 0 8 snapshot 4194304/" + number(tebibyte) + " 4194304");
}

TEST(Geometry, a_machine_that_cannot_hold_the_metadata_buffers_answers_enomem) {
    SimOptions options;
    options.memory_limit = std::uint64_t{256} << 20;
    TestWorld w(options);
    w.ok("disk orig 8\ndisk cow " + number(tebibyte));
    EXPECT_EQ(w.run("create s 0 8 snapshot @orig @cow P 2097152"), "= err ENOMEM (load)");
    EXPECT_EQ(w.sim().sim_memory().peak() >> 20, 0u) << "and has not tried";
}

TEST(Geometry, a_transient_store_uses_every_sector_of_its_cow) {
    TestWorld w;
    w.ok("disk orig " + number(16 * tebibyte) + " fill 1\ndisk cow 17\n");
    w.ok("create s 0 " + number(16 * tebibyte) + " snapshot @orig @cow N 8");
    w.ok("write s 0 1 2\nwrite s " + number(16 * tebibyte - 1) + " 1 3");
    EXPECT_EQ(w.run("status s"), "= 0 " + number(16 * tebibyte) + " snapshot 16/17 0");
    EXPECT_EQ(w.run("write s 8 1 4"), "= err EIO");
    EXPECT_EQ(w.run("status s"), "= 0 " + number(16 * tebibyte) + " snapshot Invalid");
}

}  // namespace
}  // namespace cowlab
