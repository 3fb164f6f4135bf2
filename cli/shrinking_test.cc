// Protects shrinking when candidates kill: the answers outlive the process, and what a process died
// of is not pinned on a scenario that is innocent.
#include "cli/shrinking.h"

#include <gtest/gtest.h>

#include <csignal>

#include "scenarios/parse.h"
#include "scenarios/print.h"

namespace cowlab {
namespace {

// An image source that stands for an engine with a bug: opening one member kills, another loops.
class Trap final : public ImageSource {
  public:
    bool open(std::string_view member, Sectors& size) override {
        if (member == "segv") std::raise(SIGSEGV);
        if (member == "abort") std::abort();
        if (member == "exit") _exit(9);
        volatile bool forever = member == "loop";
        while (forever) {
        }
        size = {8};
        return true;
    }
    void read(Sectors, std::uint8_t* bytes) override { std::memset(bytes, 0, sector_bytes); }
};

Scenario scenario_with(const std::string& trap) {
    std::string text = "cowlab 1\n";
    for (int i = 0; i < 12; ++i) text += "say nothing\n";
    text += "disk a 8 zero\ndisk b 8 image " + trap + "\nread a 0 1\nread a 1 1\n";
    auto s = parse(text, "test");
    EXPECT_TRUE(s);
    return *s;
}

TEST(Shrinking, of_scenarios_that_kill_or_loop_leaves_the_line_that_does_it) {
    const std::pair<const char*, const char*> table[] = {{"segv", "died-SIGSEGV"},
                                                         {"abort", "died-SIGABRT"},
                                                         {"exit", "died-exit-9"},
                                                         {"loop", "stuck-in-a-turn"}};
    for (const auto& [trap, word] : table) {
#ifdef COWLAB_BIG_FRAMES  // a sanitizer takes the fault before anybody else does
        if (std::string_view(trap) == "segv") continue;
#endif
        Trap images;
        const Scenario scenario = scenario_with(trap);
        RunSetup setup;
        setup.images = &images;
        const ObservedRun run = observe(scenario, setup, {});
        ASSERT_TRUE(run.verdict.failed);
        EXPECT_STREQ(run.verdict.word, word);
        EXPECT_EQ(run.verdict.step, 13u) << "the line that was under way";
        EXPECT_EQ(run.answers.size(), 13u) << "what was answered before is known";
        const Shrunk shrunk = shrink_in_children(scenario, run.verdict, {&images, 20});
        EXPECT_TRUE(shrunk.reproduced) << trap;
        EXPECT_TRUE(shrunk.result.minimal) << trap;
        ASSERT_EQ(shrunk.result.scenario.steps.size(), 1u) << trap;
        EXPECT_EQ(shrunk.result.scenario.steps[0].disk.image, trap);
    }
}

TEST(Shrinking, of_a_failure_that_another_death_interrupts_keeps_the_two_apart) {
    // Fails by an expectation; a candidate without the first line dies instead.
    Trap images;
    auto scenario = parse(
        "cowlab 1\nsay a\ndisk a 8 image zero\nread a 0 1\n= something else\n"
        "disk b 8 image segv\n",
        "test");
    ASSERT_TRUE(scenario);
    RunSetup setup;
    setup.images = &images;
    const ObservedRun run = observe(*scenario, setup, {});
    EXPECT_STREQ(run.verdict.word, "expectation");
    const Shrunk shrunk = shrink_in_children(*scenario, run.verdict, {&images, 20});
    EXPECT_TRUE(shrunk.reproduced);
    for (const Step& s : shrunk.result.scenario.steps) EXPECT_NE(s.verb, Verb::say);
    EXPECT_FALSE(shrunk.result.scenario.steps.empty());
}

TEST(Shrinking, keeps_and_names_another_failure_that_it_meets) {
    // The disk exists, so the second line opens nothing; without the first it does, and dies.
    Trap images;
    auto scenario = parse(
        "cowlab 1\nsay a\ndisk b 8 image zero\ndisk b 8 image exit\nread b 0 1\n"
        "= something else\n",
        "test");
    ASSERT_TRUE(scenario);
    RunSetup setup;
    setup.images = &images;
    const ObservedRun run = observe(*scenario, setup, {});
    ASSERT_STREQ(run.verdict.word, "expectation");
    const Shrunk shrunk = shrink_in_children(*scenario, run.verdict, {&images, 20});
    ASSERT_TRUE(shrunk.reproduced);
    ASSERT_EQ(shrunk.others.size(), 1u);
    EXPECT_EQ(name_of_failure(shrunk.others[0].verdict), "died exit 9");
    const Scenario& other = shrunk.others[0].scenario;
    EXPECT_EQ(other.header.verdict.word, "died-exit-9");
    EXPECT_STREQ(observe(other, setup, {}).verdict.word, "died-exit-9") << "it is one to replay";
    EXPECT_STREQ(observe(shrunk.result.scenario, setup, {}).verdict.word, "expectation");
}

TEST(Shrinking, does_not_take_what_is_wrong_in_a_snapshot_for_what_is_wrong_in_the_origin) {
    Verdict base, s0, s1;
    base.fail("visibility", 15, 3, "base sector 1 shows 1@1, allowed: 2@1");
    s0.fail("visibility", 15, 9, "s0 sector 7 shows zeros, allowed: 2@7");
    s1.fail("visibility", 15, 9, "s1 sector 0 shows 1@0, allowed: zeros");
    EXPECT_FALSE(is_same_failure(base, s0));
    EXPECT_TRUE(is_same_failure(s0, s1));
}

TEST(Shrinking, of_what_does_not_fail_says_so) {
    Trap images;
    auto scenario = parse("cowlab 1\nsay a\n", "test");
    ASSERT_TRUE(scenario);
    Verdict v;
    v.fail("durability", 15, 0, "");
    const Shrunk shrunk = shrink_in_children(*scenario, v, {&images, 5});
    EXPECT_FALSE(shrunk.reproduced);
    EXPECT_EQ(shrunk.result.scenario.steps.size(), 1u);
}

}  // namespace
}  // namespace cowlab
