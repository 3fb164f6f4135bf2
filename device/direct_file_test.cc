// Direct or not at all; and nobody else's.
#include "device/direct_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "device/device_test_support.h"
#include "device/loop_device.h"

namespace cowlab {
namespace {

using DirectFileTest = DeviceTest;

bool says(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST_F(DirectFileTest, every_way_in_opens_it_with_o_direct) {
    const auto existing = DirectFile::open(make_file("a.img", 16));
    const auto made = DirectFile::create(path("b.img"), {16});
    const auto nameless = DirectFile::create_nameless(folder_, {16});
    for (const auto* file : {&existing, &made, &nameless}) {
        ASSERT_TRUE(*file) << refusal_of(*file);
        EXPECT_NE(::fcntl((*file)->descriptor(), F_GETFL) & O_DIRECT, 0);
        EXPECT_EQ((*file)->size(), Sectors{16});
    }
}

TEST_F(DirectFileTest, memory_that_pretends_to_be_direct_is_refused) {
    struct stat s {};
    if (::stat("/dev/shm", &s) != 0 || !S_ISDIR(s.st_mode)) GTEST_SKIP() << "no /dev/shm here";
    const std::string text = refusal_of(DirectFile::create_nameless("/dev/shm", {8}));
    EXPECT_TRUE(says(text, "O_DIRECT")) << text;
    EXPECT_TRUE(says(text, "name a ")) << "says what to type instead: " << text;
}

TEST_F(DirectFileTest, what_is_not_there_or_no_disk_is_refused_with_what_to_do) {
    EXPECT_TRUE(says(refusal_of(DirectFile::open(path("none"))), "--create"));
    EXPECT_TRUE(says(refusal_of(DirectFile::open(folder_)), "neither a file nor a block device"));
    EXPECT_TRUE(says(refusal_of(DirectFile::create(make_file("a.img", 8), {8})), "--overwrite"));
    EXPECT_TRUE(says(refusal_of(DirectFile::open("/dev/null")), "neither a file"));
}

TEST_F(DirectFileTest, one_file_has_one_user) {
    const std::string file = make_file("a.img", 8);
    const auto first = DirectFile::open(file);
    ASSERT_TRUE(first) << refusal_of(first);
    EXPECT_TRUE(says(refusal_of(DirectFile::open(file)), "is in use"));
}

TEST_F(DirectFileTest, another_name_of_a_file_is_that_file) {
    // Not through open(), which the lock refuses already.
    const auto a = DirectFile::create(path("a.img"), {8});
    ASSERT_TRUE(a) << refusal_of(a);
    std::filesystem::create_hard_link(path("a.img"), path("b.img"));
    std::filesystem::create_symlink(path("a.img"), path("c.img"));
    EXPECT_TRUE(says(refusal_of(DirectFile::open(path("b.img"))), "is in use"));
    EXPECT_TRUE(says(refusal_of(DirectFile::open(path("c.img"))), "is in use"));
    const auto other = DirectFile::create(path("d.img"), {8});
    ASSERT_TRUE(other) << refusal_of(other);
    EXPECT_FALSE(a->overlaps(*other));
    EXPECT_TRUE(a->overlaps(*a));
}

TEST_F(DirectFileTest, a_loop_device_overlaps_the_file_behind_it_and_makes_it_busy) {
    auto file = DirectFile::create(path("a.img"), {64});
    ASSERT_TRUE(file) << refusal_of(file);
    const auto loop = attach_loop_device(*file, {8});
    if (!loop) GTEST_SKIP() << "no loop device can be attached here (root, /dev/loop-control)";
    EXPECT_TRUE(loop->is_block_device());
    EXPECT_EQ(loop->logical_block(), Sectors{8});
    EXPECT_EQ(loop->size(), Sectors{64});
    EXPECT_NE(::fcntl(loop->descriptor(), F_GETFL) & O_DIRECT, 0);
    EXPECT_TRUE(loop->overlaps(*file));
    EXPECT_TRUE(file->overlaps(*loop));
    EXPECT_TRUE(says(refusal_of(DirectFile::open(loop->path())), "in use")) << "held exclusively";
    *file = DirectFile();  // the lock is gone; the loop device is not
    const std::string text = refusal_of(DirectFile::open(path("a.img")));
    EXPECT_TRUE(says(text, "the file behind " + loop->path())) << text;
}

TEST_F(DirectFileTest, a_mounted_device_is_refused_with_its_mount_point) {
    struct stat root {};
    ASSERT_EQ(::stat("/", &root), 0);
    const std::string device = "/dev/block/" + std::to_string(major(root.st_dev)) + ":" +
                               std::to_string(minor(root.st_dev));
    std::error_code ec;
    std::string name = std::filesystem::exists(device, ec) ? device : std::string{};
    for (const auto& entry : std::filesystem::directory_iterator("/dev", ec)) {
        struct stat s {};
        if (::stat(entry.path().c_str(), &s) == 0 && S_ISBLK(s.st_mode) && s.st_rdev == root.st_dev)
            name = entry.path().string();
    }
    if (name.empty()) GTEST_SKIP() << "the root of this machine is no block device in /dev";
    const std::string text = refusal_of(DirectFile::open(name));
    EXPECT_TRUE(says(text, "is mounted on /")) << text;
    EXPECT_TRUE(says(text, "umount")) << text;
}

}  // namespace
}  // namespace cowlab
