#include "cli/fault_table.h"

#include <fmt/format.h>

#include <string>

#include "scenarios/shrink.h"

namespace cowlab {
namespace {

using G = const GeneratedRun&;
using R = const RunResult&;
using N = std::size_t;

std::uint64_t marked(R r, Mark m) { return r.marks[static_cast<std::size_t>(m)]; }
std::uint64_t times(R r, Verb v) { return r.verbs[static_cast<std::size_t>(v)]; }

// A fault that a request or an allocation met; slowness and power losses are counted apart.
bool had_fault(R r) {
    for (std::size_t k = 0; k < fault_kind_count; ++k) {
        const auto kind = static_cast<FaultKind>(k);
        if (kind == FaultKind::slow || kind == FaultKind::power_loss) continue;
        for (std::size_t p = 0; p < purpose_count; ++p) {
            if (r.delivered[k][p] > 0) return true;
        }
    }
    return false;
}
// The set-up has one suspend and resume, of the origin.
bool had_control(R r) {
    return times(r, Verb::load) > 0 || times(r, Verb::remove) > 0 || times(r, Verb::suspend) > 1;
}

std::string name_of_delivery(std::size_t kind, std::size_t column) {
    const auto k = static_cast<FaultKind>(kind);
    if (k != FaultKind::no_memory)
        return fmt::format("delivered.{}.{}", name_of(k), name_of(static_cast<Purpose>(column)));
    if (column < static_cast<std::size_t>(MemoryUse::count_))
        return fmt::format("delivered.{}.{}", name_of(k), name_of(static_cast<MemoryUse>(column)));
    return fmt::format("delivered.{}.{}", name_of(k), column);
}
std::string name_of_verb(std::size_t verb) {
    return fmt::format("verb.{}", name_of(static_cast<Verb>(verb)));
}

class RunTables {
  public:
    explicit RunTables(const Totals& totals) : totals_(totals), runs_(totals.runs()) {
        for (std::size_t k = 0; k < fault_kind_count; ++k) {
            for (std::size_t p = 0; p < purpose_count; ++p)
                delivered_[k][p] = totals.value(name_of_delivery(k, p));
        }
    }
    std::string text(const Profile& profile);

  private:
    void print_means();
    void print_verbs();
    void print_faults();
    void print_missing();
    template <class... Arguments>
    void put(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
        text_ += fmt::format(format, std::forward<Arguments>(arguments)...);
    }

