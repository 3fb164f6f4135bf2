// `cowlab bench`: the figures of the performance budget, on this machine, now.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/skeleton.h"
#include "cli/crash_bench.h"
#include "cli/run.h"
#include "cli/seed_runs.h"
#include "cli/totals.h"
#include "cli/version.h"
#include "scenarios/parse.h"

namespace cowlab {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// What this thread has had of a core. Rates are over this: on a machine that others use, the time
// on the wall measures them.
double core_seconds() {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// The small world of exhaustive search: an origin of 6 chunks, two snapshots with chunks of 1 and
// of 2 sectors, one of whose COW devices has 3 free chunks.
constexpr const char* small_world =
    "cowlab 1\n"
    "disk orig 12 fill 1 lbs 512 cache\n"
    "disk cow0 34 zero lbs 512 cache\n"
    "disk cow1 10 zero lbs 512 cache\n"
    "create base 0 12 snapshot-origin @orig\n"
    "suspend base\n"
    "create s0 0 12 snapshot @orig @cow0 P 1\n"
    "create s1 0 12 snapshot @orig @cow1 P 2\n"
    "resume base\n";

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
            const double start = core_seconds();
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
            const double t = core_seconds() - start;
            f.samples.push_back(static_cast<double>(requests) / t);
            if (cells == CellMode::tags) run_seconds_ += t;
        });
        return f;
    }
    // The ceiling: fibers and disks alone (bench/skeleton.h).
    Figure skeleton() {
        Figure f{"skeleton_ios_per_second", "1/s", "the bare fiber and disk loop", {}};
        std::uint64_t seed = 1;
        repeat([&] {
            const double start = core_seconds();
            std::uint64_t requests = 0;
            for (int i = 0; i < 1000; ++i) {
                const SkeletonRun r = run_skeleton(host_.stacks(), seed++, 60);
                CHECK(r.wrong == 0, "the skeleton reads what it wrote");
                requests += r.ios;
            }
            f.samples.push_back(static_cast<double>(requests) / (core_seconds() - start));
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
    // A world in the middle of a run, saved and restored.
    Figure world_branch() {
        Figure f{"world_branch_us", "us", "a world of profile quick saved and restored", {}};
        std::uint64_t seed = 1;
        SavedWorld begin, here;
        repeat([&] {
            run_one(seed++, 256, [&](std::size_t step, SimWorld& world) {
                if (step == 50) f.samples.push_back(save_and_restore_us(begin, here, world));
            });
        });
        return f;
    }
    // The small world of exhaustive search, with a copy under way; and how large it is.
    Figure explore_branch(Figure& size) {
        Figure f{"explore_save_restore_us", "us", "the small world, a copy under way", {}};
        size = {"explore_world_bytes", "bytes", "what is copied: memory and live stacks", {}};
        const auto scenario =
            parse(std::string(small_world) + "lane A write base 0 3 2\n", "bench");
        CHECK(scenario.has_value(), "the small world is a scenario");
        SavedWorld begin, here;
        repeat([&] {
            RunSetup setup;
            setup.images = &images_;
            setup.terse_answers = true;
            setup.recorder_capacity = 32;
            setup.after_step = [&](std::size_t step, const Answer&, SimWorld& world) {
                if (step + 1 < scenario->steps.size()) return true;
                world.run_turns(4);
                f.samples.push_back(save_and_restore_us(begin, here, world));
                size.samples.push_back(static_cast<double>(begin.bytes()));
                return true;
            };
            run_scenario(host_, *scenario, setup);
        });
        return f;
    }
    // Keeping 65,536 records instead of 256: the digest over all of them is always made.
    Figure recording_overhead() {
        Figure f{"recording_overhead_ratio", "1", "time with a long record / with a short one", {}};
        std::uint64_t seed = 1;
        repeat([&] {
            const auto timed = [&](std::uint32_t records) {
                const double start = core_seconds();
                for (std::uint64_t s = seed; s < seed + 50; ++s) run_one(s, records, {});
                return core_seconds() - start;
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
    // The median of many, each after the world has gone on for three turns: what a search does.
    double save_and_restore_us(SavedWorld& begin, SavedWorld& here, SimWorld& world) {
        constexpr int times = 15;
        double us[times];
        begin.save(host_, world);
        for (double& t : us) {
            world.run_turns(3);
            const auto start = Clock::now();
            here.save(host_, world);
            begin.restore(host_, world);
            t = seconds_since(start) * 1e6;
        }
        std::sort(us, us + times);
        return us[times / 2];
    }
    void run_one(std::uint64_t seed, std::uint32_t records,
                 const std::function<void(std::size_t, SimWorld&)>& after_step) {
        const GeneratedRun g = plan_.make(seed);
        RunSetup setup = plan_.setup(seed, g, images_);
        setup.recorder_capacity = records;
        if (after_step) {
            setup.after_step = [&](std::size_t step, const Answer&, SimWorld& world) {
                after_step(step, world);
                return true;
            };
        }
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

std::vector<Figure> crash_figures(double seconds) {
    SimHost host;
    const CrashRates r = measure_crash_rates(host, seconds);
    return {{"crash_states_checked_per_second",
             "1/s",
             "distinct images, loaded or made of parts that were",
             {r.checked_per_second}},
            {"crash_states_loaded_per_second",
             "1/s",
             "of these, loaded for themselves",
             {r.loaded_per_second}},
            {"crash_states_reuse_ratio", "1", "of the checked states, those not loaded", {r.reuse}},
            {"crash_states_generated_per_second",
             "1/s",
             "distinct images, looked at by nobody",
             {r.generated_per_second}}};
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
    const bool all = options.figure.empty();
    const auto wanted = [&](std::string_view key) { return all || options.figure == key; };
    std::vector<Figure> figures;
    const auto measure = [&](std::string_view key, auto&& figure) {
        if (wanted(key)) figures.push_back(figure());
    };
    measure("sim_ios_per_second_tags", [&] {
        return b.ios_per_second(CellMode::tags, "sim_ios_per_second_tags",
                                "device I/Os of judged runs, sectors as tags");
    });
    measure("skeleton_ios_per_second", [&] { return b.skeleton(); });
    measure("sim_ios_per_second_bytes", [&] {
        return b.ios_per_second(CellMode::bytes, "sim_ios_per_second_bytes",
                                "the same, real bytes");
    });
    measure("world_reset_us", [&] { return b.world_reset(); });
    measure("world_branch_us", [&] { return b.world_branch(); });
    measure("explore_save_restore_us", [&] {
        Figure size;
        Figure f = b.explore_branch(size);
        figures.push_back(std::move(size));
        return f;
    });
    measure("recording_overhead_ratio", [&] { return b.recording_overhead(); });
    if (wanted("crash_states_checked_per_second")) {
        for (Figure& f : crash_figures(static_cast<double>(options.seconds)))
            figures.push_back(std::move(f));
    }
    if (figures.empty()) {
        return failure({Error::Kind::usage, "--figure",
                        fmt::format("no figure `{}`: `cowlab bench --seconds 0` prints their names",
                                    options.figure)});
    }
    if (all) {
        figures.push_back({"sim_to_skeleton_ratio",
                           "1",
                           "the full world / the bare loop",
                           {figures[0].median() / figures[1].median()}});
    }
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
        {"rates_over", "core seconds of the measuring thread"},
    };
    if (t.runs() > 0) {
        j["host"]["runs"] = t.runs();
        j["host"]["runs_per_second"] = static_cast<double>(t.runs()) / b.run_seconds();
        j["host"]["ios_per_run"] =
            static_cast<double>(t.value("requests")) / static_cast<double>(t.runs());
    }
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
