// A real disk keeps the promises of the port, whatever the kernel makes of a request.
#include "device/device_disk.h"

#include <sys/stat.h>

#include <cstring>
#include <deque>
#include <memory>

#include "base/prng.h"
#include "device/device_test_support.h"
#include "device/loop_device.h"

namespace cowlab {
namespace {

constexpr std::uint32_t actor = 1;

struct Request : Bio {
    bool has_ended = false;
    bool inside_submit = true;
};

class DeviceDiskTest : public DeviceTest {
  protected:
    DeviceDisk& make(DirectFile file, MediumSpec spec) {
        file_ = std::move(file);
        disk_ = std::make_unique<DeviceDisk>(arena_, executor_, ring_, cells_, nullptr, file_, spec,
                                             DeviceNumber{7, 0}, actor, trouble_);
        return *disk_;
    }
    DeviceDisk& make(Sectors size) {
        auto file = DirectFile::create_nameless(folder_, size);
        EXPECT_TRUE(file) << refusal_of(file);
        MediumSpec spec;
        spec.size = size;
        spec.write_cache = spec.discard = true;
        return make(std::move(*file), spec);
    }
    Request& submit(Op op, std::uint64_t start, std::uint64_t count, Payload payload = {}) {
        Request& r = requests_.emplace_back();
        r.op = op;
        r.start = {start};
        r.length = {count};
        r.payload = payload;
        return submit(r);
    }
    Request& submit(Request& r) {
        r.done = [](Bio& b) {
            auto& request = static_cast<Request&>(b);
            EXPECT_FALSE(request.inside_submit) << "done never runs inside submit()";
            request.has_ended = true;
        };
        disk_->submit(r);
        r.inside_submit = false;
        return r;
    }
    Errc finish(Request& r) {
        while (!r.has_ended && executor_.turn(DeviceExecutor::Until::forever)) {
        }
        EXPECT_TRUE(r.has_ended);
        return r.status;
    }
    Payload pattern(std::uint64_t seed, std::uint64_t start, std::uint64_t count) {
        const Payload p = cells_.allocate_cells({count});
        for (std::uint64_t i = 0; i < count; ++i)
            cells_.set_content(p, i, pattern_word(seed, start + i));
        return p;
    }
    Errc write(std::uint64_t start, std::uint64_t count, std::uint64_t seed) {
        return finish(submit(Op::write, start, count, pattern(seed, start, count)));
    }
    // The seed of each sector's pattern: what a read through the ring finds.
    bool reads(std::uint64_t start, std::uint64_t count, std::uint64_t seed) {
        const Payload p = cells_.allocate_cells({count});
        if (finish(submit(Op::read, start, count, p)) != Errc::ok) return false;
        for (std::uint64_t i = 0; i < count; ++i) {
            const ContentId wanted = seed == 0 ? zero_content : pattern_word(seed, start + i);
            if (cells_.content(p, i) != wanted) return false;
        }
        return true;
    }