    const Totals& totals_;
    std::uint64_t runs_;
    std::uint64_t delivered_[fault_kind_count][purpose_count] = {};
    std::string text_;
};

std::string RunTables::text(const Profile& profile) {
    if (runs_ == 0) return {};
    if (profile.name == profile_quick.name) print_means();
    print_verbs();
    print_faults();
    print_missing();
    return std::move(text_);
}

void RunTables::print_means() {
    const auto mean = [&](std::string_view counter) {
        return static_cast<double>(totals_.value(counter)) / static_cast<double>(runs_);
    };
    const auto percent = [&](std::string_view counter) { return 100 * mean(counter); };
    put("means      operations {:.1f} (promised 60)   device I/Os {:.1f} (150)   snapshots "
        "{:.2f} (1-3)   4 and more requests in flight in {:.0f} % of runs (often)\n",
        mean("operations"), mean("requests"), mean("snapshots"),
        percent("runs_with_many_in_flight"));
    put("           a fault in {:.0f} % (50)   a power loss in {:.0f} % (40)   "
        "suspend/reload/remove in {:.0f} % (60)\n",
        percent("runs_with_fault"), percent("runs_with_power_loss"), percent("runs_with_control"));
    put("           COW within one area of full in {:.0f} % (25), out of space in {:.0f} %   "
        "odd geometry in {:.0f} %   huge in {:.1f} %   judged for safety only {:.1f} %   "
        "{} power losses inside recovery\n",
        percent("runs_nearly_full"), percent("runs_out_of_space"), percent("runs_odd"),
        percent("runs_huge"), percent("runs_not_judged"), totals_.value("losses_in_recovery"));
}

void RunTables::print_verbs() {
    std::string line;
    for (std::size_t v = 1; v < verb_count; ++v) {
        const std::uint64_t n = totals_.value(name_of_verb(v));
        if (n > 0) line += fmt::format("{} {}   ", name_of(static_cast<Verb>(v)), n);
    }
    put("verbs      {}\n", line);
}

void RunTables::print_faults() {
    put("delivered  {:<14}", "");
    for (std::size_t k = 0; k < fault_kind_count; ++k) {
        if (static_cast<FaultKind>(k) == FaultKind::no_memory) continue;
        put("{:>12}", name_of(static_cast<FaultKind>(k)));
    }
    put("\n");
    for (std::size_t p = 0; p < purpose_count; ++p) {
        put("           {:<14}", name_of(static_cast<Purpose>(p)));
        for (std::size_t k = 0; k < fault_kind_count; ++k) {
            const auto kind = static_cast<FaultKind>(k);
            if (kind == FaultKind::no_memory) continue;
            const bool in_atlas = atlas_allows(kind, static_cast<std::uint32_t>(p), 0);
            if (delivered_[k][p] == 0) {
                put("{:>12}", in_atlas ? "0" : "-");
            } else {
                put("{:>12}", fmt::format("{}{}", delivered_[k][p], in_atlas ? "" : "*"));
            }
        }
        put("\n");
    }
    std::string memory;
    for (std::size_t u = 0; u < static_cast<std::size_t>(MemoryUse::count_); ++u) {
        const std::uint64_t n = delivered_[static_cast<std::size_t>(FaultKind::no_memory)][u];
        if (n > 0) memory += fmt::format("   {} {}", name_of(static_cast<MemoryUse>(u)), n);
    }
    put("no-memory  {}\n", memory.empty() ? "" : memory.substr(3));
}

void RunTables::print_missing() {
    std::string missing;
    for (const AtlasRow& row : atlas) {
        for (std::uint32_t c = 0; c < purpose_count; ++c) {
            if ((row.purposes >> c & 1) == 0) continue;
            if (delivered_[static_cast<std::size_t>(row.kind)][c] > 0) continue;
            missing +=
                fmt::format(" {}/{}", name_of(row.kind),
                            row.kind == FaultKind::no_memory ? name_of(static_cast<MemoryUse>(c))
                                                             : name_of(static_cast<Purpose>(c)));
        }
    }
    put("atlas      {}\n", missing.empty() ? "every kind of fault met every purpose it may meet"
                                           : "never delivered:" + missing);
}

}  // namespace

std::vector<Counter> fault_table_counters() {
    std::vector<Counter> table = {
        {"snapshots", [](G, R r, N) { return std::uint64_t{r.snapshots}; }},
        {"runs_with_many_in_flight",
         [](G, R r, N) { return std::uint64_t{r.in_flight_peak >= 4}; }},
        {"runs_with_fault", [](G, R r, N) { return std::uint64_t{had_fault(r)}; }},
        {"runs_with_control", [](G, R r, N) { return std::uint64_t{had_control(r)}; }},
        {"runs_nearly_full", [](G, R r, N) { return std::uint64_t{r.nearly_full}; }},
        {"runs_out_of_space",
         [](G, R r, N) {
             return std::uint64_t{marked(r, Mark::allocation_full) > 0 ||
                                  marked(r, Mark::transient_full) > 0};
         }},
        {"runs_odd", [](G g, R, N) { return std::uint64_t{g.odd}; }},
        {"runs_huge", [](G g, R, N) { return std::uint64_t{g.huge}; }},
        {"runs_not_judged", [](G, R r, N) { return std::uint64_t{!r.judged}; }},
        {"losses_in_recovery", [](G, R r, N) { return r.losses_in_recovery; }},
    };
    for (std::size_t v = 1; v < verb_count; ++v)
        table.push_back(
            {name_of_verb(v), [](G, R r, N n) { return std::uint64_t{r.verbs[n]}; }, v});
    for (std::size_t k = 0; k < fault_kind_count; ++k) {
        for (std::size_t p = 0; p < purpose_count; ++p) {
            table.push_back({name_of_delivery(k, p),
                             [](G, R r, N n) {
                                 const auto& row = r.delivered[n / purpose_count];
                                 return std::uint64_t{row[n % purpose_count]};
                             },
                             k * purpose_count + p});
        }
    }
    return table;
}

std::string fault_table_text(const Totals& totals, const Profile& profile) {
    return RunTables(totals).text(profile);
}

}  // namespace cowlab
