// Protects the person at the keyboard: every refusal of `store`, its exit code and its whole text.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <functional>

#include "cli/store/plain_store.h"
#include "cli/store/store.h"
#include "cli/store/store_test_support.h"

namespace cowlab::store {
namespace {

using namespace test;

struct Refusal {
    std::string title;
    std::function<Result<int>(std::FILE*, std::FILE*)> command;
    int exit;
    std::string text;  // {} is the directory
};

auto dump_of(const std::string& image) {
    return [=](std::FILE* out, std::FILE*) { return dump({image, false}, out); };
}
auto check_of(const std::string& image, std::optional<std::string> origin = {}) {
    return [=](std::FILE* out, std::FILE*) { return check({image, origin, false}, out); };
}
auto read_of(ReadOptions options) {
    return [=](std::FILE* out, std::FILE* messages) { return read(options, out, messages); };
}

TEST(StoreRefusals, EachSaysWhatIsWrongAndWhatToDoInstead) {
    const TempDir dir;
    const auto path = [&](const char* name) { return dir / name; };
    std::vector<std::byte> store = make_store(8, 64, {{1, 2}, {2, 3}});
    write_file(path("cow"), store);
    write_file(path("origin"), std::vector<std::byte>(64 * 4096, std::byte{1}));
    write_file(path("odd"), std::vector<std::byte>(700));
    write_file(path("text"), [] {
        std::vector<std::byte> bytes(4096, std::byte{' '});
        std::memcpy(bytes.data(), "LABELONE", 8);
        return bytes;
    }());
    write_file(path("blank"), std::vector<std::byte>(4096));
    const auto with = [&](std::size_t at, std::uint32_t v) {
        std::vector<std::byte> bytes = store;
        std::memcpy(bytes.data() + at, &v, 4);
        return bytes;
    };
    write_file(path("version"), with(8, 2));
    write_file(path("chunk"), with(12, 12));
    write_file(path("locked"), store);
    // One disk with both on it, and aliases of the COW device.
    std::vector<std::byte> disk = store;
    disk.resize(2 * store.size());
    write_file(path("disk"), disk);
    shell("cd " + dir.path() +
          " && ln cow hardlink && ln -s cow symlink && xz -k cow && zstd -qk cow && mkdir sub");
    const int engine = ::open(path("locked").c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_EQ(::flock(engine, LOCK_EX | LOCK_NB), 0);

    const std::string no_file =
        "there is no such file: check the path (a window is written PATH@SECTOR+COUNT)";
    const std::string form =
        ": write PATH@SECTOR+COUNT, for example pv.img@2048+8192 (sectors of 512 bytes, "
        "decimal or 0x…)";
    const std::string where =
        ": check the path and the window (PATH@SECTOR+COUNT, see `lvs -a -o +seg_pe_ranges` or "
        "`dmsetup table`)";
    const std::string fitting =
        "; a list stands at byte 4096 as if the chunk size were 8 sectors (`store read "
        "--salvage --chunk-size 8` reads it)";
    const std::string same =
        "is the same as the COW device {}/cow: give the origin, the device the snapshot was "
        "taken of";
    const std::string target = " would be replaced: give -o another name";
    const Refusal refusals[] = {
        {"no file", dump_of(path("none")), 3, "{}/none: " + no_file},
        {"no file", check_of(path("none")), 3, "{}/none: " + no_file},
        {"no file", read_of({path("none"), path("origin"), {}, {}, false, {}}), 3,
         "{}/none: " + no_file},
        {"no origin", read_of({path("cow"), path("none"), {}, {}, false, {}}), 3,
         "{}/none: " + no_file},
        {"no origin", check_of(path("cow"), path("none")), 3, "{}/none: " + no_file},
        {"a directory", dump_of(path("sub")), 3,
         "{}/sub: is a directory: give an image file or a block device"},
        {"window without a count", dump_of(path("disk@8")), 3,
         "{}/disk@8: window '8': there is no +COUNT" + form},
        {"window with words", check_of(path("disk@a+b")), 3,
         "{}/disk@a+b: window 'a+b': SECTOR is not a number" + form},
        {"window beyond the end",
         read_of({path("disk@512+513"), path("origin"), {}, {}, false, {}}), 3,
         "{}/disk@512+513: the window ends at sector 1025, beyond the end of {}/disk, which has "
         "1024 sectors: give "
         "one that lies inside"},
        {"part of a sector", check_of(path("odd")), 3,
         "{}/odd: has 700 bytes, which is no multiple of 512: was it cut off? Copy it again, or "
         "read the whole "
         "sectors with {}/odd@0+1"},
        {"xz", dump_of(path("cow.xz")), 3,
         "{}/cow.xz: the image is compressed (xz): unpack it first with `xz -d {}/cow.xz` (if "
         "these are the device's "
         "own bytes, give the window {}/cow.xz@0+COUNT)"},
        {"zstd as an origin", read_of({path("cow"), path("cow.zst"), {}, {}, false, {}}), 3,
         "{}/cow.zst: the image is compressed (zstd): unpack it first with `zstd -d {}/cow.zst` "
         "(if these are the "
         "device's own bytes, give the window {}/cow.zst@0+COUNT)"},
        {"held by an engine", dump_of(path("locked")), 3,
         "{}/locked: a running engine holds it (an exclusive lock): take the snapshot down first "
         "or read a copy"},
        {"held by an engine", check_of(path("locked")), 3,
         "{}/locked: a running engine holds it (an exclusive lock): take the snapshot down first "
         "or read a copy"},
        {"held by an engine", read_of({path("locked"), path("origin"), {}, {}, true, {}}), 3,
         "{}/locked: a running engine holds it (an exclusive lock): take the snapshot down first "
         "or read a copy"},
        {"not a store", dump_of(path("text")), 3,
         "{}/text: no store to read here: the magic is 0x4542414c, not 0x70416e53 (\"SnAp\"): not "
         "a COW device, not "
         "its first sector, or overwritten" +
             where},
        {"a blank device", dump_of(path("blank")), 3,
         "{}/blank: no store to read here: the header is all zero: no snapshot was ever made here, "
         "or it was wiped" +
             where},
        {"a blank device", read_of({path("blank"), path("origin"), {}, {}, false, {}}), 3,
         "{}/blank: no store to read here: the header is all zero: no snapshot was ever made here, "
         "or it was wiped" +
             where},
        {"a blank device", read_of({path("blank"), path("origin"), {}, {}, true, {}}), 3,
         "{}/blank: nothing to salvage with this header: byte 0: blank: the header is all zero: no "
         "snapshot was ever "
         "made here, or it was wiped: if a store is here, say its chunk size with --chunk-size "
         "SECTORS"},
        {"another version", dump_of(path("version")), 3,
         "{}/version: no store to read here: the version is 2, only 1 is known" + fitting + where},
        {"a bad chunk size", dump_of(path("chunk")), 3,
         "{}/chunk: no store to read here: the chunk size 12 is not a power of two" + fitting +
             where},
        {"origin is the COW device", read_of({path("cow"), path("cow"), {}, {}, false, {}}), 3,
         "{}/cow: " + same},
        {"by hard link", read_of({path("cow"), path("hardlink"), {}, {}, false, {}}), 3,
         "{}/hardlink: " + same},
        {"by symbolic link", read_of({path("cow"), path("symlink"), {}, {}, false, {}}), 3,
         "{}/symlink: " + same},
        {"windows overlap", read_of({path("disk@0+512"), path("disk@500+524"), {}, {}, false, {}}),
         3,
         "{}/disk@500+524: shares 12 sectors, from its sector 0 on, with the COW device "
         "{}/disk@0+512: give windows "
         "that do not overlap (`dmsetup table`, `lvs -a -o +seg_pe_ranges`)"},
        {"origin too small", read_of({path("cow"), path("origin"), {}, Sectors{600}, false, {}}), 3,
         "{}/origin: has 512 sectors, fewer than the --size 600 of the snapshot: give the origin "
         "it was taken of, or "
         "a smaller size"},
        {"another origin", read_of({path("cow"), path("odd@0+1"), {}, {}, false, {}}), 3,
         "{}/cow: not served: byte 4096: record-old-out-of-range: record 0 of area 0 maps old "
         "chunk 1 to new chunk 2, "
         "the origin has 1 chunks: `cowlab store check` lists all findings, --salvage serves what "
         "can be served"},
        {"size 0", read_of({path("cow"), path("origin"), {}, Sectors{0}, false, {}}), 2,
         "--size: a snapshot has at least 1 sector: leave the option out to read as many as the "
         "origin has"},
        {"chunk size without salvage", read_of({path("cow"), path("origin"), {}, {}, false, 8}), 2,
         "--chunk-size: the store says its chunk size itself: only --salvage may overrule it"},
        {"bad chunk size", read_of({path("cow"), path("origin"), {}, {}, true, 3}), 2,
         "--chunk-size: 3 sectors is not a power of two: give a power of two from 1 to 2097152"},
        {"chunk size for the image", read_of({path("cow"), path("origin"), {}, {}, true, 512}), 3,
         "{}/cow: the image is too small for chunks of 512 sectors: give the chunk size the "
         "snapshot was made with"},
        {"-o into no directory",
         read_of({path("cow"), path("origin"), path("gone/s"), {}, false, {}}), 3,
         "{}/gone/s: the directory {}/gone does not exist: make it first"},
        {"-o is a directory", read_of({path("cow"), path("origin"), path("sub"), {}, false, {}}), 3,
         "{}/sub: is not a regular file, and -o only makes those: give another name, or write into "
         "it with `> "
         "{}/sub` instead of -o"},
        {"-o is a device", read_of({path("cow"), path("origin"), "/dev/full", {}, false, {}}), 3,
         "/dev/full: is not a regular file, and -o only makes those: give another name, or write "
         "into it with `> "
         "/dev/full` instead of -o"},
        {"-o is the origin", read_of({path("cow"), path("origin"), path("origin"), {}, false, {}}),
         3, "{}/origin: is the file of {}/origin, which" + target},
        {"-o is the COW device",
         read_of({path("cow"), path("origin"), path("hardlink"), {}, false, {}}), 3,
         "{}/hardlink: is the file of {}/cow, which" + target},
    };
    for (const Refusal& r : refusals) {
        SCOPED_TRACE(r.title);
        const Ran ran = run(r.command);
        EXPECT_EQ(ran.exit, r.exit);
        EXPECT_EQ(ran.out, "");
        std::string expected = "cowlab: " + r.text;
        for (std::size_t at; (at = expected.find("{}")) != std::string::npos;)
            expected.replace(at, 2, dir.path());
        EXPECT_EQ(ran.error, expected);
    }
    ::close(engine);
    std::printf("%zu refusals\n", std::size(refusals));
}

TEST(StoreRefusals, DisjointWindowsOfOneFileAreNoAlias) {
    const TempDir dir;
    std::vector<std::byte> disk = make_store(8, 64, {{1, 2}});
    disk.resize(2 * disk.size());
    write_file(dir / "disk", disk);
    const Ran ran =
        run(read_of({dir / "disk@0+512", dir / "disk@512+512", dir / "s", {}, false, {}}));
    EXPECT_EQ(ran.exit, 0) << ran.error;
}

TEST(StoreRefusals, ALoopDeviceOverTheCowFileIsAnAlias) {
    const TempDir dir;
    std::vector<std::byte> disk = make_store(8, 64, {{1, 2}});
    disk.resize(2 * disk.size());
    write_file(dir / "disk", disk);
    const LoopDevice second_half(dir / "disk", "-r -o 262144");
    const LoopDevice whole(dir / "disk", "-r");
    if (whole.path().empty() || second_half.path().empty()) GTEST_SKIP() << "no loop devices here";
    const Ran refused = run(read_of({dir / "disk@0+512", whole.path(), {}, {}, false, {}}));
    EXPECT_EQ(refused.exit, 3);
    EXPECT_EQ(refused.error,
              fmt::format("cowlab: {}: shares 512 sectors, from its sector 0 on, with the COW "
                          "device {}: give windows "
                          "that do not overlap (`dmsetup table`, `lvs -a -o +seg_pe_ranges`)",
                          whole.path(), dir / "disk@0+512"));
    const Ran refused_target =
        run(read_of({dir / "disk@0+512", second_half.path(), dir / "disk", {}, false, {}}));
    EXPECT_EQ(refused_target.exit, 3) << "the loop device's file would be replaced";
    const Ran served =
        run(read_of({dir / "disk@0+512", second_half.path(), dir / "s", {}, false, {}}));
    EXPECT_EQ(served.exit, 0) << served.error;
}

}  // namespace
}  // namespace cowlab::store
