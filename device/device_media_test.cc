// Everything is checked before anything is written.
#include "device/device_media.h"

#include "device/device_run.h"
#include "device/device_test_support.h"
#include "scenarios/parse.h"

namespace cowlab {
namespace {

constexpr const char* two_disks = "cowlab 1\ndisk base 64 fill 1\ndisk cow 64 zero\n";

class DeviceMediaTest : public DeviceTest {
  protected:
    Scenario scenario(const std::string& text) {
        auto s = parse(text, "t.scn");
        EXPECT_TRUE(s) << refusal_of(s);
        return *s;
    }
    // What it refuses; "" for nothing.
    std::string prepare(const std::string& text) {
        options.directory = folder_;
        scenario_ = scenario(text);
        const auto media = DeviceMedia::prepare(scenario_, "t.scn", options);
        return refusal_of(media);
    }
    MediaOptions options;
    Scenario scenario_;
};

bool says(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST_F(DeviceMediaTest, a_binding_is_name_and_path_and_each_name_once) {
    EXPECT_TRUE(add_binding("base=/x", options));
    EXPECT_TRUE(says(refusal_of(add_binding("base=/y", options)), "bound already"));
    for (const char* bad : {"base", "=x", "base=", "="})
        EXPECT_TRUE(says(refusal_of(add_binding(bad, options)), "write NAME=PATH")) << bad;
}

TEST_F(DeviceMediaTest, a_name_the_scenario_does_not_have_is_refused_with_those_it_has) {
    options.bound["bsae"] = path("a.img");
    EXPECT_TRUE(says(prepare(two_disks), "there is base, cow"));
}

TEST_F(DeviceMediaTest, a_bound_disk_keeps_its_content_unless_it_may_be_overwritten) {
    options.bound["base"] = make_file("a.img", 64, 'x');
    ASSERT_EQ(prepare(two_disks), "");
    EXPECT_EQ(content(path("a.img")), std::string(64 * sector_bytes, 'x'));
    options.overwrite = true;
    ASSERT_EQ(prepare(two_disks), "");
    std::uint8_t sector[sector_bytes];
    materialise(pattern_word(1, 5), sector);
    EXPECT_EQ(content(path("a.img")).substr(5 * sector_bytes, sector_bytes),
              std::string(reinterpret_cast<const char*>(sector), sector_bytes));
    // `keep` is stronger.
    make_file("a.img", 64, 'y');
    options.bound.clear();
    ASSERT_EQ(prepare("cowlab 1\ndisk base 64 zero on " + path("a.img") + " keep\n"), "");
    EXPECT_EQ(content(path("a.img")), std::string(64 * sector_bytes, 'y'));
}

TEST_F(DeviceMediaTest, nothing_is_written_or_made_when_a_later_binding_is_refused) {
    options.overwrite = options.create = true;
    options.bound["base"] = make_file("a.img", 64, 'x');
    options.bound["cow"] = make_file("b.img", 8, 'x');
    const std::string text = prepare(two_disks);
    EXPECT_TRUE(says(text, "t.scn:3: `cow` has 64 sectors")) << text;
    EXPECT_EQ(content(path("a.img")), std::string(64 * sector_bytes, 'x'));
    options.bound["base"] = path("new.img");
    EXPECT_NE(prepare(two_disks), "");
    EXPECT_FALSE(std::filesystem::exists(path("new.img")));
}

TEST_F(DeviceMediaTest, a_file_is_made_only_if_asked_for_and_never_over_another) {
    options.bound["base"] = path("a.img");
    EXPECT_TRUE(says(prepare(two_disks), "--create"));
    options.create = true;
    ASSERT_EQ(prepare(two_disks), "");
    EXPECT_EQ(content(path("a.img")).size(), 64 * sector_bytes);
    EXPECT_TRUE(says(prepare(two_disks), "exists already"));
}

TEST_F(DeviceMediaTest, two_disks_in_one_place_are_refused_under_whatever_names) {
    const std::string a = make_file("a.img", 64);
    std::filesystem::create_hard_link(a, path("b.img"));
    std::filesystem::create_symlink(a, path("c.img"));
    for (const std::string& other : {a, path("b.img"), path("c.img")}) {
        options.bound = {{"base", a}, {"cow", other}};
        const std::string text = prepare(two_disks);
        EXPECT_TRUE(says(text, "t.scn:3: `base` and `cow` are the same sectors")) << text;
    }
}

TEST_F(DeviceMediaTest, a_loop_device_and_its_file_are_one_place) {
    const std::string a = make_file("a.img", 64);
    const AttachedLoop loop(a, 512);
    if (loop.device().empty()) GTEST_SKIP() << "losetup cannot attach a loop device here (root)";
    options.bound = {{"base", loop.device()}, {"cow", a}};
    std::string text = prepare(two_disks);
    EXPECT_TRUE(says(text, "the file behind " + loop.device())) << text;
    const AttachedLoop another(a, 512);
    for (const std::string& other : {loop.device(), another.device()}) {
        options.bound = {{"base", loop.device()}, {"cow", other}};
        text = prepare(two_disks);
        EXPECT_TRUE(says(text, "are the same sectors")) << text;
    }
}

TEST_F(DeviceMediaTest, a_device_of_larger_blocks_asks_for_them_in_the_scenario) {
    const std::string a = make_file("a.img", 128, 'x');
    const AttachedLoop loop(a, 4096);
    if (loop.device().empty()) GTEST_SKIP() << "losetup cannot attach a loop device here (root)";
    options.bound = {{"base", loop.device()}};
    options.overwrite = true;
    std::string text = prepare("cowlab 1\ndisk base 64 fill 1\n");
    EXPECT_TRUE(says(text, "write `lbs 4096` on this line")) << text;
    text = prepare("cowlab 1\ndisk base 63 fill 1 lbs 4096\n");
    EXPECT_TRUE(says(text, "a multiple of 8")) << text;
    ASSERT_EQ(prepare("cowlab 1\ndisk base 64 fill 1 lbs 4096\n"), "");
    // Half of the device: the rest is not the disk's.
    EXPECT_EQ(content(loop.device()).substr(64 * sector_bytes),
              std::string(64 * sector_bytes, 'x'));
}

TEST_F(DeviceMediaTest, a_chunk_size_below_the_blocks_of_a_device_is_refused_by_the_engine) {
    const Scenario chunks = scenario(
        "cowlab 1\n"
        "disk base 64 fill 1 lbs 4096\n"
        "disk cow 64 zero lbs 4096\n"
        "create b 0 64 snapshot-origin @base\n"
        "= ok\n"
        "create s 0 64 snapshot @base @cow P 4\n"
        "= err EINVAL (load)\n"
        "create s 0 64 snapshot @base @cow P 8\n"
        "= ok\n");
    options.loop_devices = true;
    options.directory = folder_;
    auto media = DeviceMedia::prepare(chunks, "t.scn", options);
    ASSERT_TRUE(media) << refusal_of(media);
    if (media->loop_devices() == 0) GTEST_SKIP() << "no loop device can be attached here (root)";
    WorldHost host;
    EXPECT_EQ(run_on_device(host, chunks, media->files(), {}).failure, "");
}

TEST_F(DeviceMediaTest, a_read_only_device_is_refused_with_how_to_make_it_writable) {
    const AttachedLoop loop(make_file("a.img", 64), 512, "--read-only");
    if (loop.device().empty()) GTEST_SKIP() << "losetup cannot attach a loop device here (root)";
    options.bound = {{"base", loop.device()}};
    const std::string text = prepare(two_disks);
    EXPECT_TRUE(says(text, "blockdev --setrw")) << text;
}

// A tiny file system that is full before the disks are.
TEST_F(DeviceMediaTest, a_host_whose_disk_is_full_is_told_from_an_engine_that_fails) {
    const AttachedLoop loop(make_file("fs.img", 4096), 512);
    const std::string mounted = path("mnt");
    std::filesystem::create_directory(mounted);
    const std::string script = "{ mkfs.ext4 -q -b 1024 " + loop.device() + " && mount " +
                               loop.device() + " " + mounted + "; } >/dev/null 2>&1";
    if (loop.device().empty() || std::system(script.c_str()) != 0)
        GTEST_SKIP() << "no file system can be made and mounted here (root, e2fsprogs)";
    {
        // Sparse: the room is missing when it is written.
        const Scenario filling = scenario("cowlab 1\ndisk base 16384 zero\nwrite base 0 16384 1\n");
        options.directory = mounted;
        auto media = DeviceMedia::prepare(filling, "t.scn", options);
        EXPECT_TRUE(media) << refusal_of(media);
        if (media) {
            WorldHost host;
            const DeviceResult result = run_on_device(host, filling, media->files(), {});
            EXPECT_NE(result.trouble.error, 0);
            const Error e = error_of(result.trouble);
            EXPECT_EQ(e.kind, Error::Kind::host);
            EXPECT_TRUE(says(e.text, "make room")) << e.text;
        }
        // A pattern is written before the run begins.
        const Scenario filled = scenario("cowlab 1\ndisk base 16384 fill 1\n");
        const auto refused = DeviceMedia::prepare(filled, "t.scn", options);
        EXPECT_FALSE(refused);
        if (!refused) {
            EXPECT_EQ(refused.error().kind, Error::Kind::host) << refusal_of(refused);
        }
    }
    EXPECT_EQ(std::system(("umount " + mounted).c_str()), 0);
}

TEST_F(DeviceMediaTest, what_only_a_simulator_can_do_is_named_with_its_line) {
    const auto line = [&](const std::string& l, bool lockstep) {
        return first_line_for_the_simulator(scenario("cowlab 1\ndisk d 8 zero\n" + l + "\n"),
                                            lockstep);
    };
    EXPECT_EQ(line("power-loss losing everything", false), "line 3: power-loss losing everything");
    EXPECT_EQ(line("inject d any any eio", true), "line 3: inject d any any eio");
    EXPECT_EQ(line("pin d forwarded 1 5", false), "line 3: pin d forwarded 1 5");
    EXPECT_EQ(line("pin d forwarded 1 5", true), std::nullopt);
    EXPECT_EQ(line("read d 0 8", false), std::nullopt);
}

TEST_F(DeviceMediaTest, what_is_on_the_files_outlives_the_world) {
    options.create = true;
    options.bound["base"] = path("base.img");
    options.bound["cow"] = path("cow.img");
    options.directory = folder_;
    const Scenario first = scenario(
        "cowlab 1\n"
        "disk base 64 fill 1\n"
        "disk cow 64 zero\n"
        "create b 0 64 snapshot-origin @base\n"
        "suspend b\n"
        "create s 0 64 snapshot @base @cow P 8\n"
        "resume b\n"
        "write b 8 8 2\n"
        "= ok\n");
    WorldHost host;
    {
        auto media = DeviceMedia::prepare(first, "t.scn", options);
        ASSERT_TRUE(media) << refusal_of(media);
        EXPECT_EQ(run_on_device(host, first, media->files(), {}).failure, "");
    }
    // Another process, another day: the snapshot is as it was, the origin has the new data.
    options.create = false;
    const Scenario second = scenario(
        "cowlab 1\n"
        "disk base 64\n"
        "disk cow 64\n"
        "create s 0 64 snapshot @base @cow P 8\n"
        "read s 0 16\n"
        "read base 0 16\n");
    auto media = DeviceMedia::prepare(second, "t.scn", options);
    ASSERT_TRUE(media) << refusal_of(media);
    const DeviceResult result = run_on_device(host, second, media->files(), {});
    ASSERT_EQ(result.answers.size(), 5u);
    EXPECT_TRUE(says(result.answers[3].front(), " 1@0+16")) << result.answers[3].front();
    EXPECT_TRUE(says(result.answers[4].front(), " 1@0+8 2@8+8")) << result.answers[4].front();
}

}  // namespace
}  // namespace cowlab
