// Protects the door: what is taken for an image, what is refused, and that a window is all there
// is.
#include "cli/image_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include "cli/store/store_test_support.h"

namespace cowlab {
namespace {

using namespace store::test;

std::vector<std::byte> numbered_sectors(std::size_t n) {
    std::vector<std::byte> bytes(n * 512);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i / 512 + 1);
    return bytes;
}

std::string refusal_of(const std::string& typed) {
    auto image = FileImage::open(typed, FileImage::Access::shared);
    return image ? "opened" : image.error().text;
}

TEST(ImageFile, AWindowIsAllThereIs) {
    const TempDir dir;
    write_file(dir / "disk", numbered_sectors(10));
    for (const char* window : {"@4+3", "@0x4+0x3"}) {
        auto image = FileImage::open(dir / "disk" + window, FileImage::Access::shared);
        ASSERT_TRUE(image) << image.error().text;
        EXPECT_EQ((*image)->bytes(), 3u * 512);
        std::vector<std::byte> content(3 * 512);
        ASSERT_TRUE((*image)->read(0, content));
        EXPECT_EQ(content.front(), std::byte{5});
        EXPECT_EQ(content.back(), std::byte{7});
    }
}

TEST(ImageFile, AFileWithAnAtInItsNameIsTakenWhole) {
    const TempDir dir;
    write_file(dir / "disk@2+1", numbered_sectors(4));
    auto image = FileImage::open(dir / "disk@2+1", FileImage::Access::shared);
    ASSERT_TRUE(image) << image.error().text;
    EXPECT_EQ((*image)->bytes(), 4u * 512);
    auto window = FileImage::open(dir / "disk@2+1@1+2", FileImage::Access::shared);
    ASSERT_TRUE(window) << window.error().text;
    EXPECT_EQ((*window)->bytes(), 2u * 512);
}

TEST(ImageFile, MalformedWindowsAreRefusedByPart) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "there is no +COUNT"},
        {"5", "there is no +COUNT"},
        {"+5", "SECTOR is not a number"},
        {"x+5", "SECTOR is not a number"},
        {"-1+5", "SECTOR is not a number"},
        {"1+", "COUNT is not a number"},
        {"1+5k", "COUNT is not a number"},
        {"1+0x", "COUNT is not a number"},
        {"1+ 5", "COUNT is not a number"},
        {"1+0", "COUNT is 0"},
        {"99999999999999999999+1", "SECTOR is not a number"},
        {"36028797018963968+1", "SECTOR is not a number"},  // 2^55: larger than any device
    };
    for (const auto& [window, what] : cases) {
        auto parsed = parse_image_window(std::string("pv.img@") + window, window);
        ASSERT_FALSE(parsed) << window;
        EXPECT_EQ(parsed.error().where, std::string("pv.img@") + window);
        EXPECT_EQ(parsed.error().text, fmt::format("window '{}': {}: write PATH@SECTOR+COUNT, for "
                                                   "example pv.img@2048+8192 (sectors of "
                                                   "512 bytes, decimal or 0x…)",
                                                   window, what));
    }
}

