// Protects the last screen of a failing run: a person must find the broken step and both sides.
#include "cli/story.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "cli/invariant_texts.h"
#include "scenarios/golden_test_files.h"
#include "scenarios/parse.h"

namespace cowlab {
namespace {

TEST(Story, invariants_are_told_as_their_page_has_them) {
    std::string page = read_file(COWLAB_SOURCE_DIR "/docs/invariants.md");
    constexpr std::string_view begins = "\n**INV-";
    std::size_t found = 0;
    for (std::size_t at = page.find(begins); at != std::string::npos;
         at = page.find(begins, at + 1)) {
        const std::size_t number = at + begins.size();
        const std::size_t sentence = page.find("** ", number) + 3;
        std::string text = page.substr(sentence, page.find("\n\n", sentence) - sentence);
        std::replace(text.begin(), text.end(), '\n', ' ');
        EXPECT_EQ(invariant_text(static_cast<std::uint32_t>(std::stoul(page.substr(number)))), text)
            << page.substr(at + 1, 12);
        ++found;
    }
    EXPECT_GE(found, 40u);
    EXPECT_EQ(invariant_sentence(30),
              "Records are erased only when the merged data is durable on the origin");
    EXPECT_EQ(invariant_sentence(999), "");
}

// The bug: nothing flushes the origin before a merge erases its records; nobody looks at the order.
constexpr const char* lost_merge =
    "cowlab 1\npolicy 4.12\nmute ordering\ndisk orig 1 fill 1 cache\ndisk cow 3 zero\n"
    "create base 0 1 snapshot-origin @orig\ncreate s 0 1 snapshot @orig @cow P 1\n"
    "write s 0 1 2\nremove s\nload base 0 1 snapshot-merge @orig @cow P 1\nresume base\n"
    "power-loss losing everything\nreload\ninfo base\ncheck\n";

TEST(Story, marks_the_first_step_after_which_data_is_wrong_and_shows_both_sides) {
    const auto scenario = parse(lost_merge, "test");
    ASSERT_TRUE(scenario) << scenario.error().text;
    RunSetup setup;
    const ObservedRun run = observe(*scenario, setup, {});
    ASSERT_TRUE(run.verdict.failed);
    const std::size_t broken = first_broken_step(*scenario, run.verdict, setup);
    ASSERT_LT(broken, scenario->steps.size());
    EXPECT_EQ(scenario->steps[broken].verb, Verb::reload) << "where the old data came back";
    EXPECT_EQ(run.verdict.step, 11u);
    EXPECT_EQ(
        where_broken(*scenario, run.verdict, broken),
        std::string(28, ' ') + "first broken at step 10 of 12, seen by the check at step 12\n");
    const std::string text = story(*scenario, run, broken);
    EXPECT_NE(text.find("\n>   10  reload "), std::string::npos) << text;
    EXPECT_EQ(text.find('>'), text.rfind('>')) << "one step is marked";
    EXPECT_NE(text.find("expected   base sector 0: 2@0\n"), std::string::npos) << text;
    EXPECT_NE(text.find("actual     base sector 0: 1@0\n"), std::string::npos) << text;
    EXPECT_EQ(headline(run.verdict, false).rfind("FAIL durability             INV-15: ", 0), 0u);
}

TEST(Story, of_an_answer_that_was_expected_otherwise_shows_both_answers) {
    const auto scenario = parse("cowlab 1\ndisk a 8 zero\nread a 0 1\n= something else\n", "test");
    ASSERT_TRUE(scenario);
    const ObservedRun run = observe(*scenario, {}, {});
    ASSERT_TRUE(run.verdict.failed);
    const std::string text = story(*scenario, run, {});
    EXPECT_NE(text.find("expected   = something else\n"), std::string::npos) << text;
    EXPECT_NE(text.find("actual     = ok"), std::string::npos) << text;
}

}  // namespace
}  // namespace cowlab
