#include "cli/explore.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/crash_finding.h"
#include "cli/directory_images.h"
#include "cli/files.h"
#include "cli/shards.h"
#include "cli/stop_signals.h"
#include "cli/version.h"
#include "scenarios/parse.h"
#include "scenarios/print.h"
#include "sim/small_scope/small_scope.h"

namespace cowlab {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

// ---- One unit, as it is kept in a file ----------------------------------------------------------

json to_json(const CrashCoverage& c) {
    return {{"events", c.events},
            {"moments", c.points},
            {"checked", c.checked},
            {"repeated", c.repeated},
            {"symbolic", c.symbolic},
            {"cut", c.cut},
            {"raw", fmt::format("{:.0f}", c.raw)},
            {"represented", fmt::format("{:.0f}", c.represented)}};
}

CrashCoverage coverage_of(const json& j) {
    CrashCoverage c;
    c.events = j.at("events");
    c.points = j.at("moments");
    c.checked = j.at("checked");
    c.repeated = j.at("repeated");
    c.symbolic = j.at("symbolic");
    c.cut = j.at("cut");
    c.raw = std::strtold(j.at("raw").get<std::string>().c_str(), nullptr);
    c.represented = std::strtold(j.at("represented").get<std::string>().c_str(), nullptr);
    return c;
}

json to_json(const SmallScopeReport& r, const Scenario& header) {
    json classes = json::array();
    for (const CrashCoverage& c : r.crashes.of) classes.push_back(to_json(c));
    json findings = json::array();
    for (const auto* list : {&r.findings, &r.crashes.findings}) {
        for (const CrashFinding& f : *list) findings.push_back(print(scenario_of(header, f)));
    }
    return {{"workloads", r.workloads}, {"together", r.together},
            {"schedules", r.schedules}, {"failures", r.failures + r.crashes.failures},
            {"classes", classes},       {"findings", findings}};
}

struct Unit {
    json content;
    SmallScopeReport report() const {
        SmallScopeReport r;
        r.workloads = content.at("workloads");
        r.together = content.at("together");
        r.schedules = content.at("schedules");
        r.failures = content.at("failures");
        for (std::size_t i = 0; i < crash_event_class_count; ++i)
            r.crashes.of[i] = coverage_of(content.at("classes").at(i));
        return r;
    }
};
using Units = std::map<std::uint32_t, Unit>;

// ---- The file of a shard ------------------------------------------------------------------------

// What the counts depend on; the file of another exploration is not ours.
std::string who(const ExploreOptions& o, const Header& header) {
    Scenario s;
    s.version = language_version;
    s.header = header;
    return fmt::format("explore --ops {} --nested {} --delays {}, {}: {}", o.operations, o.nested,
                       o.delays, version_text(), print(s));
}

Result<bool> save(const std::string& path, const std::string& who, const Units& units) {
    json j = {{"who", who}, {"units", json::object()}};
    for (const auto& [unit, content] : units) j["units"][std::to_string(unit)] = content.content;
    return write_file(path, j.dump(1) + "\n");
}

Result<Units> load(const std::string& path, const std::string& who) {
    auto text = read_text_file(path);
    if (!text) return failure(std::move(text).error());
    Units units;
    try {
        const json j = json::parse(*text);
        if (j.at("who") != who) {
            return failure({Error::Kind::refused, path,
                            "is of another exploration (options, version or header): run it again "
                            "without --resume"});
        }
        for (const auto& [unit, content] : j.at("units").items()) {
            Unit u{content};
            u.report();  // is all there?
            const auto number = static_cast<std::uint32_t>(std::stoul(unit));
            if (number >= small_scope_units()) throw std::out_of_range(unit);
            units[number] = std::move(u);
        }
    } catch (const std::exception& e) {
        return failure({Error::Kind::refused, path,
                        fmt::format("is not the file of an exploration ({}): name one that "
                                    "`cowlab explore` wrote",
                                    e.what())});
    }
    return units;
}

// ---- Running
// --------------------------------------------------------------------------------------

struct Worker {
    Child child;
    std::uint32_t unit = 0;
    std::uint64_t schedules = 0;
    std::uint64_t checked = 0;
    bool has_answered = false;
};

Worker start_worker(std::uint32_t unit, const SmallScopeOptions& options, const Scenario& header) {
    Worker w;
    w.unit = unit;
    w.child = Child::start(
        [&](Child::Line& line) {
            SimHost host;
            SmallScope scope(host, options);
            auto last = Clock::now();
            scope.on_progress = [&](const SmallScopeReport& r) {
                if (Clock::now() - last < std::chrono::milliseconds(300)) return;
                last = Clock::now();
                line.send(json{{"schedules", r.schedules}, {"checked", r.crashes.total().checked}}
                              .dump());
            };
            line.send(json{{"unit", to_json(scope.explore(unit), header)}}.dump());
        },
        Child::Output::caught);
    return w;
}

class Exploration {
  public:
    Exploration(const ExploreOptions& options, const SmallScopeOptions& scope,
                const Scenario& header, std::string path, std::string who)
        : options_(options),
          scope_(scope),
          header_(header),
          path_(std::move(path)),
          who_(std::move(who)) {}

