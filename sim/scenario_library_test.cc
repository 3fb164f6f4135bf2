// Every scenario of the library (all of scenarios/ but golden/, which `cowlab conform` replays, and
// museum/, which ci/museum does) is held to what it says about itself:
//
//     it is canonical text, opens with a sentence, and expects some answer
//     every answer is the expected one, the verdict is the header's, every pin is met
//     tags and bytes, the two modes of a world's sectors, give one digest
//     it reaches the coverage mark its file is named after, if that is one (walk-skips-beyond.scn:
//     walk_skips_beyond), and every mark of a comment line `# reaches MARK`
//
// A scenario that expects nothing shows nothing, so it is refused here and not by review.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "scenarios/parse.h"
#include "scenarios/print.h"
#include "sim/image_test_support.h"
#include "sim/scenario_library_test_support.h"
#include "sim/scenario_run.h"
#include "sim/sim_world_test_support.h"

namespace cowlab {
namespace {

std::string first_difference(const std::string& a, const std::string& b) {
    std::size_t line = 1;
    for (std::size_t i = 0; i < a.size() && i < b.size() && a[i] == b[i]; ++i)
        line += a[i] == '\n' ? 1 : 0;
    return "first at line " + std::to_string(line);
}

bool opens_with_a_sentence(const Scenario& scenario) {
    if (!scenario.preamble.empty()) return true;
    return !scenario.steps.empty() && !scenario.steps[0].comments.empty();
}

bool expects_something(const Scenario& scenario) {
    return std::any_of(scenario.steps.begin(), scenario.steps.end(),
                       [](const Step& s) { return !s.expected.empty(); });
}

std::string told(const Verdict& v) {
    if (!v.failed) return "passes";
    return std::string(v.word) + " INV-" + std::to_string(v.invariant) + " at step " +
           std::to_string(v.step + 1) + ": " + v.text;
}

void expect_verdict(const ExpectedVerdict& expected, const Verdict& verdict,
                    const Scenario& scenario) {
    if (expected.kind != ExpectedVerdict::Kind::fail) {
        ASSERT_FALSE(verdict.failed)
            << told(verdict) << "\n    in: "
            << (verdict.step < scenario.steps.size() ? print_line(scenario.steps[verdict.step])
                                                     : std::string("the end"));
        return;
    }
    ASSERT_TRUE(verdict.failed) << "it says `verdict fail " << expected.word << "`, and passes";
    EXPECT_EQ(verdict.word, expected.word) << told(verdict);
    if (expected.invariant != 0) {
        EXPECT_EQ(verdict.invariant, expected.invariant) << told(verdict);
    }
}

class Library : public ::testing::TestWithParam<std::string> {};

TEST_P(Library, says_what_it_shows_and_shows_it) {
    const std::filesystem::path path = scenarios_root() / GetParam();
    const std::string text = read_file(path);
    const Result<Scenario> scenario = parse(text, GetParam());
    ASSERT_TRUE(scenario) << scenario.error().where << ": " << scenario.error().text;
    EXPECT_FALSE(scenario->is_golden_case()) << "begin it with `cowlab 1`";
    EXPECT_TRUE(print(*scenario) == text)
        << "not canonical, " << first_difference(print(*scenario), text) << "; canonical is:\n"
        << print(*scenario);
    EXPECT_TRUE(opens_with_a_sentence(*scenario))
        << "say the rule in a comment above the first line";
    EXPECT_TRUE(expects_something(*scenario))
        << "a scenario that expects nothing shows nothing: write `= …` lines";
    const Result<EnginePolicy> policy = policy_of(scenario->header, GetParam());
    ASSERT_TRUE(policy) << policy.error().text;

    TestImages images(path.parent_path());
    std::optional<std::uint64_t> digest;
    for (const CellMode cells : {CellMode::tags, CellMode::bytes}) {
        RunSetup setup;
        setup.images = &images;
        setup.cells = cells;
        const RunResult run = run_scenario(test_host(), *scenario, setup);
        expect_verdict(scenario->header.verdict, run.verdict, *scenario);
        if (HasFatalFailure()) return;
        EXPECT_EQ(run.pins_met, run.pins_total)
            << "a pin that no run comes to forces nothing: take it away";
        EXPECT_FALSE(run.hung_by_user) << "a device is left suspended with requests in it";
        for (const std::string& mark : marks_promised(GetParam(), text)) {
            const auto number = mark_of(mark);
            ASSERT_TRUE(number) << mark << " is no mark of engine/marks.h";
            EXPECT_GT(run.marks[*number], 0u)
                << "it does not reach " << mark << ": " << mark_texts[*number].text;
        }
        if (!digest) digest = run.digest;
        EXPECT_EQ(run.digest, *digest) << "tags and bytes differ";
    }
    test_host().arena().reset();
    test_host().arena().trim();
}

TEST(LibraryRules, a_scenario_that_expects_nothing_is_refused) {
    const auto is_fine = [](const char* text) {
        const Result<Scenario> s = parse(text, "x.scn");
        return s && opens_with_a_sentence(*s) && expects_something(*s);
    };
    EXPECT_TRUE(is_fine("cowlab 1\n# A disk is zero.\ndisk a 8\nrawread a 0 1\n= ok\n"));
    EXPECT_FALSE(is_fine("cowlab 1\n# A disk is zero.\ndisk a 8\nrawread a 0 1\n"));
    EXPECT_FALSE(is_fine("cowlab 1\ndisk a 8\nrawread a 0 1\n= ok\n"));
}

TEST(LibraryRules, a_file_named_like_a_mark_promises_it) {
    using Names = std::vector<std::string>;
    EXPECT_EQ(marks_promised("rules/walk-queued.scn", "cowlab 1\n"), Names{"walk_queued"});
    EXPECT_EQ(
        marks_promised("rules/some-other-name.scn", "# reaches copy_split\n# reaches nothing\n"),
        (Names{"copy_split", "nothing"}));
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Library, ::testing::ValuesIn(library_files()),
                         [](const auto& info) { return test_name_of(info.param); });

}  // namespace
}  // namespace cowlab
