// Protects the comparison with Linux from calling a race a difference, and from looking away where
// there is none.
#include "cli/merge_started_again.h"

#include <gtest/gtest.h>

#include "scenarios/parse.h"

namespace cowlab {
namespace {

constexpr const char* merge = "create base 0 64 snapshot-merge @orig @cow P 8\n= ok\n";
constexpr const char* failed = "mergewait base\n= 0 64 snapshot-merge Merge failed\n";

// The lines with the kernel's answers under them; the verb of the step that is found.
std::string found(const std::string& lines) {
    const auto s = parse("cowlab 1\n" + lines, "a test");
    EXPECT_TRUE(s) << (s ? "" : s.error().text);
    if (!s) return "";
    std::vector<Answer> answers;
    for (const Step& step : s->steps) answers.push_back(step.expected);
    const std::size_t at = step_of_merge_started_again(*s, answers);
    return at == SIZE_MAX ? "none" : std::to_string(at + 1);
}

TEST(MergeStartedAgain, by_a_resume_of_the_table_whose_merge_failed) {
    EXPECT_EQ(found(std::string(merge) + failed + "suspend base\n= ok\nresume base\n= ok\n"), "4");
    EXPECT_EQ(found(std::string(merge) + failed +
                    "rename base other\n= ok\nsuspend other\n= ok\nresume other\n= ok\n"),
              "5");
}

TEST(MergeStartedAgain, not_where_the_merge_went_well_or_another_device_is_resumed) {
    EXPECT_EQ(found(std::string(merge) + "mergewait base\n= 0 64 snapshot-merge 16/64 16\n"
                                         "suspend base\n= ok\nresume base\n= ok\n"),
              "none");
    EXPECT_EQ(found(std::string(merge) + failed + "suspend s\n= ok\nresume s\n= ok\n"), "none");
}

TEST(MergeStartedAgain, not_by_a_new_table_but_by_the_old_one_when_the_new_one_is_refused) {
    const std::string load =
        "load base 0 64 snapshot-merge @orig @cow P 8\n= ok\nsuspend base\n= ok\n";
    EXPECT_EQ(found(merge + (failed + load) + "resume base\n= ok\n"), "none");
    EXPECT_EQ(found(merge + (failed + load) + "resume base\n= err EINVAL\nresume base\n= ok\n"),
              "6");
    EXPECT_EQ(found(merge + (failed + load) + "clear base\n= ok\nresume base\n= ok\n"), "6");
}

}  // namespace
}  // namespace cowlab
