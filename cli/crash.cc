#include "cli/crash.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstring>

#include "cli/crash_finding.h"
#include "cli/directory_images.h"
#include "cli/packet.h"
#include "cli/scenario_file.h"
#include "cli/story.h"
#include "cli/version.h"
#include "scenarios/parse.h"
#include "scenarios/print.h"
#include "sim/crash/crash_explorer.h"

namespace cowlab {
namespace {

// What the exploring child tells: how far it is, and everything at its end.
enum Packet : std::uint64_t { under_way, found, ended };

struct Explored {
    CrashReport report;
    std::vector<Scenario> findings;
    RunResult base;
    bool arrived = false;
};

void put(PacketWriter& p, const CrashCount& n) {
    p.text({reinterpret_cast<const char*>(&n), sizeof n});
}
CrashCount get_count(PacketReader& p) {
    CrashCount n = 0;
    const std::string bytes = p.text();
    if (bytes.size() == sizeof n) std::memcpy(&n, bytes.data(), sizeof n);
    return n;
}

void put(PacketWriter& p, const CrashReport& report) {
    for (const CrashCoverage& c : report.of) {
        for (const std::uint64_t n : {c.events, c.points, c.checked, c.repeated, c.symbolic, c.cut})
            p.number(n);
        put(p, c.raw);
        put(p, c.represented);
    }
    p.number(report.failures);
}
void get(PacketReader& p, CrashReport& report) {
    for (CrashCoverage& c : report.of) {
        for (std::uint64_t* n :
             {&c.events, &c.points, &c.checked, &c.repeated, &c.symbolic, &c.cut})
            *n = p.number();
        c.raw = get_count(p);
        c.represented = get_count(p);
    }
    report.failures = p.number();
}

class Progress {
  public:
    void show(const CrashReport& report) {
        const auto now = std::chrono::steady_clock::now();
        if (now - last_ < std::chrono::seconds(on_terminal() ? 1 : 60)) return;
        last_ = now;
        const CrashCoverage t = report.total();
        std::fprintf(stderr, "%s%s", on_terminal() ? "\r" : "",
                     fmt::format("{} moments, {} states checked, {} failed{}", t.points, t.checked,
                                 report.failures, on_terminal() ? "   " : "\n")
                         .c_str());
        shown_ = true;
    }
    void end() const {
        if (shown_ && on_terminal()) std::fputs("\r\x1b[K", stderr);
    }

  private:
    static bool on_terminal() { return isatty(2) == 1; }
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
    bool shown_ = false;
};

CrashOptions options_of(const CrashCommand& command) {
    CrashOptions o;
    o.branches_per_point = command.exhaustive ? UINT64_MAX : command.budget;
    o.depth = command.nested;
    for (const std::string& name : command.without_reductions) {
        if (name == "content") o.reduce.content = false;
        if (name == "read-set") o.reduce.read_set = false;
        if (name == "protected-store") o.reduce.protected_store = false;
        if (name == "identical") o.reduce.identical = false;
    }
    return o;
}

}  // namespace

Result<int> crash(const CrashCommand& command) {
    std::string note;
    auto scenario = load_scenario(command.file, command.policy, note);
    if (!scenario) return failure(std::move(scenario).error());
    scenario->version = language_version;
    // Whether its answers are those expected is `replay`'s business.
    for (Step& step : scenario->steps) step.expected.clear();
    fmt::print("cowlab crash {}   {}\n", command.file, version_text());
    if (!note.empty()) fmt::print("overridden by the command line:{}\n", note);
    std::fflush(stdout);
    DirectoryImages images(directory_of(command.file));
    const auto start = std::chrono::steady_clock::now();
    Explored explored;
    Progress progress;
    const ChildEnd end = run_in_child(
        [&](Child::Line& line) {
            SimHost host;
            CrashExplorer explorer(host, options_of(command));
            auto last = std::chrono::steady_clock::now();
            explorer.on_progress = [&](const CrashReport& report) {
                const auto now = std::chrono::steady_clock::now();
                if (now - last < std::chrono::milliseconds(500)) return;
                last = now;
                PacketWriter p;
                p.number(under_way);
                put(p, report);
                line.send(p.bytes());
            };
            RunSetup setup;
            setup.images = &images;
            setup.terse_answers = true;
            setup.recorder_capacity = 32;  // a branch copies them
            setup.cells = command.byte_cells ? CellMode::bytes : CellMode::tags;
            setup.watcher = &explorer;
            setup.turns_max = UINT64_MAX;
            const RunResult base = run_scenario(host, *scenario, setup);
            for (const CrashFinding& f : explorer.report().findings) {
                PacketWriter p;
                p.number(found);
                p.text(print(scenario_of(*scenario, f)));
                line.send(p.bytes());
            }
            PacketWriter p;
            p.number(ended);
            put(p, explorer.report());
            p.text({reinterpret_cast<const char*>(&base.verdict), sizeof base.verdict});
            p.number(base.judged);
            line.send(p.bytes());
        },
        [&](std::string& bytes) {
            PacketReader p(bytes);
            switch (p.number()) {
                case under_way:
                    get(p, explored.report);
                    progress.show(explored.report);
                    break;
                case found: {
                    auto f = parse(p.text(), "finding");
                    if (f) explored.findings.push_back(std::move(*f));
                    break;
                }
                case ended: {
                    get(p, explored.report);
                    const std::string verdict = p.text();
                    if (verdict.size() == sizeof(Verdict))
                        std::memcpy(static_cast<void*>(&explored.base.verdict), verdict.data(),
                                    verdict.size());
                    explored.base.judged = p.number() != 0;
                    explored.arrived = p.ok();
                    break;
                }
            }
        },
        UINT32_MAX);
    progress.end();
    if (!explored.arrived) {
        Board board;
        fmt::print("{}\n", headline(verdict_of_death(end, board, 0, {}), isatty(1) == 1));
        return 1;
    }
    if (!explored.base.judged) {
        return failure({Error::Kind::refused, command.file,
                        "is judged only for safety (limit judged 0): crash states need a judge: "
                        "take that line away"});
    }
    print_coverage(explored.report);
    const CrashCoverage total = explored.report.total();
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    fmt::print("{} states checked in {:.1f} s speak for {} of {} raw states: {}\n", total.checked,
               seconds, count_text(total.represented), count_text(total.raw),
               total.is_exhaustive() ? "exhaustive" : "not exhaustive (--budget N, --exhaustive)");
    for (std::size_t i = 0; i < explored.findings.size(); ++i) {
        fmt::print("\n");
        const std::string path = fmt::format("{}/crash-{}.scn", command.out, i + 1);
        if (auto t = tell_finding(explored.findings[i], path, images, command.shrink_seconds); !t)
            return failure(std::move(t).error());
    }
    if (explored.base.verdict.failed) {
        fmt::print("the scenario fails without a crash of ours: {}\n",
                   headline(explored.base.verdict, isatty(1) == 1));
    }
    if (explored.report.failures > 0 || explored.base.verdict.failed) {
        fmt::print("{} of the states failed\n", explored.report.failures);
        return 1;
    }
    fmt::print("passes\n");
    return 0;
}

}  // namespace cowlab
