#include "cli/fault_table.h"

#include <fmt/format.h>

#include <string>

#include "scenarios/shrink.h"

namespace cowlab {
namespace {

struct Excuse {
    Mark mark;
    const char* reason;
};
// Marks that random runs of the profile quick do not reach, and why they cannot. As short as
// possible; sim/mark_coverage_test.cc shows each of them in a case of its own.
constexpr std::array<Excuse, 0> excuses{};

std::uint64_t marked(const RunResult& r, Mark m) { return r.marks[static_cast<std::size_t>(m)]; }

}  // namespace

const char* RunTables::excuse_of(Mark mark) {
    for (const Excuse& e : excuses) {
        if (e.mark == mark) return e.reason;
    }
    return nullptr;
}

void RunTables::add(const GeneratedRun& run, const RunResult& r) {
    ++runs_;
    bool faulty = false;
    for (std::size_t k = 0; k < fault_kind_count; ++k) {
        const auto kind = static_cast<FaultKind>(k);
        for (std::size_t p = 0; p < purpose_count; ++p) {
            delivered_[k][p] += r.delivered[k][p];
            faulty = faulty || (r.delivered[k][p] > 0 && kind != FaultKind::slow &&
                                kind != FaultKind::power_loss);
        }
    }
    for (std::size_t v = 0; v < verb_count; ++v) verbs_[v] += r.verbs[v];
    const auto had = [&](Verb v) { return r.verbs[static_cast<std::size_t>(v)] > 0; };
    operations_ += count_operations(run.scenario);
    requests_ += r.requests;
    snapshots_ += r.snapshots;
    many_in_flight_ += r.in_flight_peak >= 4 ? 1 : 0;
    with_fault_ += faulty ? 1 : 0;
    with_power_loss_ += r.power_losses > 0 ? 1 : 0;
    // The set-up has one suspend and resume, of the origin.
    with_control_ +=
        had(Verb::load) || had(Verb::remove) || r.verbs[static_cast<std::size_t>(Verb::suspend)] > 1
            ? 1
            : 0;
    nearly_full_ += r.nearly_full ? 1 : 0;
    out_of_space_ += marked(r, Mark::allocation_full) + marked(r, Mark::transient_full) > 0 ? 1 : 0;
    odd_ += run.odd ? 1 : 0;
    huge_ += run.huge ? 1 : 0;
    not_judged_ += r.judged ? 0 : 1;
    losses_in_recovery_ += r.losses_in_recovery;
}

void RunTables::print(const Profile& profile) const {
    if (runs_ == 0) return;
    if (profile.name == profile_quick.name) print_means();
    print_verbs();
    print_faults();
    print_missing();
}

void RunTables::print_means() const {
    const auto mean = [&](std::uint64_t n) {
        return static_cast<double>(n) / static_cast<double>(runs_);
    };
    const auto percent = [&](std::uint64_t n) { return 100 * mean(n); };
    fmt::print(
        "means      operations {:.1f} (promised 60)   device I/Os {:.1f} (150)   snapshots "
        "{:.2f} (1-3)   4 and more requests in flight in {:.0f} % of runs (often)\n",
        mean(operations_), mean(requests_), mean(snapshots_), percent(many_in_flight_));
    fmt::print(
        "           a fault in {:.0f} % (50)   a power loss in {:.0f} % (40)   "
        "suspend/reload/remove in {:.0f} % (60)\n",
        percent(with_fault_), percent(with_power_loss_), percent(with_control_));
    fmt::print(
        "           COW within one area of full in {:.0f} % (25), out of space in {:.0f} %   "
        "odd geometry in {:.0f} %   huge in {:.1f} %   judged for safety only {:.1f} %   "
        "{} power losses inside recovery\n",
        percent(nearly_full_), percent(out_of_space_), percent(odd_), percent(huge_),
        percent(not_judged_), losses_in_recovery_);
}

void RunTables::print_verbs() const {
    std::string line;
    for (std::size_t v = 1; v < verb_count; ++v) {
        if (verbs_[v] > 0)
            line += fmt::format("{} {}   ", name_of(static_cast<Verb>(v)), verbs_[v]);
    }
    fmt::print("verbs      {}\n", line);
}

void RunTables::print_faults() const {
    fmt::print("delivered  {:<14}", "");
    for (std::size_t k = 0; k < fault_kind_count; ++k) {
        if (static_cast<FaultKind>(k) == FaultKind::no_memory) continue;
        fmt::print("{:>12}", name_of(static_cast<FaultKind>(k)));
    }
    fmt::print("\n");
    for (std::size_t p = 0; p < purpose_count; ++p) {
        fmt::print("           {:<14}", name_of(static_cast<Purpose>(p)));
        for (std::size_t k = 0; k < fault_kind_count; ++k) {
            const auto kind = static_cast<FaultKind>(k);
            if (kind == FaultKind::no_memory) continue;
            const bool in_atlas = atlas_allows(kind, static_cast<std::uint32_t>(p), 0);
            if (delivered_[k][p] == 0) {
                fmt::print("{:>12}", in_atlas ? "0" : "-");
            } else {
                fmt::print("{:>12}", fmt::format("{}{}", delivered_[k][p], in_atlas ? "" : "*"));
            }
        }
        fmt::print("\n");
    }
    std::string memory;
    for (std::size_t u = 0; u < static_cast<std::size_t>(MemoryUse::count_); ++u) {
        const std::uint64_t n = delivered_[static_cast<std::size_t>(FaultKind::no_memory)][u];
        if (n > 0) memory += fmt::format("   {} {}", name_of(static_cast<MemoryUse>(u)), n);
    }
    fmt::print("no-memory  {}\n", memory.empty() ? "" : memory.substr(3));
}

void RunTables::print_missing() const {
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
    fmt::print("atlas      {}\n", missing.empty()
                                      ? "every kind of fault met every purpose it may meet"
                                      : "never delivered:" + missing);
}

}  // namespace cowlab
