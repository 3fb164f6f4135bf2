// Every choice has a word in a scenario, and the word means that choice.
#include "sim/pin_point.h"

#include <gtest/gtest.h>

#include <set>

#include "engine/port/block_device.h"
#include "engine/port/executor.h"

namespace cowlab {
namespace {

TEST(PinPoint, every_key_has_a_word_of_its_own_that_is_read_back) {
    std::set<std::string> words;
    std::vector<ChoiceKey> keys;
    for (const ChoiceKind kind : {ChoiceKind::latency, ChoiceKind::fault}) {
        for (std::uint64_t point = 0; point < purpose_count << 2; ++point)
            keys.push_back({kind, 1, point});
    }
    for (std::uint64_t y = 0; y < static_cast<std::uint64_t>(YieldPoint::count_); ++y) {
        keys.push_back({ChoiceKind::yield, 1, y});
    }
    for (const std::uint64_t sector :
         {std::uint64_t{0}, std::uint64_t{17}, std::uint64_t{1} << 54}) {
        keys.push_back({ChoiceKind::survive, 1, sector});
    }
    for (const ChoiceKey& key : keys) {
        const std::string word = pin_point_word(key);
        EXPECT_TRUE(words.insert(word).second) << word << " means two things";
        EXPECT_EQ(word.find(' '), std::string::npos) << "one word of a line";
        PinPoint point;
        ASSERT_TRUE(parse_pin_point(word, point)) << word;
        EXPECT_EQ(point.kind, key.kind) << word;
        EXPECT_EQ(point.value, key.point) << word;
    }
}

TEST(PinPoint, what_is_no_point_is_refused) {
    PinPoint point;
    for (const char* word :
         {"", "copy", "copy-write.", "fault.", "fault.copy", "survive", "survive.", "survive.x",
          "survive.-1", "survive.99999999999999999999", "COPY-WRITE", "copy-write "}) {
        EXPECT_FALSE(parse_pin_point(word, point)) << word;
    }
}

TEST(PinPoint, the_common_words_are_the_plain_ones) {
    PinPoint point;
    ASSERT_TRUE(parse_pin_point("copy-write", point));
    EXPECT_EQ(point.value, static_cast<std::uint64_t>(Purpose::copy_write) << 2 |
                               static_cast<std::uint64_t>(Op::write));
    ASSERT_TRUE(parse_pin_point("fault.area-write", point));
    EXPECT_EQ(point.kind, ChoiceKind::fault);
    EXPECT_EQ(point.value, static_cast<std::uint64_t>(Purpose::area_write) << 2 |
                               static_cast<std::uint64_t>(Op::write));
}

}  // namespace
}  // namespace cowlab
