// The log of dm-log-writes, from bytes as its documentation lays them out.
#include "device/write_log_format.h"

#include <gtest/gtest.h>

#include <cstring>

namespace cowlab {
namespace {

constexpr std::size_t sector = 512;

class LogImage {
  public:
    explicit LogImage(std::uint64_t entries) { put({0x6a736677736872, 1, entries, sector}); }
    void entry(std::uint64_t at, std::uint64_t count, std::uint64_t flags,
               const std::string& data = {}) {
        put({at, count, flags, data.size()});
        if ((flags & 8) != 0)
            std::memcpy(&bytes_[bytes_.size() - sector + 32], data.data(), data.size());
        for (std::uint64_t i = 0; i < count && flags != 4; ++i) bytes_.append(sector, data[i]);
    }
    std::vector<WriteLogEntry> parsed(std::size_t sectors) const {
        return parse_write_log(sectors, [&](std::uint64_t at, std::uint64_t n, std::uint8_t* to) {
            if ((at + n) * sector > bytes_.size()) return false;
            std::memcpy(to, bytes_.data() + at * sector, n * sector);
            return true;
        });
    }
    std::size_t sectors() const { return bytes_.size() / sector; }

  private:
    void put(std::initializer_list<std::uint64_t> words) {
        const std::size_t at = bytes_.size();
        bytes_.append(sector, '\0');
        std::size_t i = at;
        for (const std::uint64_t w : words) {
            for (int b = 0; b < 8; ++b) bytes_[i++] = static_cast<char>(w >> (8 * b));
        }
    }
    std::string bytes_;
};

LogImage some_log() {
    LogImage log(5);
    log.entry(8, 2, 0, "ab");
    log.entry(0, 0, 1);
    log.entry(16, 1, 2, "c");
    log.entry(24, 8, 4);
    log.entry(0, 0, 8, "line7");
    return log;
}

TEST(WriteLogFormat, EveryKindOfEntryIsRead) {
    const LogImage log = some_log();
    const auto e = log.parsed(log.sectors() + 100);
    ASSERT_EQ(e.size(), 5u);
    EXPECT_EQ(e[0].sector, 8u);
    ASSERT_EQ(e[0].data.size(), 2 * sector);
    EXPECT_EQ(e[0].data.front(), 'a');
    EXPECT_EQ(e[0].data.back(), 'b');
    EXPECT_FALSE(e[0].flush || e[0].fua || e[0].discard || e[0].is_mark);
    EXPECT_TRUE(e[1].flush);
    EXPECT_TRUE(e[2].fua);
    EXPECT_TRUE(e[3].discard);
    EXPECT_EQ(e[3].sectors, 8u);
    EXPECT_TRUE(e[3].data.empty());
    EXPECT_TRUE(e[4].is_mark);
    EXPECT_EQ(e[4].mark, "line7");
}

TEST(WriteLogFormat, ALogThatEndsInTheMiddleGivesWhatIsThere) {
    const LogImage log = some_log();
    EXPECT_EQ(log.parsed(8).size(), 4u);  // the fifth begins behind the end
    EXPECT_EQ(log.parsed(4).size(), 0u);  // too small for a log
    LogImage none(0);
    EXPECT_TRUE(none.parsed(100).empty());
}

TEST(WriteLogFormat, BytesOfAnotherKindAreNoLog) {
    const auto zeros = [](std::uint64_t, std::uint64_t n, std::uint8_t* to) {
        std::memset(to, 0, n * sector);
        return true;
    };
    EXPECT_TRUE(parse_write_log(100, zeros).empty());
    EXPECT_TRUE(parse_write_log(100, [](std::uint64_t, std::uint64_t, std::uint8_t*) {
                    return false;
                }).empty());
}

}  // namespace
}  // namespace cowlab
