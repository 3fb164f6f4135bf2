// Protects `store read`: what is served for each chunk, what salvage gives up and says so, and that
// a result file is complete, sparse and never half there.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "cli/store/plain_store.h"
#include "cli/store/store.h"
#include "cli/store/store_test_support.h"

namespace cowlab::store {
namespace {

using namespace test;

// Chunks of 1 sector: an origin of 16 sectors full of 0xee, a COW device of 40 sectors.
class StoreRead : public testing::Test {
  protected:
    StoreRead() {
        origin_.assign(16 * 512, std::byte{0xee});
        write_file(origin(), origin_);
        set_cow({{3, 2}, {7, 3}, {4, 4}});
    }
    std::string cow() const { return dir_ / "cow"; }
    std::string origin() const { return dir_ / "origin"; }
    std::string result() const { return dir_ / "result"; }
    void set_cow(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& records,
                 std::uint32_t valid = 1) {
        write_file(cow(), make_store(1, 40, records, valid));
    }
    void poke(std::uint64_t at, const std::vector<unsigned char>& bytes) {
        const int fd = ::open(cow().c_str(), O_WRONLY | O_CLOEXEC);
        EXPECT_EQ(::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at)),
                  static_cast<ssize_t>(bytes.size()));
        ::close(fd);
    }
    Ran read_it(bool salvage = false, std::optional<Sectors> size = {},
                std::optional<std::uint64_t> chunk_size = {}) {
        return run([&](std::FILE* out, std::FILE* messages) {
            return read({cow(), origin(), {}, size, salvage, chunk_size}, out, messages);
        });
    }
    // A letter a sector: '.' for the origin's, a digit for the data chunk it came from.
    static std::string sectors_of(std::string_view content) {
        std::string s;
        for (std::size_t i = 0; i + 512 <= content.size(); i += 512) {
            const auto byte = static_cast<unsigned char>(content[i]);
            EXPECT_EQ(content.substr(i, 512), std::string(512, content[i]));
            s += byte == 0xee ? '.' : static_cast<char>(byte < 10 ? '0' + byte : 'a' + byte - 10);
        }
        return s;
    }

    TempDir dir_;
    std::vector<std::byte> origin_;
};

TEST_F(StoreRead, MappedChunksComeFromTheCowDeviceAndTheRestFromTheOrigin) {
    const Ran ran = read_it();
    EXPECT_EQ(ran.exit, 0) << ran.error;
    EXPECT_EQ(sectors_of(ran.out), "...24..3........");
    EXPECT_EQ(ran.messages, "");
}

TEST_F(StoreRead, AShorterSnapshotEndsInTheMiddleOfARun) {
    set_cow({{3, 2}, {4, 3}, {5, 4}, {6, 5}});
    const Ran ran = read_it(false, Sectors{5});
    EXPECT_EQ(ran.exit, 0) << ran.error;
    EXPECT_EQ(sectors_of(ran.out), "...23");
}

TEST_F(StoreRead, TheLastChunkIsCutAtTheEndOfTheOrigin) {
    write_file(cow(), make_store(8, 6, {{1, 2}}));
    write_file(origin(), std::span(origin_).first(11 * 512));
    EXPECT_EQ(sectors_of(read_it().out), "........222");
}

TEST_F(StoreRead, AnInvalidatedStoreIsOnlySalvaged) {
    set_cow({{3, 2}}, 0);
    const Ran refused = read_it();
    EXPECT_EQ(refused.exit, 3);
    EXPECT_EQ(refused.out, "");
    EXPECT_EQ(refused.error, "cowlab: " + cow() +
                                 ": not served: byte 4: invalidated: the snapshot was invalidated "
                                 "(it overflowed or a device "
                                 "failed): `cowlab store check` lists all findings, --salvage "
                                 "serves what can be served");
    const Ran salvaged = read_it(true);
    EXPECT_EQ(salvaged.exit, 0) << salvaged.error;
    EXPECT_EQ(sectors_of(salvaged.out), "...2............");
    EXPECT_NE(salvaged.messages.find("invalidated at byte 4"), std::string::npos)
        << salvaged.messages;
}

