#include "cli/crash_bench.h"

#include <fmt/format.h>

#include <ctime>
#include <vector>

#include "scenarios/parse.h"
#include "sim/crash/crash_explorer.h"

namespace cowlab {
namespace {

constexpr std::uint64_t checked_per_leaf = 16384;
constexpr std::uint64_t generated_per_moment = 65536;

double core_seconds() {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// Which fingerprints there were: open addressing, no order.
class Fingerprints {
  public:
    Fingerprints() : slots_(1 << 20, 0) {}
    void add(std::uint64_t fingerprint) {
        if (count_ * 2 >= slots_.size()) grow();
        count_ += put(fingerprint | 1) ? 1 : 0;
    }
    std::uint64_t count() const { return count_; }

  private:
    bool put(std::uint64_t f) {
        std::size_t at = (f >> 8) & (slots_.size() - 1);
        while (slots_[at] != 0) {
            if (slots_[at] == f) return false;
            at = (at + 1) & (slots_.size() - 1);
        }
        slots_[at] = f;
        return true;
    }
    void grow() {
        std::vector<std::uint64_t> old(slots_.size() * 2, 0);
        old.swap(slots_);
        for (const std::uint64_t f : old) {
            if (f != 0) put(f);
        }
    }
    std::vector<std::uint64_t> slots_;
    std::uint64_t count_ = 0;
};

// The explorer looks at the origin writes, until its time is up.
class Timed final : public RunWatcher {
  public:
    Timed(CrashExplorer& explorer, std::size_t from, double seconds)
        : explorer_(explorer), from_(from), seconds_(seconds) {}
    void run_begins(SimWorld& world, ModelJudge* judge) override {
        explorer_.run_begins(world, judge);
        explorer_.watch(false);
    }
    void line_begins(const Step& step) override {
        explorer_.line_begins(step);
        if (line_ == from_) start_ = core_seconds();
        if (line_ >= from_ && !is_over_) end_ = core_seconds();
        is_over_ = is_over_ || (line_ > from_ && end_ - start_ > seconds_);
        explorer_.watch(line_++ >= from_ && !is_over_);
    }
    void lines_ended() override {
        if (!is_over_) end_ = core_seconds();
        explorer_.lines_ended();
    }
    double took() const { return end_ - start_; }

  private:
    CrashExplorer& explorer_;
    std::size_t from_;
    double seconds_;
    std::size_t line_ = 0;
    double start_ = 0;
    double end_ = 0;
    bool is_over_ = false;
};

double explore(SimHost& host, CrashOptions options, double seconds, CrashReport& report) {
    std::size_t from = 0;
    const Scenario scenario = crash_reference(from);
    CrashExplorer explorer(host, options);
    Timed timed(explorer, from, seconds);
    RunSetup setup;
    setup.terse_answers = true;
    setup.recorder_capacity = 32;  // a branch copies them
    setup.watcher = &timed;
    setup.turns_max = UINT64_MAX;
    run_scenario(host, scenario, setup);
    report = explorer.report();
    return timed.took();
}

}  // namespace

Scenario crash_reference(std::size_t& before) {
    std::string text =
        "cowlab 1\n"
        "disk orig 2048 fill 1 cache\n"
        "disk cow0 4096 zero cache\n"
        "disk cow1 4096 zero cache\n"
        "create base 0 2048 snapshot-origin @orig\n"
        "suspend base\n"
        "create s0 0 2048 snapshot @orig @cow0 P 8\n"
        "create s1 0 2048 snapshot @orig @cow1 P 8\n"
        "resume base\n"
        "write base 0 1248 2\n"
        "flush base\n";
    for (int i = 0; i < 100; ++i)
        text += fmt::format("write base {} 8 {}\n", 1248 + 8 * (i * 37 % 100), 10 + i);
    auto scenario = parse(text, "crash-reference");
    CHECK(scenario.has_value(), "the reference workload is a scenario");
    before = scenario->steps.size() - 100;
    return std::move(*scenario);
}

CrashRates measure_crash_rates(SimHost& host, double seconds) {
    CrashRates rates;
    CrashReport report;
    CrashOptions options;
    options.goes_on = false;
    Fingerprints checked;
    Fingerprints loaded;
    options.states_per_leaf = checked_per_leaf;
    options.on_state = [&](const CrashState& s) {
        checked.add(s.image);
        if (s.is_loaded) loaded.add(s.image);
        rates.refused += s.is_allowed ? 0 : 1;
    };
    double took = explore(host, options, seconds, report);
    rates.checked_per_second = static_cast<double>(checked.count()) / took;
    rates.loaded_per_second = static_cast<double>(loaded.count()) / took;
    rates.reuse = 1 - static_cast<double>(loaded.count()) / static_cast<double>(checked.count());
    rates.moments = report.total().points;

    Fingerprints generated;
    options.only_images = true;
    options.states_per_leaf = generated_per_moment;
    options.on_state = [&](const CrashState& s) { generated.add(s.image); };
    took = explore(host, options, seconds, report);
    rates.generated_per_second = static_cast<double>(generated.count()) / took;
    return rates;
}

}  // namespace cowlab
