// Answers are equal to the byte or they differ, and a difference says where.
#include "scenarios/answer.h"

#include <gtest/gtest.h>

namespace cowlab {
namespace {

TEST(Answer, is_the_same_only_to_the_byte) {
    EXPECT_EQ(compare({"= ok"}, {"= ok"}), std::nullopt);
    EXPECT_EQ(compare({}, {}), std::nullopt);
    EXPECT_EQ(compare({"= "}, {"="}), (AnswerDifference{0, "= ", "="}));
    EXPECT_EQ(compare({"= ok", "| a"}, {"= ok", "| b"}), (AnswerDifference{1, "| a", "| b"}));
}

TEST(Answer, that_ends_early_differs_where_it_ends) {
    EXPECT_EQ(compare({"= ok", "| a"}, {"= ok"}), (AnswerDifference{1, "| a", ""}));
    EXPECT_EQ(compare({"= ok"}, {"= ok", ""}), (AnswerDifference{1, "", ""}));
    EXPECT_EQ(compare({}, {"= ok"}), (AnswerDifference{0, "", "= ok"}));
}

TEST(Answer, has_the_words_of_the_golden_cases) {
    EXPECT_EQ(answer_of(Errc::ok), "= ok");
    EXPECT_EQ(answer_of(Errc::eio), "= err EIO");
    EXPECT_EQ(answer_of(Errc::einval, "load"), "= err EINVAL (load)");
    EXPECT_EQ(answer_open_failed(Errc::enoent), "= open err ENOENT");
    EXPECT_EQ(answer_text(""), "= ");
    EXPECT_EQ(answer_text("0 64 linear  ; 64 8 zero"), "= 0 64 linear  ; 64 8 zero");
}

}  // namespace
}  // namespace cowlab