TEST_F(StoreRead, SalvageSkipsImpossibleRecordsAndNamesTheSectors) {
    set_cow({{3, 2}, {4, 900}, {5, 4}, {6, 34}, {9, 6}});
    EXPECT_EQ(read_it().exit, 3);
    const Ran ran = read_it(true);
    EXPECT_EQ(ran.exit, 0) << ran.error;
    EXPECT_EQ(sectors_of(ran.out), "...2.4...6......");
    EXPECT_EQ(
        ran.messages,
        fmt::format(
            "cowlab: {0}: record-new-out-of-range at byte 528: record 1 of area 0 maps old chunk 4 "
            "to new "
            "chunk 900, the image has 40 whole chunks: reads of the old chunk fail with EIO: "
            "damaged, or the "
            "image was cut off\n"
            "cowlab: {0}: record-new-on-metadata at byte 560: record 3 of area 0 maps old chunk 6 "
            "to new "
            "chunk 34, which holds exception records: reads return metadata, a write destroys the "
            "exceptions "
            "of an area\n"
            "cowlab: {0}: salvage: sectors 4+1 of the snapshot are the origin's content of today\n"
            "cowlab: {0}: salvage: sectors 6+1 of the snapshot are the origin's content of today\n"
            "cowlab: {0}: salvage: 3 of 5 records served, 2 chunks given up to the origin\n",
            cow()));
}

TEST_F(StoreRead, TheFirstOfTwoRecordsForOneChunkWins) {
    set_cow({{3, 2}, {4, 3}, {3, 4}});
    EXPECT_EQ(read_it().exit, 3);
    const Ran ran = read_it(true);
    EXPECT_EQ(sectors_of(ran.out), "...23...........");
    EXPECT_EQ(ran.messages.find("of the snapshot are"), std::string::npos) << "the chunk is served";
}

TEST_F(StoreRead, AChunkIsNotGivenUpWhenAnotherRecordServesIt) {
    set_cow({{3, 900}, {4, 3}, {3, 4}});
    const Ran ran = read_it(true);
    EXPECT_EQ(sectors_of(ran.out), "...43...........");
    EXPECT_EQ(ran.messages.find("of the snapshot are"), std::string::npos) << ran.messages;
}

TEST_F(StoreRead, OfTwoRecordsForOneDataChunkTheOneInItsPlaceIsServed) {
    set_cow({{3, 4}, {4, 3}, {5, 4}});  // record 0 was changed from 2
    const Ran ran = read_it(true);
    EXPECT_EQ(sectors_of(ran.out), "....34..........");
    EXPECT_NE(ran.messages.find("sectors 3+1 of the snapshot"), std::string::npos) << ran.messages;
}

TEST_F(StoreRead, NothingBehindAHoleIsServedAndSalvageSaysWhatThatWas) {
    set_cow({{3, 2}, {0, 0}, {5, 4}, {6, 5}, {9, 6}});
    const Ran refused = read_it();
    EXPECT_NE(refused.error.find("not served: byte 528: hole-in-list:"), std::string::npos)
        << refused.error;
    const Ran ran = read_it(true);
    EXPECT_EQ(sectors_of(ran.out), "...2............");
    EXPECT_NE(ran.messages.find("salvage: sectors 5+2 of the snapshot are the origin's"),
              std::string::npos)
        << ran.messages;
    EXPECT_NE(ran.messages.find("salvage: sectors 9+1 of the snapshot are the origin's"),
              std::string::npos)
        << ran.messages;
    EXPECT_NE(ran.messages.find("salvage: 1 of 1 records served, 3 chunks given up"),
              std::string::npos)
        << ran.messages;
}

TEST_F(StoreRead, WhatAPowerLossLeavesBehindTheEndIsServedWithoutAndSaid) {
    write_file(cow(), make_store(2, 70, {{3, 2}}));
    poke(2 * 512 + 512, {5, 0, 0, 0, 0, 0, 0, 0, 34, 0, 0, 0, 0, 0, 0, 0});
    const Ran ran = read_it();
    EXPECT_EQ(ran.exit, 0) << ran.error;
    EXPECT_EQ(sectors_of(ran.out), "......22........");
    EXPECT_EQ(ran.messages, fmt::format("cowlab: {}: records-after-terminator at byte 1536: "
                                        "records go on at record 32 of area 0 "
                                        "behind the end of the list (record 1 of area 0), in "
                                        "another sector: the last write of the "
                                        "area was torn, or a sector was lost: they are not served; "
                                        "a kernel that goes on with the "
                                        "store revives them later (cowlab clears them)\n",
                                        cow()));
}

