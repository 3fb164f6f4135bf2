#include "cli/totals.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/fault_table.h"
#include "scenarios/shrink.h"

namespace cowlab {
namespace {

using S = const GeneratedRun&;
using R = const RunResult&;
using N = std::size_t;

constexpr std::string_view mark_prefix = "mark.";

std::vector<Counter> make_counters() {
    std::vector<Counter> table = {
        {"runs", [](S, R, N) { return std::uint64_t{1}; }},
        {"operations", [](S s, R, N) { return std::uint64_t{count_operations(s.scenario)}; }},
        {"requests", [](S, R r, N) { return r.requests; }},
        {"errors", [](S, R r, N) { return r.errors; }},
        {"power_losses", [](S, R r, N) { return r.power_losses; }},
        {"runs_with_errors", [](S, R r, N) { return std::uint64_t{r.errors > 0}; }},
        {"runs_with_power_loss", [](S, R r, N) { return std::uint64_t{r.power_losses > 0}; }},
        {"runs_hung_by_user", [](S, R r, N) { return std::uint64_t{r.hung_by_user}; }},
        {"runs_with_a_scheduler", [](S, R r, N) { return std::uint64_t{r.schedule.chains > 0}; }},
        {"chains", [](S, R r, N) { return std::uint64_t{r.schedule.chains}; }},
        {"choices", [](S, R r, N) { return std::uint64_t{r.schedule.steps}; }},
        {"deviations", [](S, R r, N) { return std::uint64_t{r.schedule.deviations}; }},
        {"crash_states", [](S, R r, N) { return r.crash_states; }},
        {"judged.structure", [](S, R r, N) { return r.evaluations.structure; }},
        {"judged.containment", [](S, R r, N) { return r.evaluations.containment; }},
    };
    for (std::size_t i = 0; i < model::rule_count; ++i) {
        table.push_back({fmt::format("judged.{}", name_of(static_cast<model::Rule>(i))),
                         [](S, R r, N n) { return r.model.evaluated[n]; }, i});
    }
    for (std::size_t i = 0; i < OracleEvaluations::count; ++i) {
        table.push_back({fmt::format("judged.{}", OracleEvaluations::words[i]),
                         [](S, R r, N n) { return std::uint64_t{r.evaluations.oracles.n[n]}; }, i});
    }
    for (std::size_t m = 0; m < mark_count; ++m) {
        table.push_back({std::string(mark_prefix) + mark_texts[m].name,
                         [](S, R r, N n) { return std::uint64_t{r.marks[n]}; }, m});
    }
    for (Counter& c : fault_table_counters()) table.push_back(std::move(c));
    return table;
}

bool is_mark(const Counter& c) { return c.name.substr(0, mark_prefix.size()) == mark_prefix; }

}  // namespace

const std::vector<Counter>& counters() {
    static const std::vector<Counter> table = make_counters();
    return table;
}

void Totals::add(const GeneratedRun& run, const RunResult& result) {
    for (std::size_t i = 0; i < values_.size(); ++i)
        values_[i] += counters()[i].of(run, result, counters()[i].index);
}

void Totals::add(const Totals& other) {
    for (std::size_t i = 0; i < values_.size(); ++i) values_[i] += other.values_[i];
}

void Totals::add_dead_run() { ++values_[0]; }

std::uint64_t Totals::value(std::string_view name) const {
    for (std::size_t i = 0; i < values_.size(); ++i) {
        if (counters()[i].name == name) return values_[i];
    }
    return 0;
}

bool Totals::set(std::span<const std::uint64_t> values) {
    if (values.size() != values_.size()) return false;
    values_.assign(values.begin(), values.end());
    return true;
}

std::size_t Totals::marks_reached() const { return mark_count - marks_never_reached().size(); }

std::vector<std::string> Totals::marks_never_reached() const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < values_.size(); ++i) {
        if (is_mark(counters()[i]) && values_[i] == 0)
            names.push_back(counters()[i].name.substr(mark_prefix.size()));
    }
    return names;
}

std::string totals_text(const Totals& t, std::uint64_t ms, const Profile& profile) {
    if (t.runs() == 0) return "";
    const auto mean = [&](std::string_view name) {
        return static_cast<double>(t.value(name)) / static_cast<double>(t.runs());
    };
    const auto per_second = [&](std::string_view name) {
        return static_cast<double>(t.value(name)) * 1000.0 / static_cast<double>(ms + 1);
    };
    std::string text =
        fmt::format("{} runs in {:.1f} s ({:.0f} runs/s, {:.0f} I/Os/s)\n", t.runs(),
                    static_cast<double>(ms) / 1000.0, per_second("runs"), per_second("requests"));
    text += fmt::format(
        "per run    {:.1f} operations, {:.1f} device I/Os, {:.2f} errors, {:.2f} power losses\n",
        mean("operations"), mean("requests"), mean("errors"), mean("power_losses"));
    text += fmt::format(
        "of runs    {:.0f} % had a failing request, {:.0f} % lost power, {:.0f} % ended with a "
        "device left suspended\n",
        100 * mean("runs_with_errors"), 100 * mean("runs_with_power_loss"),
        100 * mean("runs_hung_by_user"));
    if (const std::uint64_t states = t.value("crash_states"); states > 0)
        text += fmt::format("crashes    {} crash states checked beside the runs\n", states);
    if (const std::uint64_t scheduled = t.value("runs_with_a_scheduler"); scheduled > 0) {
        const auto a_run = [&](std::string_view name) {
            return static_cast<double>(t.value(name)) / static_cast<double>(scheduled);
        };
        const double n = a_run("chains");
        const double k = a_run("choices");
        text += fmt::format(
            "schedules  {} runs with n = {:.1f} chains, k = {:.0f} steps, {:.1f} deviations from "
            "first in, first out (means); pct meets an order that needs d constraints in a run "
            "with probability >= 1/(n*k^(d-1)): d = 1: 1/{:.0f}, 2: 1/{:.0f}, 3: 1/{:.0f}\n",
            scheduled, n, k, a_run("deviations"), n, n * k, n * k * k);
    }
    text += "judged     ";
    for (std::uint32_t i = 0; i < model::rule_count; ++i) {
        const char* rule = name_of(static_cast<model::Rule>(i));
        text += fmt::format("{} {} sectors, ", rule, t.value(fmt::format("judged.{}", rule)));
    }
    text += fmt::format("structure {} stores, containment {}", t.value("judged.structure"),
                        t.value("judged.containment"));
    for (const auto& oracle : OracleEvaluations::words)
        text += fmt::format(", {} {}", oracle, t.value(fmt::format("judged.{}", oracle)));
    text += "\n";
    std::string missing;
    for (const std::string& name : t.marks_never_reached()) {
        missing += " " + name;
    }
    if (!missing.empty()) text += fmt::format("never     {}\n", missing);
    return text + fault_table_text(t, profile);
}

}  // namespace cowlab
