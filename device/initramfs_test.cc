// The archive is one that cpio itself reads; mail comes back as it was sent.
#include "device/initramfs.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "device/mail.h"

namespace cowlab {
namespace {

TEST(Initramfs, EveryEntryBeginsOnFourBytesAndTheLastIsTheTrailer) {
    Initramfs archive;
    archive.add_folder("dev");
    archive.add_character_device("dev/console", 5, 1);
    archive.add_program("init", "12345");
    const std::string bytes = archive.finish();
    std::vector<std::string> names;
    std::size_t at = 0;
    while (at + 110 <= bytes.size()) {
        ASSERT_EQ(bytes.substr(at, 6), "070701") << "at " << at;
        const auto field = [&](int n) {
            return std::stoul(bytes.substr(at + 6 + 8 * static_cast<std::size_t>(n), 8), nullptr,
                              16);
        };
        const std::string name = bytes.substr(at + 110, field(11) - 1);
        names.push_back(name);
        if (name == "dev/console") {
            EXPECT_EQ(field(1), 0020600u);
            EXPECT_EQ(field(9), 5u);
            EXPECT_EQ(field(10), 1u);
        }
        const auto rounded = [](std::size_t n) { return (n + 3) / 4 * 4; };
        const std::size_t content = rounded(at + 110 + field(11));
        if (name == "init") {
            EXPECT_EQ(bytes.substr(content, field(6)), "12345");
        }
        at = rounded(content + field(6));
    }
    EXPECT_EQ(at, bytes.size());
    EXPECT_EQ(names, (std::vector<std::string>{"dev", "dev/console", "init", "TRAILER!!!"}));
}

TEST(Mail, ComesBackAsItWasSentAndOldMailBehindItIsNotRead) {
    std::FILE* disk = std::tmpfile();
    ASSERT_NE(disk, nullptr);
    const Mail sent = {{"scenario", {'a', '\n', 0, ' '}}, {"empty", {}}};
    ASSERT_TRUE(write_mail(disk, {{"scenario", std::vector<std::uint8_t>(4096, 'x')}}));
    std::rewind(disk);
    ASSERT_TRUE(write_mail(disk, sent));
    std::rewind(disk);
    Mail received;
    ASSERT_TRUE(read_mail(disk, received));
    EXPECT_EQ(received, sent);
    std::fclose(disk);
}

TEST(Mail, ThatIsCutOffIsNoMail) {
    for (const char* text : {"scenario 4\nab", "scenario 4\nabcd", "scenario\n\n", "scen"}) {
        std::FILE* disk = std::tmpfile();
        ASSERT_NE(disk, nullptr);
        ASSERT_GE(std::fputs(text, disk), 0);
        std::rewind(disk);
        Mail received;
        EXPECT_FALSE(read_mail(disk, received)) << text;
        std::fclose(disk);
    }
}

}  // namespace
}  // namespace cowlab
