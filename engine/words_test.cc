// The words of a table line: which numbers the kernel's parser takes (spec §18.2).
#include "engine/words.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace cowlab {
namespace {

TEST(Words, a_number_is_decimal_with_a_plus_or_zeros_in_front_and_nothing_else) {
    EXPECT_EQ(words::decimal("0"), 0u);
    EXPECT_EQ(words::decimal("16"), 16u);
    EXPECT_EQ(words::decimal("+16"), 16u);
    EXPECT_EQ(words::decimal("0016"), 16u);
    EXPECT_EQ(words::decimal("+0000000000000000000000000000000000016"), 16u);
    EXPECT_EQ(words::decimal("18446744073709551615"), UINT64_MAX);
    for (const char* word :
         {"", "+", "-1", "++1", "0x10", "16k", " 16", "16 ", "1.0", "1e3", "18446744073709551616",
          "99999999999999999999", "184467440737095516150"}) {
        EXPECT_EQ(words::decimal(word), std::nullopt) << "'" << word << "'";
    }
}

RC_GTEST_PROP(Words, every_64_bit_number_is_read_back, (std::uint64_t v)) {
    RC_ASSERT(words::decimal(std::to_string(v)) == std::optional<std::uint64_t>(v));
    RC_ASSERT(words::decimal(std::to_string(v) + "0") ==
              (v <= UINT64_MAX / 10 ? std::optional<std::uint64_t>(v * 10) : std::nullopt));
}

TEST(Words, letters_are_equal_whatever_their_case_and_only_letters) {
    EXPECT_TRUE(words::equal_ignoring_case("Discard_Zeroes_COW", "discard_zeroes_cow"));
    EXPECT_FALSE(words::equal_ignoring_case("discard_zeroes", "discard_zeroes_cow"));
    EXPECT_FALSE(words::equal_ignoring_case("@[", "`{"));
    EXPECT_TRUE(words::equal_ignoring_case("", ""));
}

TEST(Words, a_device_is_written_as_its_numbers) {
    Text<64> t;
    t << words::DeviceWord{{253, 0}} << " " << words::DeviceWord{{4294967295u, 4294967295u}};
    EXPECT_EQ(t.view(), "253:0 4294967295:4294967295");
}

}  // namespace
}  // namespace cowlab