TEST_F(StoreRead, ALostHeaderIsSalvagedWithTheChunkSizeFromTheCommandLine) {
    poke(0, std::vector<unsigned char>(16, 0));
    const Ran refused = read_it(true);
    EXPECT_EQ(refused.exit, 3);
    EXPECT_EQ(refused.error, "cowlab: " + cow() +
                                 ": nothing to salvage with this header: byte 0: blank: the header "
                                 "is all zero: no snapshot was "
                                 "ever made here, or it was wiped; a list stands at byte 512 as if "
                                 "the chunk size were 1 sectors "
                                 "(`store read --salvage --chunk-size 1` reads it): if a store is "
                                 "here, say its chunk size with "
                                 "--chunk-size SECTORS");
    const Ran ran = read_it(true, {}, 1);
    EXPECT_EQ(ran.exit, 0) << ran.error;
    EXPECT_EQ(sectors_of(ran.out), "...24..3........");
}

TEST_F(StoreRead, TheResultIsAFileWithHolesThatReplacesAnOldOneAtomically) {
    // 1 GiB of nothing with one written block in the origin and one on the COW device.
    const int fd = ::open(origin().c_str(), O_RDWR | O_TRUNC | O_CLOEXEC);
    ASSERT_EQ(::ftruncate(fd, 1 << 30), 0);
    const std::string block(4096, 'o');
    ASSERT_EQ(::pwrite(fd, block.data(), block.size(), 700 << 20), 4096);
    ::close(fd);
    write_file(cow(), make_store(8, 6, {{5, 2}}));
    write_file(result(), std::vector<std::byte>(100));
    ASSERT_EQ(::chmod(result().c_str(), 0640), 0);
    const int old_file = ::open(result().c_str(), O_RDONLY | O_CLOEXEC);

    const Ran ran = run([&](std::FILE* out, std::FILE* messages) {
        return read({cow(), origin(), result(), {}, false, {}}, out, messages);
    });
    ASSERT_EQ(ran.exit, 0) << ran.error;
    struct stat st;
    ASSERT_EQ(::stat(result().c_str(), &st), 0);
    EXPECT_EQ(st.st_size, 1 << 30);
    EXPECT_EQ(st.st_mode & 0777, 0640u) << "the mode of the file it replaces";
    EXPECT_LE(st.st_blocks * 512, 1 << 20) << "zeros are holes";
    EXPECT_EQ(::fstat(old_file, &st), 0);
    EXPECT_EQ(st.st_size, 100) << "whoever has the old file open keeps it";
    ::close(old_file);
    char seen[2] = {};
    const int in = ::open(result().c_str(), O_RDONLY | O_CLOEXEC);
    EXPECT_EQ(::pread(in, seen, 1, 5 * 4096), 1);
    EXPECT_EQ(::pread(in, seen + 1, 1, 700 << 20), 1);
    ::close(in);
    EXPECT_EQ(seen[0], 2);
    EXPECT_EQ(seen[1], 'o');
    EXPECT_EQ(shell("ls " + dir_.path()), "cow\norigin\nresult\n") << "nothing is left beside it";
}

TEST_F(StoreRead, AFullDiskIsTheHostsErrorAndLeavesTheOldFile) {
    const std::string small = dir_ / "small";
    ASSERT_EQ(::mkdir(small.c_str(), 0700), 0);
    if (::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=16k") != 0)
        GTEST_SKIP() << "cannot mount a tmpfs";
    write_file(origin(), std::vector<std::byte>(1 << 20, std::byte{1}));
    write_file(small + "/result", std::vector<std::byte>(7));
    const Ran ran = run([&](std::FILE* out, std::FILE* messages) {
        return read({cow(), origin(), small + "/result", {}, false, {}}, out, messages);
    });
    const std::string left = shell("ls " + small + " | wc -l; stat -c %s " + small + "/result");
    ::umount(small.c_str());
    EXPECT_EQ(ran.exit, 75);
    EXPECT_EQ(ran.error, "cowlab: " + small +
                             "/result: the disk is full: free some space or write to another disk");
    EXPECT_EQ(left, "1\n7\n");
}

TEST_F(StoreRead, AFullStreamIsTheHostsError) {
    const Ran ran = run([&](std::FILE*, std::FILE* messages) {
        std::FILE* full = std::fopen("/dev/full", "w");
        auto result = read({cow(), origin(), {}, {}, false, {}}, full, messages);
        std::fclose(full);
        return result;
    });
    EXPECT_EQ(ran.exit, 75);
    EXPECT_EQ(
        ran.error,
        "cowlab: standard output: the disk is full: free some space or write to another disk");
}

}  // namespace
}  // namespace cowlab::store
