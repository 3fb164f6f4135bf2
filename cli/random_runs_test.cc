// RapidCheck as a front end: it draws the cases, our shrinker makes them small.
//
// A case is a seed; what it stands for is drawn by our own generator and chooser (one draw of
// RapidCheck's a case: cheap, and the same under every compiler). RapidCheck asks for smaller cases
// only when one has failed; there is one then, the result of scenarios/shrink.h. What failed last
// is left as out/rapidcheck/PROPERTY.scn for `cowlab replay`.
#include <gtest/gtest.h>
//
#include <rapidcheck/gtest.h>

#include <fmt/format.h>

#include <filesystem>

#include "cli/files.h"
#include "cli/finding.h"
#include "scenarios/generate.h"
#include "scenarios/print.h"

namespace cowlab {
namespace {

SimHost& host() {
    static SimHost h;
    return h;
}

struct Case {
    std::uint64_t seed = 0;
    Scenario scenario;  // its lines; made complete (with its choices) when it is a shrunk one
    bool shrunk = false;
};

RunResult run(const Case& c) {
    RunSetup setup;
    setup.terse_answers = true;
    setup.turns_max = 2'000'000;
    if (c.shrunk) return run_scenario(host(), c.scenario, setup);
    const GeneratedRun drawn = generate(c.seed, profile_quick, {});
    setup.drive = &drawn;
    setup.seed = c.seed;
    return run_scenario(host(), drawn.scenario, setup);
}

rc::Seq<rc::Shrinkable<Case>> smaller(const Case& c) {
    if (c.shrunk) return {};
    // Lazily: nobody asks unless the case has failed.
    const auto one = [c]() -> Case {
        const RunResult result = run(c);
        const Scenario whole =
            complete_scenario(generate(c.seed, profile_quick, {}).scenario, result);
        Verdict verdict = result.verdict;
        verdict.step += result.pins.size();
        return {c.seed, shrink_in_children(whole, verdict, {nullptr, 10}).result.scenario, true};
    };
    return rc::seq::map(rc::seq::just(0), [one](int) { return rc::shrinkable::lambda(one); });
}

rc::Gen<Case> any_run() {
    return [](const rc::Random& random, int) {
        rc::Random r = random;
        const std::uint64_t seed = r.next();
        return rc::shrinkable::lambda(
            [seed] {
                return Case{seed, {}, false};
            },
            [seed] {
                return smaller({seed, {}, false});
            });
    };
}

void showValue(const Case& c, std::ostream& os) {
    os << "seed " << c.seed << "\n";
    if (c.shrunk) os << print(c.scenario);
}

// Where the scenario of a failure is left, and how to see it again.
std::string left_for_replay(const std::string& property, const Scenario& scenario) {
    const std::string file = "out/rapidcheck/" + property + ".scn";
    std::filesystem::create_directories("out/rapidcheck");
    RC_ASSERT(write_file(file, print(scenario)).has_value());
    return "\nreplay     cowlab replay " + file + " --trace";
}

RC_GTEST_PROP(RandomRuns, break_no_promise, ()) {
    const Case c = *any_run();
    const RunResult result = run(c);
    if (!result.verdict.failed) return;
    std::string said = fmt::format("{}: {}", result.verdict.word, result.verdict.text);
    if (c.shrunk) said += left_for_replay("break_no_promise", c.scenario);
    RC_FAIL(said);
}

struct Bytes {
    std::vector<std::uint8_t> lines;    // scenarios/draws.h
    std::vector<std::uint8_t> choices;  // sim/chooser.h
};

rc::Seq<Bytes> with_less(const Bytes& b) {
    return rc::seq::concat(
        rc::seq::map(rc::shrink::removeChunks(b.lines),
                     [b](std::vector<std::uint8_t> less) {
                         return Bytes{std::move(less), b.choices};
                     }),
        rc::seq::map(rc::shrink::removeChunks(b.choices), [b](std::vector<std::uint8_t> less) {
            return Bytes{b.lines, std::move(less)};
        }));
}

rc::Gen<Bytes> any_bytes() {
    return [](const rc::Random& random, int) {
        rc::Random r = random;
        const auto draw = [&r](std::size_t most) {
            std::vector<std::uint8_t> bytes(r.next() % (most + 1));
            for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(r.next() >> 32);
            return bytes;
        };
        Bytes b;
        b.lines = draw(1500);
        b.choices = draw(1500);
        return rc::shrinkable::shrinkRecur(b, [](const Bytes& more) { return with_less(more); });
    };
}

void showValue(const Bytes& b, std::ostream& os) {
    os << b.lines.size() << " bytes of lines and " << b.choices.size() << " of choices\n"
       << print(generate(b.lines, profile_quick, {}).scenario);
}

RC_GTEST_PROP(RandomRuns, of_any_bytes_break_no_promise, ()) {
    const Bytes b = *any_bytes();
    const GeneratedRun drawn = generate(b.lines, profile_quick, {});
    RunSetup setup;
    setup.terse_answers = true;
    setup.turns_max = 2'000'000;
    setup.drive = &drawn;
    std::vector<std::uint8_t> choices = b.choices;
    choices.push_back(0);  // no bytes at all would mean: not from bytes
    setup.bytes = choices;
    const RunResult result = run_scenario(host(), drawn.scenario, setup);
    if (!result.verdict.failed) return;
    RC_FAIL(fmt::format("{}: {}", result.verdict.word, result.verdict.text) +
            left_for_replay("of_any_bytes_break_no_promise",
                            complete_scenario(drawn.scenario, result)));
}

}  // namespace
}  // namespace cowlab