    Arena arena_{std::size_t{1} << 32};
    FiberStacks stacks_{4};
    Uring ring_;
    DeviceExecutor executor_{arena_, stacks_, ring_, nullptr};
    Cells cells_{arena_, CellMode::bytes};
    HostTrouble trouble_;
    DirectFile file_;
    std::unique_ptr<DeviceDisk> disk_;
    std::deque<Request> requests_;
};

TEST_F(DeviceDiskTest, what_is_written_through_the_ring_is_on_the_file) {
    make({64});
    ASSERT_EQ(write(8, 16, 3), Errc::ok);
    EXPECT_TRUE(reads(8, 16, 3));
    EXPECT_TRUE(reads(0, 8, 0));
    EXPECT_EQ(ring_.completions(), 3u) << "one completion a request";
    // Past the ring: the bytes themselves.
    for (std::uint64_t s = 0; s < 64; ++s) {
        EXPECT_EQ(disk_->raw_read({s}), s >= 8 && s < 24 ? pattern_word(3, s) : zero_content);
    }
}

TEST_F(DeviceDiskTest, requests_are_in_flight_together_and_end_in_their_own_turns) {
    make({512});
    for (std::uint64_t i = 0; i < 64; ++i) submit(Op::write, i * 8, 8, pattern(i + 1, i * 8, 8));
    EXPECT_EQ(disk_->requests_in_flight(), 64u);
    for (Request& r : requests_) EXPECT_EQ(finish(r), Errc::ok);
    EXPECT_EQ(disk_->requests_in_flight(), 0u);
    for (std::uint64_t i = 0; i < 64; ++i) EXPECT_TRUE(reads(i * 8, 8, i + 1));
}

TEST_F(DeviceDiskTest, more_requests_than_the_ring_has_entries_all_end) {
    make({1024});
    for (std::uint64_t i = 0; i < 1024; ++i) submit(Op::write, i, 1, pattern(7, i, 1));
    for (Request& r : requests_) EXPECT_EQ(finish(r), Errc::ok);
    EXPECT_EQ(ring_.completions(), 1024u);
    EXPECT_TRUE(reads(0, 1024, 7));
}

TEST_F(DeviceDiskTest, a_request_longer_than_one_operation_goes_on_where_that_ended) {
    constexpr std::uint64_t sectors = (std::uint64_t{65} << 20) / sector_bytes;
    make({sectors});
    ASSERT_EQ(write(0, sectors, 5), Errc::ok);
    EXPECT_EQ(ring_.completions(), 2u) << "64 MiB, and the rest";
    EXPECT_TRUE(reads(0, sectors, 5));
}

TEST_F(DeviceDiskTest, a_read_that_ends_short_for_good_is_an_error_and_not_half_a_success) {
    make({64});
    ASSERT_EQ(write(0, 64, 2), Errc::ok);
    // Somebody makes the file smaller behind our back: the kernel reads half, then nothing.
    ASSERT_EQ(::ftruncate(file_.descriptor(), 32 * sector_bytes), 0);
    const std::uint64_t before = ring_.completions();
    EXPECT_EQ(finish(submit(Op::read, 24, 16, cells_.allocate_cells({16}))), Errc::eio);
    EXPECT_EQ(ring_.completions() - before, 2u) << "short, then at the end";
    EXPECT_TRUE(reads(24, 8, 2));
}

TEST_F(DeviceDiskTest, an_address_the_device_does_not_like_takes_a_bounce_buffer) {
    make({64});
    const Payload block = cells_.allocate_cells({10});
    const Payload odd = Payload::bytes(block.data() + 8);
    ASSERT_NE(reinterpret_cast<std::uintptr_t>(odd.data()) % file_.memory_alignment(), 0u);
    for (std::uint64_t i = 0; i < 8; ++i) cells_.set_content(odd, i, pattern_word(4, i));
    ASSERT_EQ(finish(submit(Op::write, 0, 8, odd)), Errc::ok);
    EXPECT_TRUE(reads(0, 8, 4));
    std::memset(odd.data(), 0, 8 * sector_bytes);
    ASSERT_EQ(finish(submit(Op::read, 0, 8, odd)), Errc::ok);
    for (std::uint64_t i = 0; i < 8; ++i) EXPECT_EQ(cells_.content(odd, i), pattern_word(4, i));
}

TEST_F(DeviceDiskTest, zeros_are_written_without_memory_behind_them) {
    constexpr std::uint64_t sectors = 3 * 2048 + 8;  // more than one piece
    make({sectors + 8});
    ASSERT_EQ(write(0, sectors + 8, 6), Errc::ok);
    ASSERT_EQ(finish(submit(Op::write, 0, sectors, Payload::zeros())), Errc::ok);
    EXPECT_TRUE(reads(0, sectors, 0));
    EXPECT_TRUE(reads(sectors, 8, 6));
}

TEST_F(DeviceDiskTest, a_discard_makes_a_hole_that_reads_zeros) {
    make({4096});
    ASSERT_EQ(write(0, 4096, 6), Errc::ok);
    struct stat before {
    }, after{};
    ASSERT_EQ(finish(submit(Op::flush, 0, 0)), Errc::ok);
    ASSERT_EQ(::fstat(file_.descriptor(), &before), 0);
    ASSERT_EQ(finish(submit(Op::discard, 1024, 2048)), Errc::ok);
    ASSERT_EQ(::fstat(file_.descriptor(), &after), 0);
    EXPECT_LT(after.st_blocks, before.st_blocks) << "the space is given back";
    EXPECT_EQ(after.st_size, before.st_size);
    EXPECT_TRUE(reads(1024, 2048, 0));
    EXPECT_TRUE(reads(0, 1024, 6));
    EXPECT_TRUE(reads(3072, 1024, 6));
}

TEST_F(DeviceDiskTest, a_write_with_a_preflush_flushes_first) {
    make({64});
    ASSERT_EQ(write(0, 8, 1), Errc::ok);
    Request& r = requests_.emplace_back();
    r.op = Op::write;
    r.preflush = r.fua = true;
    r.start = {8};
    r.length = {8};
    r.payload = pattern(2, 8, 8);
    const std::uint64_t before = ring_.completions();
    EXPECT_EQ(finish(submit(r)), Errc::ok);
    EXPECT_EQ(ring_.completions() - before, 2u) << "a flush and a write";
    EXPECT_TRUE(reads(8, 8, 2));
}

TEST_F(DeviceDiskTest, a_disk_ends_where_its_line_says_even_if_the_file_goes_on) {
    auto file = DirectFile::create_nameless(folder_, {64});
    ASSERT_TRUE(file) << refusal_of(file);
    MediumSpec spec;
    spec.size = {32};
    make(std::move(*file), spec);
    EXPECT_EQ(finish(submit(Op::write, 28, 8, pattern(1, 28, 8))), Errc::eio);
    EXPECT_EQ(finish(submit(Op::write, UINT64_MAX, 8, pattern(1, 28, 8))), Errc::eio);
    EXPECT_EQ(ring_.completions(), 0u) << "such a request never gets to the kernel";
    EXPECT_EQ(finish(submit(Op::write, 24, 8, pattern(1, 24, 8))), Errc::ok);
}

TEST_F(DeviceDiskTest, half_a_block_never_gets_to_a_device_of_larger_blocks) {
    auto file = DirectFile::create_nameless(folder_, {64});
    ASSERT_TRUE(file) << refusal_of(file);
    auto loop = attach_loop_device(*file, {8});
    if (!loop) GTEST_SKIP() << "no loop device can be attached here (root, /dev/loop-control)";
    MediumSpec spec;
    spec.size = {64};
    spec.logical_block = {8};
    spec.write_cache = spec.discard = true;
    make(std::move(*loop), spec);
    EXPECT_EQ(finish(submit(Op::write, 4, 8, pattern(1, 4, 8))), Errc::eio);
    EXPECT_EQ(finish(submit(Op::write, 8, 4, pattern(1, 8, 4))), Errc::eio);
    EXPECT_EQ(write(8, 8, 9), Errc::ok);
    EXPECT_TRUE(reads(8, 8, 9));
    EXPECT_EQ(finish(submit(Op::discard, 8, 8)), Errc::ok);
    EXPECT_TRUE(reads(8, 8, 0));
    EXPECT_EQ(finish(submit(Op::flush, 0, 0)), Errc::ok);
    // One sector past the requests: the other seven of its block stay.
    EXPECT_EQ(write(16, 8, 9), Errc::ok);
    disk_->raw_write({18}, pattern_word(5, 18));
    disk_->write_back();
    EXPECT_EQ(disk_->raw_read({18}), pattern_word(5, 18));
    EXPECT_EQ(disk_->raw_read({19}), pattern_word(9, 19));
}

TEST_F(DeviceDiskTest, its_digest_is_that_of_a_simulated_disk_with_the_same_content) {
    DeviceDisk& disk = make({64});
    const std::uint64_t blank = disk.content_digest();
    EXPECT_EQ(blank, mix64(64));
    ASSERT_EQ(write(3, 2, 8), Errc::ok);
    EXPECT_NE(disk.content_digest(), blank);
    ASSERT_EQ(finish(submit(Op::write, 3, 2, Payload::zeros())), Errc::ok);
    EXPECT_EQ(disk.content_digest(), blank);
}

}  // namespace
}  // namespace cowlab
