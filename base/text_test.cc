// Status lines are written into memory of a fixed size: what is written, and where it stops.
#include "base/text.h"

#include <gtest/gtest.h>

#include <climits>
#include <string>

namespace cowlab {
namespace {

TEST(Text, numbers_are_written_in_full) {
    Text<200> t;
    t << std::uint64_t{0} << " " << UINT64_MAX << " " << std::uint32_t{4294967295u} << " " << -7
      << " " << INT_MIN << " " << 42;
    EXPECT_EQ(t.view(), "0 18446744073709551615 4294967295 -7 -2147483648 42");
    EXPECT_FALSE(t.truncated());
}

TEST(Text, what_does_not_fit_is_cut_and_said_so) {
    char memory[10];
    std::memset(memory, '#', sizeof memory);
    TextSink t(memory, 4);
    t << "ab" << 'c' << "defg";
    EXPECT_EQ(t.view(), "abcd");
    EXPECT_TRUE(t.truncated());
    t << "more" << std::uint64_t{5};
    EXPECT_EQ(t.view(), "abcd");
    EXPECT_EQ(std::string(memory + 4, 6), "######") << "nothing is written outside";
}

TEST(Text, a_text_that_just_fits_is_not_truncated) {
    Text<4> t;
    t << "abcd";
    EXPECT_EQ(t.view(), "abcd");
    EXPECT_FALSE(t.truncated());
    t << "";
    EXPECT_FALSE(t.truncated()) << "nothing was lost";
}

TEST(Text, blanks_at_the_end_can_be_dropped_and_the_text_used_again) {
    Text<20> t;
    t << " 0 64 linear   ";
    t.trim_blanks();
    EXPECT_EQ(t.view(), " 0 64 linear");
    t.clear();
    EXPECT_EQ(t.view(), "");
    t.trim_blanks();
    EXPECT_EQ(t.view(), "");
    t << "  ";
    t.trim_blanks();
    EXPECT_EQ(t.view(), "");
}

}  // namespace
}  // namespace cowlab