    // Runs those of `todo`; false in `complete` if it was told to stop.
    Result<bool> run(std::vector<std::uint32_t> todo, Units& units) {
        stop_on_signals();
        const std::size_t jobs =
            options_.jobs > 0 ? options_.jobs
                              : std::max<std::size_t>(1, std::thread::hardware_concurrency());
        std::reverse(todo.begin(), todo.end());
        std::vector<Worker> workers;
        while (!todo.empty() || !workers.empty()) {
            while (!todo.empty() && workers.size() < jobs && !stop_requested()) {
                workers.push_back(start_worker(todo.back(), scope_, header_));
                todo.pop_back();
            }
            if (workers.empty()) break;
            std::vector<pollfd> fds;
            for (const Worker& w : workers) fds.push_back({w.child.fd(), POLLIN, 0});
            ::poll(fds.data(), fds.size(), 500);
            for (std::size_t i = 0; i < workers.size();) {
                if (is_alive(workers[i], units)) {
                    ++i;
                    continue;
                }
                const ChildEnd end = workers[i].child.end();
                if (!workers[i].has_answered) note_death(workers[i].unit, end, units);
                workers.erase(workers.begin() + static_cast<std::ptrdiff_t>(i));
                if (auto s = save(path_, who_, units); !s) return failure(std::move(s).error());
            }
            show(units, workers, todo.size());
            if (stop_requested() && !todo.empty()) todo.clear();
        }
        return !stop_requested();
    }

  private:
    bool is_alive(Worker& w, Units& units) {
        const bool open = w.child.receive(false);
        for (std::string packet; w.child.next(packet);) {
            const json j = json::parse(packet, nullptr, false);
            if (j.is_discarded()) continue;
            if (j.contains("unit")) {
                units[w.unit] = {j.at("unit")};
                w.has_answered = true;
            } else {
                w.schedules = j.at("schedules");
                w.checked = j.at("checked");
            }
        }
        return open;
    }
    // The engine killed the process: that is what was found.
    void note_death(std::uint32_t unit, const ChildEnd& end, Units& units) {
        const Board board;
        const Verdict v = verdict_of_death(end, board, 0, {});
        json j = to_json(SmallScopeReport{}, header_);
        j["failures"] = 1;
        j["death"] = fmt::format("{}: {}", shown_word(v.word), v.text);
        units[unit] = {j};
    }
    void show(const Units& units, const std::vector<Worker>& workers, std::size_t left) {
        const bool terminal = isatty(2) == 1;
        const auto now = Clock::now();
        if (now - last_ < std::chrono::seconds(terminal ? 1 : 60)) return;
        last_ = now;
        std::uint64_t schedules = 0;
        std::uint64_t checked = 0;
        for (const auto& [unit, u] : units) {
            schedules += u.report().schedules;
            checked += u.report().crashes.total().checked;
        }
        for (const Worker& w : workers) {
            schedules += w.schedules;
            checked += w.checked;
        }
        std::fprintf(stderr, "%s%zu of %zu units, %lu runs, %lu crash states checked%s",
                     terminal ? "\r" : "", units.size(), units.size() + workers.size() + left,
                     static_cast<unsigned long>(schedules), static_cast<unsigned long>(checked),
                     terminal ? "   " : "\n");
    }

