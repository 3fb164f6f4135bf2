// `cowlab schedules FILE`: every order of events of one scenario, or some of them by a strategy.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/child_process.h"
#include "cli/directory_images.h"
#include "cli/files.h"
#include "cli/run.h"
#include "cli/scenario_file.h"
#include "scenarios/print.h"
#include "sim/schedule_search.h"

namespace cowlab {
namespace {

constexpr std::uint64_t turns_max = 1'000'000;

RunSetup judged(DirectoryImages& images) {
    RunSetup setup;
    setup.images = &images;
    setup.turns_max = turns_max;
    return setup;
}

std::string verdict_text(const Verdict& v) {
    return fmt::format("{}   {}{}", shown_word(v.word),
                       v.invariant == 0 || std::string_view(v.text).substr(0, 4) == "INV-"
                           ? ""
                           : fmt::format("INV-{}: ", v.invariant),
                       v.text);
}

// The schedule that fails, as a scenario.
Result<bool> store(const SchedulesOptions& options, const Scenario& scenario,
                   const std::vector<Step>& pins, const Verdict& verdict) {
    if (options.output.empty()) return true;
    Scenario found = scenario;
    found.version = language_version;
    found.header.verdict.kind = ExpectedVerdict::Kind::fail;
    found.header.verdict.word = verdict.word;
    found.header.verdict.invariant = verdict.invariant;
    found.steps.insert(found.steps.begin(), pins.begin(), pins.end());
    if (auto r = write_file(options.output, print(found)); !r) return failure(std::move(r).error());
    fmt::print("scenario   {}      {} pins\nreplay     cowlab replay {} --trace\n", options.output,
               pins.size(), options.output);
    return true;
}

// ---- All --------------------------------------------------------------------------------------

struct Found {
    bool any = false;
    Verdict verdict;
    std::vector<Step> pins;
};

void print_outcomes(const SearchResult& r) {
    std::string text;
    for (const std::string& verdict : r.verdicts()) {
        const auto count = std::count_if(r.outcomes.begin(), r.outcomes.end(),
                                         [&](const auto& o) { return o.first.verdict == verdict; });
        text += fmt::format("{}{} ({} different answers or images)", text.empty() ? "" : ", ",
                            verdict, count);
    }
    fmt::print("outcomes   {}\n", text);
}

Result<int> explore_all(const SchedulesOptions& options, const Scenario& scenario,
                        DirectoryImages& images, SimHost& host) {
    SearchOptions how;
    how.window = options.everywhere ? Window{} : window_of(scenario);
    if (options.delays) how.delays_max = *options.delays;
    how.runs_max = options.runs.value_or(how.runs_max);
    how.reduce = !options.full;
    Found found;
    how.after_run = [&](const RunResult& r) {
        if (r.verdict.failed && !found.any) found = {true, r.verdict, r.pins};
        return !stop_requested();
    };
    const std::size_t last = std::min(how.window.last, scenario.steps.size() - 1);
    fmt::print("exhaustive, {}, of lines {}-{} of {}\n",
               options.delays
                   ? fmt::format("every schedule with at most {} deviations from first in, first "
                                 "out",
                                 *options.delays)
                   : "every schedule",
               how.window.first + 1, last + 1, scenario.steps.size());
    const SearchResult r = search_schedules(host, scenario, judged(images), how);
    bool differs = false;
    if (!options.full) {
        fmt::print("reduced    {} runs, {} states, for {:.0f} schedules{}\n", r.runs, r.states,
                   static_cast<double>(r.schedules), r.complete ? "" : " (not complete)");
    }
    if (options.full || options.compare) {
        how.reduce = false;
        const SearchResult full =
            options.full ? r : search_schedules(host, scenario, judged(images), how);
        fmt::print("full       {} schedules{}\n", full.runs,
                   full.complete ? "" : " (not complete)");
        if (!options.full && full.complete && r.complete) {
            bool same = r.schedules == full.schedules && r.outcomes.size() == full.outcomes.size();
            for (auto a = r.outcomes.begin(), b = full.outcomes.begin();
                 same && a != r.outcomes.end(); ++a, ++b)
                same = a->first == b->first;
            differs = !same;
            fmt::print("compared   {}\n",
                       same ? "the same number of schedules, verdicts, answers and images"
                            : "THE REDUCTION IS NOT SOUND HERE: not the same");
        }
    }
    print_outcomes(r);
    fmt::print("steps      at most {} choices a run\n", r.steps_max);
    if (found.any) {
        fmt::print("FAIL {}\n", verdict_text(found.verdict));
        if (auto s = store(options, scenario, found.pins, found.verdict); !s)
            return failure(std::move(s).error());
        return 1;
    }
    if (differs) return 1;
    return r.complete ? 0 : 4;
}

// ---- Some -------------------------------------------------------------------------------------

// Latencies as wild as a campaign's wildest.
GeneratedRun with_latencies(const Scenario& scenario) {
    GeneratedRun run;
    run.scenario = scenario;
    run.swarm.latency_max_us = run.swarm.yield_max_us = 1000;
    return run;
}

double median(std::vector<std::uint64_t> values) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    const std::size_t n = values.size();
    return (static_cast<double>(values[(n - 1) / 2]) + static_cast<double>(values[n / 2])) / 2;
}

Result<int> sample(const SchedulesOptions& options, const Scenario& scenario,
                   DirectoryImages& images, SimHost& host) {
    const std::uint64_t runs = options.runs.value_or(10'000);
    const GeneratedRun latencies = with_latencies(scenario);
    RunSetup setup = judged(images);
    setup.strategy.depth = options.depth;
    setup.strategy.delays = options.delays.value_or(2);
    setup.terse_answers = false;
    if (options.strategy == "random") setup.drive = &latencies;
    if (options.strategy == "uniform") setup.strategy.kind = Strategy::Kind::uniform;
    if (options.strategy == "pct") setup.strategy.kind = Strategy::Kind::pct;
    if (options.strategy == "delays") setup.strategy.kind = Strategy::Kind::delays;
    std::vector<std::uint64_t> needed;
    ScheduleCount most;
    std::uint32_t steps_expected = 0;
    std::uint64_t seed = options.seed;
    std::uint64_t made = 0;
    Found found;
    for (std::uint64_t t = 0; t < options.tries && !stop_requested(); ++t) {
        for (std::uint64_t i = 1; i <= runs && !stop_requested(); ++i) {
            setup.seed = seed++;
            const RunResult r = run_scenario(host, scenario, setup);
            ++made;
            most.chains = std::max(most.chains, r.schedule.chains);
            most.steps = std::max({most.steps, r.schedule.steps, r.steps_expected});
            // Of the same scenario, so the longest run so far says how many steps there can be.
            if (r.steps_expected > 0) steps_expected = setup.strategy.steps_expected = most.steps;
            if (!r.verdict.failed) continue;
            needed.push_back(i);
            if (!found.any) found = {true, r.verdict, r.pins};
            break;
        }
    }
    fmt::print("{}   {} runs from seed {}\n", options.strategy, made, options.seed);
    if (options.strategy == "pct") {
        const double bound =
            most.chains * std::pow(static_cast<double>(steps_expected), options.depth - 1);
        fmt::print(
            "guarantee  depth {}, n = {} chains, k = {} steps: an order that needs {} "
            "constraints is met with probability >= 1/(n*k^{}) = 1/{:.0f} in each run\n",
            options.depth, most.chains, steps_expected, options.depth, options.depth - 1, bound);
    } else if (options.strategy == "delays") {
        fmt::print(
            "guarantee  {} deviations, k = {} steps: each such schedule is met with probability "
            ">= 1/k^{} = 1/{:.0f} in each run\n",
            setup.strategy.delays, steps_expected, setup.strategy.delays,
            std::pow(static_cast<double>(steps_expected), setup.strategy.delays));
    } else if (options.strategy == "uniform") {
        fmt::print("schedule   at most {} chains, {} steps\n", most.chains, most.steps);
    }
    fmt::print("found      in {} of {} tries", needed.size(), options.tries);
    if (!needed.empty()) {
        fmt::print(", after {:.1f} runs (median; at most {})", median(needed),
                   *std::max_element(needed.begin(), needed.end()));
    }
    fmt::print("\n");
    if (!found.any) return stop_requested() ? 4 : 0;
    fmt::print("FAIL {}\n", verdict_text(found.verdict));
    if (auto s = store(options, scenario, found.pins, found.verdict); !s)
        return failure(std::move(s).error());
    return 1;
}

}  // namespace

Result<int> schedules(const SchedulesOptions& options) {
    std::string note;
    auto scenario = load_scenario(options.file, options.policy, note);
    if (!scenario) return failure(std::move(scenario).error());
    if (!note.empty()) fmt::print("overridden by the command line:{}\n", note);
    if (scenario->steps.empty()) return refuse(options.file, "no steps: there is nothing to order");
    DirectoryImages images(directory_of(options.file));
    stop_on_signals();
    SimHost host;
    return options.strategy == "exhaustive" ? explore_all(options, *scenario, images, host)
                                            : sample(options, *scenario, images, host);
}

}  // namespace cowlab
