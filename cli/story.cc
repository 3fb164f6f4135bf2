#include "cli/story.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/child_process.h"
#include "cli/invariant_texts.h"
#include "scenarios/print.h"
#include "scenarios/shrink.h"

namespace cowlab {
namespace {

constexpr std::size_t looked_at_max = 40;  // steps of a scenario that is run up to each of them
constexpr std::size_t shown_max = 24;      // steps of a story

// "base sector 1 shows 1@1, allowed: 2@1" and "expected `A`, got `B`": the two sides. What breaks
// a rule has the rule on the one side.
struct Sides {
    std::string expected;
    std::string actual;
};
Sides sides_of(const Verdict& v) {
    const std::string text = v.text;
    const std::size_t shows = text.find(" shows "), allowed = text.find(", allowed:");
    if (shows != std::string::npos && allowed != std::string::npos && allowed > shows) {
        const std::string where = text.substr(0, shows);
        const std::string values = text.substr(allowed + 10);
        const bool several = values.find(' ', 1) != std::string::npos;
        return {fmt::format("{}:{}{}", where, several ? " one of" : "", values),
                fmt::format("{}: {}", where, text.substr(shows + 7, allowed - shows - 7))};
    }
    const std::size_t got = text.find("`, got `");
    if (text.rfind("expected `", 0) == 0 && got != std::string::npos)
        return {text.substr(10, got - 10), text.substr(got + 8, text.size() - got - 9)};
    return {invariant_sentence(v.invariant), text};
}

std::string shortened(std::string text, std::size_t width) {
    return text.size() <= width ? text : text.substr(0, width - 3) + "...";
}

std::string verb_text(const Scenario& scenario, std::size_t step) {
    const Step& s = scenario.steps[step];
    return std::string(name_of(s.io_verb == Verb::unknown ? s.verb : s.io_verb));
}

}  // namespace

std::size_t first_broken_step(const Scenario& scenario, const Verdict& verdict,
                              const RunSetup& setup) {
    const std::size_t seen = std::min<std::size_t>(verdict.step, scenario.steps.size());
    if (scenario.steps.size() > looked_at_max) return seen;
    Step check;
    check.verb = Verb::check;
    for (std::size_t i = 0; i < seen; ++i) {
        const Verb verb = scenario.steps[i].verb;
        if (verb == Verb::pin || verb == Verb::disk) continue;
        Scenario until = first_steps(scenario, i + 1);
        until.steps.push_back(check);
        if (is_same_failure(observe(until, setup, {}).verdict, verdict)) return i;
    }
    return seen;
}

std::string headline(const Verdict& v, bool colours) {
    std::string sentence = invariant_sentence(v.invariant);
    if (sentence.empty()) sentence = v.text;
    const std::string number = v.invariant == 0 ? "" : fmt::format("INV-{}: ", v.invariant);
    const bool says_itself = sentence.rfind("INV-", 0) == 0;
    return fmt::format("{}FAIL{} {:<22} {}{}", colours ? "\x1b[1;31m" : "",
                       colours ? "\x1b[0m" : "", shown_word(v.word), says_itself ? "" : number,
                       sentence);
}

std::string where_broken(const Scenario& scenario, const Verdict& v,
                         std::optional<std::size_t> first_broken) {
    const std::size_t n = scenario.steps.size();
    const std::string indent(28, ' ');
    if (v.step >= n) return fmt::format("{}seen at the end, after step {}\n", indent, n);
    const std::string seen = verb_text(scenario, v.step);
    if (!first_broken)
        return fmt::format("{}seen by the {} at step {} of {}\n", indent, seen, v.step + 1, n);
    if (*first_broken >= v.step)
        return fmt::format("{}broken by the {} at step {} of {}\n", indent, seen, v.step + 1, n);
    return fmt::format("{}first broken at step {} of {}, seen by the {} at step {}\n", indent,
                       *first_broken + 1, n, seen, v.step + 1);
}

std::string story(const Scenario& scenario, const ObservedRun& run,
                  std::optional<std::size_t> first_broken) {
    constexpr std::size_t line_width = 60, answer_width = 48;
    const Verdict& v = run.verdict;
    const std::size_t n = scenario.steps.size();
    const std::size_t end = v.failed ? std::min<std::size_t>(v.step + 1, n) : n;
    const std::size_t begin = end > shown_max ? end - shown_max : 0;
    const std::size_t marked = std::min<std::size_t>(first_broken.value_or(v.step), v.step);
    std::string text = fmt::format("  step  line{:<57} answer\n", "");
    if (begin > 0) text += fmt::format("        … {} steps before\n", begin);
    const auto sides = [&] {
        const Sides s = sides_of(v);
        if (!s.expected.empty()) text += fmt::format("        expected   {}\n", s.expected);
        text += fmt::format("        actual     {}\n", s.actual);
    };
    for (std::size_t i = begin; i < n && i < begin + shown_max; ++i) {
        std::string answer =
            i < run.answers.size() && !run.answers[i].empty() ? run.answers[i].front() : "";
        if (run.died() && i == v.step) answer = shown_word(v.word);
        text += fmt::format("{} {:>4}  {:<60} {}\n", v.failed && i == marked ? ">" : " ", i + 1,
                            shortened(print_line(scenario.steps[i]), line_width),
                            shortened(answer, answer_width));
        if (v.failed && i == v.step) sides();
    }
    if (v.failed && v.step >= n) sides();
    return text;
}

}  // namespace cowlab