    const ExploreOptions& options_;
    const SmallScopeOptions& scope_;
    const Scenario& header_;
    std::string path_;
    std::string who_;
    Clock::time_point last_ = Clock::now();
};

// ---- What it came to
// ------------------------------------------------------------------------------

Result<int> tell(const ExploreOptions& options, const Units& units, std::size_t wanted) {
    SmallScopeReport all;
    std::vector<std::string> findings;
    std::vector<std::string> deaths;
    for (const auto& [unit, u] : units) {
        const SmallScopeReport r = u.report();
        all.workloads += r.workloads;
        all.together += r.together;
        all.schedules += r.schedules;
        all.failures += r.failures;
        for (std::size_t i = 0; i < crash_event_class_count; ++i)
            all.crashes.of[i].add(r.crashes.of[i]);
        for (const json& f : u.content.at("findings")) findings.push_back(f);
        if (u.content.contains("death"))
            deaths.push_back(fmt::format("unit {}: {}", unit, u.content.at("death")));
    }
    fmt::print("workloads  {} ({} of them with all operations at once), {} runs\n", all.workloads,
               all.together, all.schedules);
    print_coverage(all.crashes);
    const CrashCoverage total = all.crashes.total();
    fmt::print("{} crash states checked speak for {} of {} raw states: {}\n", total.checked,
               count_text(total.represented), count_text(total.raw),
               total.is_exhaustive() ? "exhaustive" : "not exhaustive");
    // One of each kind.
    DirectoryImages images("");
    std::vector<std::pair<std::string, std::uint32_t>> told;
    for (const std::string& text : findings) {
        auto scenario = parse(text, "finding");
        if (!scenario) continue;
        const ExpectedVerdict& v = scenario->header.verdict;
        const std::pair<std::string, std::uint32_t> kind{v.word, v.invariant};
        if (std::find(told.begin(), told.end(), kind) != told.end()) continue;
        told.push_back(kind);
        fmt::print("\n");
        const std::string path = fmt::format("{}/explore-{}.scn", options.out, told.size());
        if (auto t = tell_finding(*scenario, path, images, options.shrink_seconds); !t)
            return failure(std::move(t).error());
    }
    for (const std::string& death : deaths) fmt::print("FAIL {}\n", death);
    if (all.failures > 0) {
        fmt::print("{} runs and states failed\n", all.failures);
        return 1;
    }
    if (units.size() < wanted) {
        fmt::print(
            "{} of {} units are missing: go on with --resume, or name the other shards' "
            "files\n",
            wanted - units.size(), wanted);
        return 4;
    }
    fmt::print("passes\n");
    return 0;
}

Result<int> merge(const ExploreOptions& options, const std::string& who) {
    Units all;
    for (const std::string& file : options.merge) {
        auto units = load(file, who);
        if (!units) return failure(std::move(units).error());
        for (auto& [unit, u] : *units) {
            const auto had = all.find(unit);
            if (had != all.end() && had->second.content != u.content) {
                return failure({Error::Kind::failed, file,
                                fmt::format("unit {} has other counts than in a file before it: "
                                            "the same exploration came out differently",
                                            unit)});
            }
            all[unit] = std::move(u);
        }
    }
    return tell(options, all, small_scope_units());
}

}  // namespace

Result<int> explore(const ExploreOptions& options) {
    Scenario header;
    header.version = language_version;
    std::string note;
    if (auto r = apply_policy_options(options.policy, header.header, note); !r)
        return failure(std::move(r).error());
    const std::string whose = who(options, header.header);
    fmt::print("cowlab explore --ops {} --nested {} --delays {}{}   {}\n", options.operations,
               options.nested, options.delays, note, version_text());
    std::fflush(stdout);
    if (!options.merge.empty()) return merge(options, whose);

    auto shard = find_shard(options.shard, [](const char* name) { return std::getenv(name); });
    if (!shard) return failure(std::move(shard).error());
    Digest digest;
    digest.add_bytes(whose.data(), whose.size());
    const std::string path = fmt::format("{}/explore-{:08x}-{}of{}.json", options.out,
                                         digest.value() & 0xffffffff, shard->index, shard->count);
    Units units;
    if (options.resume) {
        auto had = load(path, whose);
        if (!had) return failure(std::move(had).error());
        units = std::move(*had);
    }
    std::vector<std::uint32_t> todo;
    std::size_t wanted = 0;
    for (std::uint32_t unit = 0; unit < small_scope_units(); ++unit) {
        if (unit % shard->count != shard->index - 1) continue;
        ++wanted;
        if (units.count(unit) == 0) todo.push_back(unit);
    }
    SmallScopeOptions scope;
    scope.operations = options.operations;
    scope.crash_depth = options.nested;
    scope.delays = options.delays;
    scope.header = header.header;
    std::error_code ec;
    std::filesystem::create_directories(options.out, ec);
    if (ec) return failure(errno_error(options.out, "cannot make the directory", ec.value()));
    const auto start = Clock::now();
    Exploration exploration(options, scope, header, path, whose);
    auto complete = exploration.run(todo, units);
    if (!complete) return failure(std::move(complete).error());
    if (isatty(2) == 1) std::fputs("\r\x1b[K", stderr);
    auto result = tell(options, units, wanted);
    fmt::print("file       {}      {:.1f} s\n", path,
               std::chrono::duration<double>(Clock::now() - start).count());
    return result;
}

}  // namespace cowlab
