// One metadata chunk in memory: what was set is written, everything else is zeros on the medium,
// whatever the buffer or the medium held before.
#include "engine/metadata_buffer.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "sim/sim_world_test_support.h"

namespace cowlab {
namespace {

struct BufferTest {
    TestWorld w;
    ChunkSize chunk;
    explicit BufferTest(std::uint64_t chunk_sectors, const char* disk_options = "fill 9")
        : chunk(Sectors{chunk_sectors}) {
        w.ok("disk d " + std::to_string(4 * chunk_sectors) + " " + disk_options);
    }
    BlockDevice& device() { return w.medium("d"); }
    Engine& engine() { return w.world().engine(); }
    std::string sectors(std::uint64_t start, std::uint64_t count) {
        return w.contents("read d " + std::to_string(start) + " " + std::to_string(count));
    }
};

bool same(const format::Record& a, const format::Record& b) {
    return a.old_chunk == b.old_chunk && a.new_chunk == b.new_chunk;
}

TEST(MetadataBuffer, an_area_written_is_the_records_and_then_zeros) {
    BufferTest t(8);
    t.w.on_fiber([&] {
        MetadataBuffer b(t.engine());
        ASSERT_EQ(b.reserve(t.chunk), Errc::ok);
        b.set_record(0, {{5}, {2}});
        b.set_record(40, {{6}, {3}});  // in the second sector: what lies between is zero
        EXPECT_EQ(b.write(t.device(), {8}, Purpose::area_write, true), Errc::ok);
    });
    EXPECT_EQ(t.sectors(0, 8), "9@0+8") << "nothing before";
    EXPECT_EQ(t.sectors(16, 8), "9@16+8") << "nothing behind";
    EXPECT_EQ(t.sectors(10, 6), "0+6");
    EXPECT_EQ(t.w.run("hex d 4096 32"),
              "= ok\n| 00001000  05 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00\n"
              "| 00001010  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    EXPECT_EQ(t.w.run("hex d 4736 16"),
              "= ok\n| 00001280  06 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00");
}

TEST(MetadataBuffer, what_was_cleared_never_comes_back) {
    BufferTest t(8);
    t.w.on_fiber([&] {
        MetadataBuffer b(t.engine());
        ASSERT_EQ(b.reserve(t.chunk), Errc::ok);
        for (std::uint64_t i = 0; i < 256; ++i) b.set_record(i, {{i}, {i + 2}});
        b.clear();
        EXPECT_TRUE(b.record(100).ends_list());
        b.set_record(2, {{7}, {8}});  // bytes of the old content lie on both sides of it
        EXPECT_TRUE(b.record(0).ends_list());
        EXPECT_TRUE(b.record(3).ends_list());
        EXPECT_EQ(b.write(t.device(), {0}, Purpose::area_write, true), Errc::ok);
    });
    EXPECT_EQ(t.w.run("hex d 0 64"),
              "= ok\n| 00000000  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
              "| 00000010  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
              "| 00000020  07 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00\n"
              "| 00000030  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    EXPECT_EQ(t.sectors(1, 7), "0+7");
}

TEST(MetadataBuffer, reading_finds_every_record_also_the_last_of_the_chunk) {
    BufferTest t(8);
    t.w.on_fiber([&] {
        MetadataBuffer b(t.engine());
        ASSERT_EQ(b.reserve(t.chunk), Errc::ok);
        b.set_record(255, {{77}, {88}});
        ASSERT_EQ(b.write(t.device(), {8}, Purpose::area_write, false), Errc::ok);
        MetadataBuffer c(t.engine());
        ASSERT_EQ(c.reserve(t.chunk), Errc::ok);
        for (std::uint64_t i = 0; i < 256; ++i) c.set_record(i, {{1}, {1}});  // to be replaced
        ASSERT_EQ(c.read(t.device(), {8}, Purpose::area_read), Errc::ok);
        EXPECT_TRUE(same(c.record(255), {{77}, {88}}));
        for (std::uint64_t i = 0; i < 255; ++i) EXPECT_TRUE(same(c.record(i), {{0}, {0}})) << i;
    });
}

TEST(MetadataBuffer, a_read_that_fails_leaves_zeros) {
    BufferTest t(8);
    t.w.ok("inject d area-read any eio once");
    t.w.on_fiber([&] {
        MetadataBuffer b(t.engine());
        ASSERT_EQ(b.reserve(t.chunk), Errc::ok);
        b.set_record(3, {{1}, {2}});
        EXPECT_EQ(b.read(t.device(), {8}, Purpose::area_read), Errc::eio);
        for (std::uint64_t i = 0; i < 256; ++i) EXPECT_TRUE(b.record(i).ends_list());
        EXPECT_EQ(b.read(t.device(), {8}, Purpose::area_read), Errc::ok)
            << "the next attempt reads";
        EXPECT_FALSE(b.record(0).ends_list());
    });
}

TEST(MetadataBuffer, a_write_says_when_any_part_of_it_failed) {
    BufferTest t(8192);  // 4 MiB: several requests
    t.w.ok("inject d area-write 7000+1 eio once");
    t.w.on_fiber([&] {
        MetadataBuffer b(t.engine());
        ASSERT_EQ(b.reserve(t.chunk), Errc::ok);
        b.set_record(0, {{1}, {2}});
        EXPECT_EQ(b.write(t.device(), {0}, Purpose::area_write, true), Errc::eio);
        EXPECT_EQ(b.write(t.device(), {0}, Purpose::area_write, true), Errc::ok);
    });
    EXPECT_EQ(t.sectors(1, 8192), "0+8191 9@8192+1");
}

TEST(MetadataBuffer, clearing_from_a_record_on_says_whether_anything_was_there) {
    BufferTest t(8);
    t.w.on_fiber([&] {
        MetadataBuffer b(t.engine());
        ASSERT_EQ(b.reserve(t.chunk), Errc::ok);
        EXPECT_FALSE(b.clear_from(0));
        b.set_record(10, {{1}, {2}});
        EXPECT_FALSE(b.clear_from(11));
        EXPECT_TRUE(b.clear_from(5));
        EXPECT_FALSE(b.clear_from(0)) << "all zero by now";
        EXPECT_TRUE(b.record(10).ends_list());
    });
}

TEST(MetadataBuffer, a_header_is_alone_in_its_chunk) {
    BufferTest t(8);
    t.w.on_fiber([&] {
        MetadataBuffer b(t.engine());
        ASSERT_EQ(b.reserve(t.chunk), Errc::ok);
        b.set_record(200, {{1}, {2}});
        b.set_header({format::magic, 1, 1, 8});
        EXPECT_EQ(b.header().chunk_size, 8u);
        EXPECT_EQ(b.write(t.device(), {0}, Purpose::header_write, false), Errc::ok);
    });
    EXPECT_EQ(t.sectors(1, 8), "0+7 9@8+1");
}

TEST(MetadataBuffer, durable_means_flush_and_fua_on_every_part) {
    BufferTest t(8192, "zero cache");
    t.w.on_fiber([&] {
        MetadataBuffer b(t.engine());
        ASSERT_EQ(b.reserve(t.chunk), Errc::ok);
        b.set_record(4000, {{1}, {2}});
        ASSERT_EQ(b.write(t.device(), {0}, Purpose::area_write, true), Errc::ok);
        ASSERT_EQ(b.write(t.device(), {8192}, Purpose::area_write, false), Errc::ok);
    });
    t.w.ok("power-loss losing everything");
    EXPECT_NE(t.sectors(125, 1), "0+1") << "record 4000 stands in sector 125";
    EXPECT_EQ(t.sectors(8192, 8192), "0+8192") << "the other was only in the cache";
}

TEST(MetadataBuffer, without_memory_reserving_fails_and_a_smaller_chunk_may_still_fit) {
    BufferTest t(8);
    SimMemory& memory = t.w.sim().sim_memory();
    const std::uint64_t before = memory.held();
    t.w.on_fiber([&] {
        MetadataBuffer b(t.engine());
        ASSERT_EQ(b.reserve(ChunkSize(Sectors{64})), Errc::ok);
        memory.fail_nth(1);
        EXPECT_EQ(b.reserve(ChunkSize(Sectors{128})), Errc::enomem);
        EXPECT_EQ(memory.held(), before) << "the old one is given back first";
        EXPECT_EQ(b.reserve(t.chunk), Errc::ok);
    });
    EXPECT_EQ(memory.held(), before);
}

RC_GTEST_PROP(MetadataBuffer, it_is_a_table_of_records_in_memory_and_on_the_medium, ()) {
    const std::uint64_t sectors = std::uint64_t{1} << *rc::gen::inRange(0, 7);
    BufferTest t(sectors);
    const std::uint64_t records = format::records_per_area(t.chunk);
    const int steps = *rc::gen::inRange(0, 60);
    std::map<std::uint64_t, format::Record> model;
    t.w.on_fiber([&] {
        MetadataBuffer b(t.engine());
        RC_ASSERT(b.reserve(t.chunk) == Errc::ok);
        for (int i = 0; i < steps; ++i) {
            const std::uint64_t at = *rc::gen::inRange<std::uint64_t>(0, records);
            switch (*rc::gen::inRange(0, 7)) {
                case 0:
                    b.clear_record(at);
                    model.erase(at);
                    break;
                case 1:
                    b.clear();
                    model.clear();
                    break;
                case 2:
                    b.clear_from(at);
                    model.erase(model.lower_bound(at), model.end());
                    break;
                case 3:
                    RC_ASSERT(b.write(t.device(), {sectors}, Purpose::area_write, true) ==
                              Errc::ok);
                    RC_ASSERT(b.read(t.device(), {sectors}, Purpose::area_read) == Errc::ok);
                    break;
                default: {
                    const format::Record r{{static_cast<std::uint64_t>(i)}, {at + 2}};
                    b.set_record(at, r);
                    model[at] = r;
                }
            }
            for (std::uint64_t k = 0; k < records; ++k) {
                const auto it = model.find(k);
                RC_ASSERT(same(b.record(k), it == model.end() ? format::Record{} : it->second));
            }
        }
    });
}

}  // namespace
}  // namespace cowlab