TEST(ImageFile, ASharedLockIsTakenAndAnExclusiveOneRefused) {
    const TempDir dir;
    write_file(dir / "disk", numbered_sectors(4));
    {
        auto a = FileImage::open(dir / "disk", FileImage::Access::exclusive);
        auto b = FileImage::open(dir / "disk", FileImage::Access::shared);
        EXPECT_TRUE(a && b) << "two readers do not disturb each other";
        const int engine = ::open((dir / "disk").c_str(), O_RDWR | O_CLOEXEC);
        EXPECT_NE(::flock(engine, LOCK_EX | LOCK_NB), 0)
            << "an engine must not start while we read";
        ::close(engine);
    }
    const int engine = ::open((dir / "disk").c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_EQ(::flock(engine, LOCK_EX | LOCK_NB), 0) << "the lock went with the image";
    EXPECT_EQ(refusal_of(dir / "disk"),
              "a running engine holds it (an exclusive lock): take the snapshot down first or read "
              "a copy");
    ::close(engine);
    EXPECT_EQ(refusal_of(dir / "disk"), "opened");
}

TEST(ImageFile, HolesAreSkippedAndTheirEndIsFound) {
    const TempDir dir;
    const int fd = ::open((dir / "sparse").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_EQ(::ftruncate(fd, 1 << 30), 0);
    const char x = 'x';
    ASSERT_EQ(::pwrite(fd, &x, 1, (1 << 29) + 5), 1);
    ::close(fd);
    auto image = FileImage::open(dir / "sparse", FileImage::Access::shared);
    ASSERT_TRUE(image);
    EXPECT_EQ(first_nonzero(**image, 0, (*image)->bytes()).value(), (1u << 29) + 5);
    EXPECT_EQ(first_nonzero(**image, (1 << 29) + 6, (*image)->bytes()).value(), 1u << 30);
    EXPECT_EQ(first_nonzero(**image, 0, 4096).value(), 4096u);
    if ((*image)->next_data(0).value() == 0) GTEST_SKIP() << "this file system does not tell holes";
    EXPECT_EQ((*image)->next_data((1 << 29) + 65536).value(), 1u << 30);
    auto window = FileImage::open(dir / "sparse@0+1024", FileImage::Access::shared);
    ASSERT_TRUE(window);
    EXPECT_EQ((*window)->next_data(0).value(), 1024u * 512)
        << "data behind the window is not its data";
}

TEST(ImageFile, AFileThatShrinksIsAnErrorAndNotZeros) {
    const TempDir dir;
    write_file(dir / "disk", numbered_sectors(100));
    auto image = FileImage::open(dir / "disk", FileImage::Access::shared);
    ASSERT_TRUE(image);
    ASSERT_EQ(::truncate((dir / "disk").c_str(), 512 * 10), 0);
    std::vector<std::byte> content(512 * 100);
    const auto read = (*image)->read(0, content);
    ASSERT_FALSE(read);
    EXPECT_EQ(
        read.error().text,
        "ends before sector 10: it shrank while it was read: read a copy that nobody changes");
    EXPECT_EQ((*image)->next_data(512 * 50).value(), 512u * 50) << "not a hole";
}

TEST(ImageFile, WhatIsNoImageIsRefusedWithWhatToDo) {
    const TempDir dir;
    write_file(dir / "odd", std::vector<std::byte>(1000));
    write_file(dir / "empty", {});
    write_file(dir / "disk", numbered_sectors(8));
    ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
    EXPECT_EQ(refusal_of(dir / "none"),
              "there is no such file: check the path (a window is written PATH@SECTOR+COUNT)");
    EXPECT_EQ(refusal_of(dir / "none@0+8"),
              "there is no such file: check the path (a window is written PATH@SECTOR+COUNT)");
    EXPECT_EQ(refusal_of(dir.path()), "is a directory: give an image file or a block device");
    const char* const neither =
        "is neither a file nor a block device: give one of them (a pipe must be stored "
        "in a file first)";
    EXPECT_EQ(refusal_of(dir / "fifo"), neither);
    EXPECT_EQ(refusal_of("/dev/null"), neither);
    EXPECT_EQ(refusal_of(dir / "empty"), "is empty: give an image with content");
    EXPECT_EQ(
        refusal_of(dir / "odd"),
        fmt::format(
            "has 1000 bytes, which is no multiple of 512: was it cut off? Copy it again, or read "
            "the whole sectors with {}@0+1",
            dir / "odd"));
    EXPECT_EQ(refusal_of(dir / "odd@0+1"), "opened");
    EXPECT_EQ(
        refusal_of(dir / "disk@4+5"),
        fmt::format(
            "the window ends at sector 9, beyond the end of {}, which has 8 sectors: give one that "
            "lies inside",
            dir / "disk"));
    EXPECT_EQ(refusal_of(dir / "disk@36028797018963967+36028797018963967").substr(0, 26),
              "the window ends at sector ");
    EXPECT_EQ(refusal_of(dir / "disk@4+4"), "opened");
}

TEST(ImageFile, CompressedImagesAreRefusedWithTheCommandToType) {
    const TempDir dir;
    write_file(dir / "disk", numbered_sectors(8));
    shell("cd " + dir.path() + " && xz -k disk && zstd -qk disk && gzip -k disk");
    const auto advice = [&](const std::string& name, const std::string& kind) {
        return fmt::format(
            "the image is compressed ({0}): unpack it first with `{0} -d {1}` (if these are the "
            "device's own bytes, give the window {1}@0+COUNT)",
            kind, dir / name);
    };
    EXPECT_EQ(refusal_of(dir / "disk.xz"), advice("disk.xz", "xz"));
    EXPECT_EQ(refusal_of(dir / "disk.zst"), advice("disk.zst", "zstd"));
    EXPECT_EQ(refusal_of(dir / "disk.gz"), advice("disk.gz", "gzip"));
    std::vector<std::byte> qcow2 = numbered_sectors(2);
    std::memcpy(qcow2.data(), "QFI\xfb", 4);
    write_file(dir / "disk.qcow2", qcow2);
    EXPECT_EQ(refusal_of(dir / "disk.qcow2"),
              fmt::format("the image is a qcow2 file: convert it first with `qemu-img convert -O "
                          "raw {0} {0}.raw`",
                          dir / "disk.qcow2"));
    EXPECT_EQ(refusal_of(dir / "disk.qcow2@0+2"), "opened") << "a window means these very bytes";
}

TEST(ImageFile, WithoutPermissionItSaysSo) {
    const TempDir dir;
    write_file(dir / "disk", numbered_sectors(2));
    ASSERT_EQ(::chmod((dir / "disk").c_str(), 0), 0);
    ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
    const bool root = ::geteuid() == 0;
    if (root && ::seteuid(65534) != 0) GTEST_SKIP();  // root may read everything
    const std::string text = refusal_of(dir / "disk");
    if (root && ::seteuid(0) != 0) std::abort();
    EXPECT_EQ(text, "permission denied: run this as a user who may read it");
}

TEST(ImageFile, ABlockDeviceInUseIsRefusedAndAFreeOneIsRead) {
    const TempDir dir;
    write_file(dir / "disk", numbered_sectors(2048));
    const LoopDevice device(dir / "disk", "-r");
    const std::string& loop = device.path();
    if (loop.empty()) GTEST_SKIP() << "no loop devices here";
    auto image = FileImage::open(loop + "@3+1", FileImage::Access::exclusive);
    ASSERT_TRUE(image) << image.error().text;
    std::vector<std::byte> sector(512);
    ASSERT_TRUE((*image)->read(0, sector));
    EXPECT_EQ(sector.front(), std::byte{4});
    EXPECT_EQ((*image)->extent().on, Extent::On::block_device);
    auto second = FileImage::open(loop, FileImage::Access::exclusive);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().text,
              "the device is in use (mounted, or part of a live table): take the snapshot down "
              "first (dmsetup "
              "remove, lvchange -an) or read a copy");
    EXPECT_TRUE(FileImage::open(loop, FileImage::Access::shared)) << "an origin may be in use";
}

}  // namespace
}  // namespace cowlab
