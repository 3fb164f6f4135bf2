// `cowlab bench`: the figures of the performance budget, on this machine, now.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/run.h"
#include "cli/seed_runs.h"
#include "cli/totals.h"
#include "cli/version.h"

namespace cowlab {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Figure {
    const char* key;
    const char* unit;
    const char* what;
    std::vector<double> samples;
    double median() const {
        std::vector<double> s = samples;
        std::sort(s.begin(), s.end());
        return s.empty() ? 0 : s[s.size() / 2];
    }
    double min() const {
        return samples.empty() ? 0 : *std::min_element(samples.begin(), samples.end());
    }
    double max() const {
        return samples.empty() ? 0 : *std::max_element(samples.begin(), samples.end());
    }
};

class Bench {
  public:
    Bench(const Plan& plan, std::uint64_t seconds) : plan_(plan), seconds_(seconds) {}

    // As a campaign makes them: generated, run, judged.
    Figure ios_per_second(CellMode cells, const char* key, const char* what) {
        Figure f{key, "1/s", what, {}};
        std::uint64_t seed = 1;
        repeat([&] {
            constexpr int runs = 100;
            const auto start = Clock::now();
            std::uint64_t requests = 0;
            for (int i = 0; i < runs; ++i) {
                const std::uint64_t s = seed++;
                const GeneratedRun g = plan_.make(s);
                RunSetup setup = plan_.setup(s, g, images_);
                setup.cells = cells;
                const RunResult r = run_scenario(host_, g.scenario, setup);
                requests += r.requests;
                if (cells == CellMode::tags) totals_.add(g, r);
            }
            const double t = seconds_since(start);
            f.samples.push_back(static_cast<double>(requests) / t);
            if (cells == CellMode::tags) run_seconds_ += t;
        });
        return f;
    }
    // A world on a host that another has used.
    Figure world_reset() {
        Figure f{"world_reset_us", "us", "a new world where another was", {}};
        std::uint64_t seed = 1;
        repeat([&] {
            run_one(seed++, 256, {});
            const auto start = Clock::now();
            SimWorld::create(host_, SimOptions{});
            f.samples.push_back(seconds_since(start) * 1e6);
        });
        return f;
    }
    // The world at the end of a run, saved and restored.
    Figure world_branch() {
        Figure f{"world_branch_us", "us", "a world of profile quick saved and restored", {}};
        std::uint64_t seed = 1;
        SavedWorld saved;
        repeat([&] {
            run_one(seed++, 256, [&](SimWorld& world) {
                const auto start = Clock::now();
                saved.save(host_, world);
                saved.restore(host_, world);
                f.samples.push_back(seconds_since(start) * 1e6);
            });
        });
        return f;
    }
    // Keeping 65,536 records instead of 256: the digest over all of them is always made.
    Figure recording_overhead() {
        Figure f{"recording_overhead_ratio", "1", "time with a long record / with a short one", {}};
        std::uint64_t seed = 1;
        repeat([&] {
            const auto timed = [&](std::uint32_t records) {
                const auto start = Clock::now();
                for (std::uint64_t s = seed; s < seed + 50; ++s) run_one(s, records, {});
                return seconds_since(start);
            };
            const double with_few = timed(256);
            f.samples.push_back(timed(1 << 16) / with_few);
            seed += 50;
        });
        return f;
    }

    const Totals& totals() const { return totals_; }
    double run_seconds() const { return run_seconds_; }

  private:
    void run_one(std::uint64_t seed, std::uint32_t records,
                 const std::function<void(SimWorld&)>& at_end) {
        const GeneratedRun g = plan_.make(seed);
        RunSetup setup = plan_.setup(seed, g, images_);
        setup.recorder_capacity = records;
        setup.at_end = at_end;
        run_scenario(host_, g.scenario, setup);
    }
    // Once to warm up is not needed: the median is what counts.
    void repeat(const std::function<void()>& sample) const {
        const auto start = Clock::now();
        do sample();
        while (seconds_since(start) < static_cast<double>(seconds_));
    }

    const Plan& plan_;
    std::uint64_t seconds_;
    DirectoryImages images_{""};
    SimHost host_;
    Totals totals_;
    double run_seconds_ = 0;
};

std::string cpu_name() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);) {
        const std::size_t colon = line.find(": ");
        if (line.rfind("model name", 0) == 0 && colon != std::string::npos)
            return line.substr(colon + 2);
    }
    return "unknown";
}

}  // namespace

Result<int> bench(const BenchOptions& options) {
    auto plan = plan_of(RunOptions{});
    if (!plan) return failure(std::move(plan).error());
    Bench b(*plan, options.seconds);
    if (!options.json) {
        fmt::print("{}   profile quick   {} s a figure\n", version_text(), options.seconds);
        std::fflush(stdout);
    }
    const std::vector<Figure> figures = {
        b.ios_per_second(CellMode::tags, "sim_ios_per_second_tags",
                         "device I/Os of judged runs, sectors as tags"),
        b.ios_per_second(CellMode::bytes, "sim_ios_per_second_bytes", "the same, real bytes"),
        b.world_reset(),
        b.world_branch(),
        b.recording_overhead(),
    };
    const Totals& t = b.totals();
    if (!options.json) {
        fmt::print("{:<28} {:>14} {:>14} {:>14} {:>8}\n", "figure", "median", "min", "max", "n");
        for (const Figure& f : figures) {
            const bool small = f.median() < 1000;
            const auto shown = [&](double v) {
                return small ? fmt::format("{:.2f}", v) : fmt::format("{:.0f}", v);
            };
            fmt::print("{:<28} {:>14} {:>14} {:>14} {:>8}   {}\n", f.key, shown(f.median()),
                       shown(f.min()), shown(f.max()), f.samples.size(), f.what);
        }
        return 0;
    }
    nlohmann::json j;
    j["host"] = {
        {"cpu", cpu_name()},
        {"cores", std::thread::hardware_concurrency()},
        {"version", version_text()},
        {"profile", plan->profile.name},
        {"runs_per_second", static_cast<double>(t.runs()) / b.run_seconds()},
        {"ios_per_run", static_cast<double>(t.value("requests")) / static_cast<double>(t.runs())}};
    // "cowlab 0.1.0   commit c5d4abde29   g++ 12.2": the last two by their names.
    const std::string& version = version_text();
    const std::size_t commit = version.find("commit ");
    if (commit != std::string::npos) {
        const std::size_t end = version.find("   ", commit);
        j["host"]["commit"] = version.substr(commit + 7, end - commit - 7);
        if (end != std::string::npos) j["host"]["compiler"] = version.substr(end + 3);
    }
    nlohmann::json checkers = nlohmann::json::object();
    for (std::size_t i = 0; i < counters().size(); ++i) {
        const std::string& name = counters()[i].name;
        if (name.rfind("judged.", 0) == 0) checkers[name.substr(7)] = t.values()[i];
    }
    j["host"]["checkers"] = checkers;
    j["figures"] = nlohmann::json::object();
    for (const Figure& f : figures) {
        j["figures"][f.key] = {{"median", f.median()},
                               {"min", f.min()},
                               {"max", f.max()},
                               {"n", f.samples.size()},
                               {"unit", f.unit}};
    }
    fmt::print("{}\n", j.dump(2));
    return 0;
}

}  // namespace cowlab
