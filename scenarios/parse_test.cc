// What a file says is what the parser hands on: every verb's fields, where answers and comments go,
// which of the two dialects a file is in, and that nothing in a golden case is a syntax error.
// (Errors word for word: malformed_test.cc. Back to text: roundtrip_test.cc.)
#include "scenarios/parse.h"

#include <gtest/gtest.h>

#include "scenarios/golden_test_files.h"
#include "scenarios/print.h"

namespace cowlab {
namespace {

Scenario parsed(const std::string& text) {
    Result<Scenario> scenario = parse(text, "x.scn");
    if (scenario) return *std::move(scenario);
    ADD_FAILURE() << scenario.error().where << ": " << scenario.error().text;
    return {};
}

// The step a line of a scenario stands for.
Step step_of(const std::string& line) {
    Scenario scenario = parsed("cowlab 1\n" + line + "\n");
    return scenario.steps.empty() ? Step{} : scenario.steps[0];
}

Step golden_step(const std::string& line) {
    Scenario scenario = parsed(line + "\n");
    return scenario.steps.empty() ? Step{} : scenario.steps[0];
}

using Texts = std::vector<std::string>;

TEST(Parse, a_disk_line_has_its_options_in_any_order) {
    const Step plain = step_of("disk orig 64");
    EXPECT_EQ(plain.verb, Verb::disk);
    EXPECT_EQ(plain.name, "orig");
    EXPECT_EQ(plain.count, Sectors{64});
    EXPECT_EQ(plain.disk, DiskSpec{});

    const Step full = step_of("disk orig 0x40 atomic 8 on /dev/sdb keep lbs 4096 cache fill 7");
    EXPECT_EQ(full.count, Sectors{64});
    EXPECT_EQ(full.disk.content, DiskContent::fill);
    EXPECT_EQ(full.seed, 7u);
    EXPECT_EQ(full.disk.lbs, 4096u);
    EXPECT_EQ(full.disk.path, "/dev/sdb");
    EXPECT_TRUE(full.disk.keep);
    EXPECT_EQ(full.disk.cache, WriteCache::on);
    EXPECT_EQ(full.disk.atomic, Sectors{8});

    EXPECT_EQ(step_of("disk b 8 image b.in.img nocache").disk.image, "b.in.img");
}

TEST(Parse, io_verbs_have_their_numbers_in_decimal_or_hexadecimal) {
    const Step write = step_of("write base 0x10 8 2");
    EXPECT_EQ(write.verb, Verb::write);
    EXPECT_EQ(write.name, "base");
    EXPECT_EQ(write.start, Sectors{16});
    EXPECT_EQ(write.count, Sectors{8});
    EXPECT_EQ(write.seed, 2u);

    const Step hex = step_of("hex s 4096 32");
    EXPECT_EQ(hex.byte, 4096u);
    EXPECT_EQ(hex.length, 32u);
    EXPECT_EQ(step_of("writebytes s 12 00fF").text, "00fF");
}

TEST(Parse, a_table_is_its_words_with_one_blank_between_them) {
    const Step step = step_of("create_ro s  0 64   linear @a 0 ;  64 8 zero");
    EXPECT_EQ(step.verb, Verb::create_ro);
    EXPECT_EQ(step.name, "s");
    EXPECT_EQ(step.text, "0 64 linear @a 0 ; 64 8 zero");
}

TEST(Parse, two_names_on_a_line_are_kept_apart) {
    const Step rename = step_of("rename old new");
    EXPECT_EQ(rename.name, "old");
    EXPECT_EQ(rename.other, "new");
    const Step replay = step_of("logreplay log 3 dead lossy 9");
    EXPECT_EQ(replay.name, "log");
    EXPECT_EQ(replay.other, "dead");
    EXPECT_EQ(replay.entries, 3u);
    EXPECT_TRUE(replay.lossy);
    EXPECT_EQ(replay.seed, 9u);
}

TEST(Parse, times_that_are_left_out_are_absent) {
    EXPECT_EQ(step_of("wait w").ms, std::nullopt);
    EXPECT_EQ(step_of("wait w 0").ms, Milliseconds{0});
    EXPECT_EQ(step_of("mergewait base 200").ms, Milliseconds{200});
    EXPECT_EQ(step_of("sleep 20").ms, Milliseconds{20});
}

TEST(Parse, the_tables_of_fault) {
    EXPECT_EQ(step_of("fault orig error").fault.table, FaultTable::error);
    const Step bad = step_of("fault orig bad 8 16");
    EXPECT_EQ(bad.start, Sectors{8});
    EXPECT_EQ(bad.count, Sectors{16});
    const Step flakey = step_of("fault orig flakey 0 600 1  error_writes");
    EXPECT_EQ(flakey.fault.down_seconds, 600u);
    EXPECT_EQ(flakey.text, "1 error_writes");
    const Step delay = step_of("fault orig delay 200 50");
    EXPECT_EQ(delay.fault.read_delay, Milliseconds{200});
    EXPECT_EQ(delay.fault.write_delay, Milliseconds{50});
}

TEST(Parse, a_lane_and_a_background_job_carry_an_io_line) {
    const Step lane = step_of("lane a write base 8 4 3");
    EXPECT_EQ(lane.verb, Verb::lane);
    EXPECT_EQ(lane.io_verb, Verb::write);
    EXPECT_EQ(lane.job, "a");
    EXPECT_EQ(lane.name, "base");
    EXPECT_EQ(lane.start, Sectors{8});
    EXPECT_EQ(lane.seed, 3u);
    EXPECT_EQ(step_of("bg w hex s 0 16").length, 16u);
    EXPECT_EQ(step_of("join").job, "");
    EXPECT_EQ(step_of("join a").job, "a");
}

TEST(Parse, an_injected_fault_says_which_requests_where_what_and_how_often) {
    const Step once = step_of("inject cow area-write any eio");
    EXPECT_EQ(once.name, "cow");
    EXPECT_EQ(once.inject.request_class, RequestClass::area_write);
    EXPECT_TRUE(once.inject.anywhere);
    EXPECT_EQ(once.inject.times, InjectTimes::once);

    const Step third = step_of("inject cow write 16+8 eio-written nth 3rd");
    EXPECT_FALSE(third.inject.anywhere);
    EXPECT_EQ(third.start, Sectors{16});
    EXPECT_EQ(third.count, Sectors{8});
    EXPECT_EQ(third.inject.kind, InjectKind::eio_written);
    EXPECT_EQ(third.inject.times, InjectTimes::nth);
    EXPECT_EQ(third.inject.nth, 3u);

    EXPECT_EQ(step_of("inject cow any any slow 40 sticky").inject.ms, Milliseconds{40});
}

TEST(Parse, a_power_loss_is_now_or_after_a_request) {
    const Step now = step_of("power-loss keeping everything");
    EXPECT_TRUE(now.loss.at_once);
    EXPECT_EQ(now.loss.survival, Survivors::keeping_everything);

    const Step later = step_of("power-loss after s.store area-write 2 issued losing everything");
    EXPECT_FALSE(later.loss.at_once);
    EXPECT_EQ(later.name, "s.store");
    EXPECT_EQ(later.loss.request_class, RequestClass::area_write);
    EXPECT_EQ(later.loss.nth, 2u);
    EXPECT_EQ(later.loss.moment, Moment::issued);
    EXPECT_EQ(step_of("power-loss after a any 1 losing everything").loss.moment, Moment::done);
}

TEST(Parse, a_pin_counts_from_the_first_time) {
    for (const char* nth : {"2", "2nd"}) {
        const Step pin = step_of(std::string("pin s.store commit-exception ") + nth + " 1");
        EXPECT_EQ(pin.name, "s.store");
        EXPECT_EQ(pin.pin, (PinSpec{"commit-exception", 2, 1}));
    }
}

TEST(Parse, the_header_states_policy_rules_limits_and_verdict) {
    const Scenario scenario = parsed(
        "# above\ncowlab 1\n# why\n\npolicy 4.12\nwithout merge-origin-flush\nlimit cow 4\n"
        "limit memory 0x100000\nverdict fail ordering INV-11\n\n# first\ncheck\n# last\n");
    EXPECT_EQ(scenario.version, 1);
    EXPECT_FALSE(scenario.is_golden_case());
    EXPECT_EQ(scenario.preamble, Texts{"# above"});
    EXPECT_EQ(scenario.header.policy, Policy::v4_12);
    EXPECT_EQ(scenario.header.without, Texts{"merge-origin-flush"});
    EXPECT_EQ(scenario.header.limits, (std::vector<Limit>{{"cow", 4}, {"memory", 1 << 20}}));
    EXPECT_EQ(scenario.header.verdict.kind, ExpectedVerdict::Kind::fail);
    EXPECT_EQ(scenario.header.verdict.word, "ordering");
    EXPECT_EQ(scenario.header.verdict.invariant, 11u);
    ASSERT_EQ(scenario.steps.size(), 1u);
    EXPECT_EQ(scenario.steps[0].comments, (Texts{"# why", "", "# first"}));
    EXPECT_EQ(scenario.steps[0].source.line, 12u);
    EXPECT_EQ(scenario.epilogue, Texts{"# last"});
}

TEST(Parse, an_answer_belongs_to_the_line_above_it) {
    const Scenario scenario =
        parsed("cowlab 1\n  read s 16 8  \n  = ok 1@16+8 \ntable s\n=\nhex s 0 16\n= ok\n| 0\n");
    ASSERT_EQ(scenario.steps.size(), 3u);
    EXPECT_EQ(scenario.steps[0].source.text, "read s 16 8");
    EXPECT_EQ(scenario.steps[0].expected, Texts{"= ok 1@16+8"});
    EXPECT_EQ(scenario.steps[1].expected, Texts{"= "});  // the empty answer, its blank trimmed
    EXPECT_EQ(scenario.steps[2].expected, (Texts{"= ok", "| 0"}));
}

TEST(Parse, the_out_form_has_the_kernels_messages_apart) {
    const Scenario scenario = parsed(
        "# a case\n> table s\n= \n# k: one\n# k: two\n# next\n# k: not after an answer\n"
        "> status s\n= 0 64 linear  ; 64 8 zero\n");
    EXPECT_EQ(scenario.form, Form::out);
    ASSERT_EQ(scenario.steps.size(), 2u);
    EXPECT_EQ(scenario.steps[0].comments, Texts{"# a case"});
    EXPECT_EQ(scenario.steps[0].expected, Texts{"= "});
    EXPECT_EQ(scenario.steps[0].log, (Texts{"# k: one", "# k: two"}));
    EXPECT_EQ(scenario.steps[1].comments, (Texts{"# next", "# k: not after an answer"}));
    EXPECT_EQ(scenario.steps[1].expected, Texts{"= 0 64 linear  ; 64 8 zero"});
}

TEST(Parse, a_scenario_may_be_in_the_out_form_below_its_header) {
    const Scenario scenario = parsed("cowlab 1\npolicy kernel\n> lane a read b 0 8\n= ok\n");
    EXPECT_EQ(scenario.form, Form::out);
    ASSERT_EQ(scenario.steps.size(), 1u);
    EXPECT_EQ(scenario.steps[0].io_verb, Verb::read);
}

TEST(Parse, nothing_dmsetup_could_be_asked_is_a_syntax_error_in_a_golden_case) {
    const Step unknown = golden_step("frobnicate s 1");
    EXPECT_EQ(unknown.verb, Verb::unknown);
    EXPECT_FALSE(unknown.malformed);
    EXPECT_EQ(unknown.text, "frobnicate s 1");

    for (const char* line :
         {"write base 0 8", "read base x 8", "flush base now", "disk a 64 lbs 0", "resume",
          "read base 0 18446744073709551616", "bg w status s", "fault orig broken"}) {
        const Step step = golden_step(line);
        EXPECT_TRUE(step.malformed) << line;
        EXPECT_NE(step.verb, Verb::unknown) << line;
        EXPECT_EQ(step.text, line);
        EXPECT_EQ(step.name, "") << line;
    }
    // What only the device mapper can judge is passed on to it.
    for (const char* line : {"create s nonsense", "load s", "new a/b", "disk a 64 lbs 513",
                             "read base 18446744073709551615 1", "= ok", "say"}) {
        EXPECT_FALSE(golden_step(line).malformed) << line;
    }
}

TEST(Parse, a_text_without_lines_is_an_empty_golden_case) {
    EXPECT_EQ(parsed(""), Scenario{});
    EXPECT_EQ(parsed("\n# nothing\n").epilogue, (Texts{"", "# nothing"}));
    EXPECT_EQ(parsed("cowlab 1").version, 1);
}

TEST(Parse, huge_lines_are_read_in_linear_time) {
    const std::string line(std::size_t{8} << 20, 'x');
    EXPECT_EQ(golden_step(line).text.size(), line.size());
    EXPECT_EQ(golden_step("writebytes s 0 " + std::string(std::size_t{4} << 20, '0')).verb,
              Verb::writebytes);
    const auto refused = parse("cowlab 1\n" + line, "x.scn");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().text, "a line of 8388608 bytes: use at most 1048576");
    std::string many = "cowlab 1\n";
    for (int i = 0; i < 100000; ++i) many += "read base 0 8\n";
    EXPECT_EQ(parsed(many).steps.size(), 100000u);
}

TEST(Parse, an_out_file_is_the_lines_of_its_trace_with_their_answers) {
    for (const auto& out : golden_files(".out")) {
        auto trace = out;
        const Scenario input = parsed(read_file(trace.replace_extension(".trace")));
        const auto exchanges = parse_out(read_file(out), out.string());
        ASSERT_TRUE(exchanges) << exchanges.error().text;
        ASSERT_EQ(exchanges->size(), input.steps.size()) << out;
        for (std::size_t i = 0; i < input.steps.size(); ++i) {
            const Exchange& exchange = (*exchanges)[i];
            EXPECT_EQ(exchange.input, input.steps[i].source.text) << out;
            EXPECT_EQ(exchange.comments, input.steps[i].comments) << out;
            ASSERT_FALSE(exchange.answer.empty()) << out << ": " << exchange.input;
            EXPECT_TRUE(exchange.answer[0].starts_with("= ")) << out;
        }
    }
}

TEST(Parse, every_line_of_the_golden_cases_is_understood) {
    std::size_t lines = 0;
    for (const auto& trace : golden_files(".trace")) {
        for (const Step& step : parsed(read_file(trace)).steps) {
            EXPECT_NE(step.verb, Verb::unknown) << trace << ": " << step.source.text;
            EXPECT_FALSE(step.malformed) << trace << ": " << step.source.text;
            ++lines;
        }
    }
    EXPECT_GT(lines, 6000u);
}

}  // namespace
}  // namespace cowlab
