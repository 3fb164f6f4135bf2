// What a shrunk scenario is small in. The judges here are sentences about lines, so that each test
// says what a failure needs and nothing else may be left.
#include "scenarios/shrink.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <functional>

#include "scenarios/parse.h"
#include "scenarios/print.h"

namespace cowlab {
namespace {

Scenario read(const std::string& lines) {
    const auto s = parse("cowlab 1\n" + lines, "a test");
    EXPECT_TRUE(s) << (s ? "" : s.error().text);
    return s ? *s : Scenario{};
}

struct Sentence final : ShrinkJudge {
    using Needs = std::function<bool(const Scenario&)>;
    explicit Sentence(Needs n) : needs(std::move(n)) {}
    bool fails_alike(const Scenario& candidate) override { return needs(candidate); }
    bool is_out_of_time() override { return false; }
    Needs needs;
};

std::string lines_of(const Scenario& s) {
    const std::string text = print(s);
    return text.substr(text.find('\n') + 1);
}

std::string shrunk(const std::string& lines, Sentence::Needs needs) {
    const Scenario s = read(lines);
    Sentence judge(std::move(needs));
    EXPECT_TRUE(judge.fails_alike(s)) << "the test begins with a failure";
    const ShrinkResult r = shrink(s, judge);
    EXPECT_TRUE(r.minimal);
    EXPECT_EQ(r.operations, count_operations(r.scenario));
    return lines_of(r.scenario);
}

std::size_t place_of(const Scenario& s, Verb verb, const std::string& name, std::size_t from = 0) {
    for (std::size_t i = from; i < s.steps.size(); ++i) {
        if (s.steps[i].verb == verb && (name.empty() || s.steps[i].name == name)) return i;
    }
    return SIZE_MAX;
}

TEST(Shrink, leaves_the_lines_that_are_needed) {
    EXPECT_EQ(
        shrunk("disk orig 8 zero\nwrite orig 0 1 2\nread orig 0 1\nflush orig\nread orig 1 1\n",
               [](const Scenario& s) {
                   const std::size_t at = place_of(s, Verb::write, "orig");
                   return at != SIZE_MAX && place_of(s, Verb::flush, "orig", at) != SIZE_MAX;
               }),
        "write orig 0 1 2\nflush orig\n");
}

// "The 15th area write fails" keeps what makes fourteen others, unless the pin goes down with them.
TEST(Shrink, a_pin_counts_no_more_than_it_must) {
    std::string lines = "pin cow fault.area-write 12 1\n";
    for (int i = 0; i < 12; ++i) lines += "write s " + std::to_string(i) + " 1 2\n";
    EXPECT_EQ(shrunk(lines,
                     [](const Scenario& s) {
                         const std::size_t pin = place_of(s, Verb::pin, "cow");
                         return pin != SIZE_MAX && count_of(s, Verb::write) >= s.steps[pin].pin.nth;
                     }),
              "pin cow fault.area-write 1 1\nwrite s 0 1 2\n");
}

// Where the count must be exact, lines only go together with what counts them.
TEST(Shrink, a_line_goes_with_what_a_pin_counts) {
    std::string lines = "pin cow fault.area-write 9 1\n";
    for (int i = 0; i < 9; ++i) lines += "write s " + std::to_string(i) + " 1 2\n";
    const std::string left = shrunk(lines, [](const Scenario& s) {
        const std::size_t pin = place_of(s, Verb::pin, "cow");
        return pin != SIZE_MAX && count_of(s, Verb::write) == s.steps[pin].pin.nth;
    });
    EXPECT_EQ(left, "pin cow fault.area-write 1 1\nwrite s 8 1 2\n");
}

TEST(Shrink, one_large_write_does_for_many_small_ones) {
    std::string lines = "disk orig 128 zero\ncreate base 0 128 snapshot-origin @orig\n";
    for (int i = 0; i < 10; ++i) lines += "write base " + std::to_string(8 * i) + " 8 2\n";
    const std::string left = shrunk(lines, [](const Scenario& s) {
        std::uint64_t written = 0;
        for (const Step& step : s.steps) {
            if (step.verb == Verb::write) written += step.count.value;
        }
        return written >= 80 && place_of(s, Verb::create, "base") != SIZE_MAX;
    });
    EXPECT_EQ(left, "create base 0 1 snapshot-origin @orig\nwrite base 0 80 2\n");
}

TEST(Shrink, a_power_loss_that_is_survived_becomes_a_flush) {
    const std::string left = shrunk(
        "disk orig 8 zero\ncreate base 0 8 snapshot-origin @orig\nwrite base 0 1 2\n"
        "power-loss keeping everything\nreload\nwrite base 1 1 3\n"
        "power-loss losing everything\nreload\n",
        [](const Scenario& s) {
            const std::size_t create = place_of(s, Verb::create, "base");
            const std::size_t write = place_of(s, Verb::write, "base");
            if (create == SIZE_MAX || write == SIZE_MAX) return false;
            std::size_t kept = place_of(s, Verb::flush, "base", write);
            if (kept == SIZE_MAX) kept = place_of(s, Verb::power_loss, "", write);
            if (kept != SIZE_MAX && s.steps[kept].verb == Verb::power_loss)
                kept = place_of(s, Verb::reload, "", kept);
            return kept != SIZE_MAX && place_of(s, Verb::power_loss, "", kept) != SIZE_MAX;
        });
    EXPECT_EQ(left,
              "create base 0 1 snapshot-origin @orig\nwrite base 0 1 2\nflush base\n"
              "power-loss losing everything\n");
}

TEST(Shrink, a_snapshot_is_removed_instead_of_suspended_and_removed_later) {
    const std::string left =
        shrunk("suspend s\nload base 0 8 zero\nremove s\n", [](const Scenario& s) {
            const std::size_t load = place_of(s, Verb::load, "base");
            if (load == SIZE_MAX || place_of(s, Verb::remove, "s") == SIZE_MAX) return false;
            return place_of(s, Verb::suspend, "s") < load || place_of(s, Verb::remove, "s") < load;
        });
    EXPECT_EQ(left, "remove s\nload base 0 8 zero\n");
}

// 1-minimal: a judge that wants either both of two lines, or neither.
TEST(Shrink, two_lines_far_apart_go_together_when_neither_can_go_alone) {
    std::string lines = "flush orig\n";
    for (int i = 0; i < 30; ++i) lines += "write orig " + std::to_string(i) + " 1 2\n";
    lines += "read orig 0 1\n";
    EXPECT_EQ(shrunk(lines,
                     [](const Scenario& s) {
                         const bool flush = count_of(s, Verb::flush) != 0;
                         const bool read = count_of(s, Verb::read) != 0;
                         return flush == read && count_of(s, Verb::write) >= 30;
                     })
                  .find("flush"),
              std::string::npos);
}

TEST(Shrink, devices_become_as_small_as_the_failure_allows) {
    const std::string left = shrunk(
        "disk orig 4096 zero lbs 512 atomic 8\ndisk cow 1000 zero\n"
        "create s 0 4096 snapshot @orig @cow PO 16 2 discard_zeroes_cow discard_passdown_origin\n"
        "write s 1000 1 2\nwrite s 3016 1 9\n",
        [](const Scenario& s) {
            // Two writes to different chunks inside the device, and room for both.
            const std::size_t create = place_of(s, Verb::create, "s");
            const std::size_t cow = place_of(s, Verb::disk, "cow");
            const std::size_t one = place_of(s, Verb::write, "s");
            if (create == SIZE_MAX || cow == SIZE_MAX || one == SIZE_MAX) return false;
            const std::size_t two = place_of(s, Verb::write, "s", one + 1);
            if (two == SIZE_MAX) return false;
            unsigned length = 0, chunk = 0;
            char store[8] = {};
            if (std::sscanf(s.steps[create].text.c_str(), "0 %u snapshot @orig @cow %7s %u",
                            &length, store, &chunk) != 3)
                return false;
            const auto end = [&](std::size_t i) {
                return s.steps[i].start.value + s.steps[i].count.value;
            };
            const auto chunk_of = [&](std::size_t i) { return s.steps[i].start.value / chunk; };
            return length >= end(one) && length >= end(two) && chunk_of(one) != chunk_of(two) &&
                   s.steps[cow].count.value >= 4 * chunk;
        });
    EXPECT_EQ(left,
              "disk cow 32 zero\ncreate s 0 9 snapshot @orig @cow P 8\nwrite s 0 1 2\n"
              "write s 8 1 3\n");
}

// What is left after the loss: all but one sector. "Keeping everything" says that with one pin.
TEST(Shrink, a_crash_image_differs_in_as_few_sectors_as_it_can) {
    std::string lines = "disk cow 16 zero\npower-loss losing everything\n";
    for (int i = 0; i < 16; ++i) {
        if (i != 5) lines = "pin cow survive." + std::to_string(i) + " 1 2\n" + lines;
    }
    const std::string left = shrunk(lines, [](const Scenario& s) {
        const std::size_t loss = place_of(s, Verb::power_loss, "");
        if (loss == SIZE_MAX) return false;
        const bool keeps = s.steps[loss].loss.survival == Survivors::keeping_everything;
        for (int i = 0; i < 16; ++i) {
            bool kept = keeps;
            for (const Step& pin : s.steps) {
                if (pin.verb == Verb::pin && pin.pin.point == "survive." + std::to_string(i))
                    kept = pin.pin.choice > 1;
            }
            if (kept != (i != 5)) return false;
        }
        const std::size_t cow = place_of(s, Verb::disk, "cow");
        return cow != SIZE_MAX && s.steps[cow].count.value >= 16;
    });
    EXPECT_EQ(left, "disk cow 16 zero\npin cow survive.5 1 1\npower-loss keeping everything\n");
}

TEST(Shrink, a_pin_stands_before_the_line_it_acts_in_and_numbers_begin_anew) {
    EXPECT_EQ(shrunk("pin cow survive.3 1 2\nwrite s 0 1 77\ndisk cow 8 zero\n"
                     "power-loss losing everything\nwrite s 1 1 98\n",
                     [](const Scenario& s) {
                         const std::size_t pin = place_of(s, Verb::pin, "cow");
                         const std::size_t loss = place_of(s, Verb::power_loss, "");
                         return pin != SIZE_MAX && loss != SIZE_MAX && pin < loss &&
                                count_of(s, Verb::write) == 2 &&
                                place_of(s, Verb::disk, "cow") != SIZE_MAX;
                     }),
              "disk cow 1 zero\nwrite s 0 1 2\npin cow survive.3 1 2\n"
              "power-loss losing everything\nwrite s 1 1 3\n");
}

}  // namespace
}  // namespace cowlab
