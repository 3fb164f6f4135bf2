#include "sim/small_scope/small_scope.h"

#include <algorithm>

#include "sim/pin_point.h"

namespace cowlab {
namespace {

// Lets the explorer look at the last operation alone.
class LastOperation final : public RunWatcher {
  public:
    LastOperation(CrashExplorer& explorer, std::size_t from) : explorer_(explorer), from_(from) {}
    void run_begins(SimWorld& world, ModelJudge* judge) override {
        explorer_.run_begins(world, judge);
        explorer_.watch(false);
    }
    void line_begins(const Step& step) override {
        explorer_.line_begins(step);
        explorer_.watch(line_++ >= from_);
    }
    void lines_ended() override { explorer_.lines_ended(); }

  private:
    CrashExplorer& explorer_;
    std::size_t from_;
    std::size_t line_ = 0;
};

// Pins that hold back one request each, of [from, to).
std::vector<Step> delays_of(const Schedule& schedule, std::size_t from, std::size_t to,
                            const std::vector<std::string>& disks) {
    std::vector<Step> pins;
    struct Count {
        ChoiceKey key;
        std::uint64_t nth;
    };
    std::vector<Count> counts;
    for (std::size_t i = 0; i < to; ++i) {
        const Schedule::Request& r = schedule.request(i);
        const ChoiceKey key{
            ChoiceKind::latency, r.actor,
            static_cast<std::uint64_t>(r.purpose) << 2 | static_cast<std::uint64_t>(r.op)};
        auto at = std::find_if(counts.begin(), counts.end(),
                               [&](const Count& c) { return c.key == key; });
        if (at == counts.end()) at = counts.insert(at, {key, 0});
        ++at->nth;
        if (i < from) continue;
        Step& pin = pins.emplace_back();
        pin.verb = Verb::pin;
        for (const std::string& d : disks) {
            if (actor_id_of(d) == r.actor) pin.name = d;
        }
        pin.pin.point = pin_point_word(key);
        pin.pin.nth = at->nth;
        pin.pin.choice = 1;  // a microsecond: everything else takes none
    }
    return pins;
}

}  // namespace

std::uint32_t small_scope_units() {
    return 1 + static_cast<std::uint32_t>(small_vocabulary().size());
}

SmallScopeReport SmallScope::explore(std::uint32_t unit) {
    report_ = {};
    CrashOptions options;
    options.branches_per_point = UINT64_MAX;
    options.depth = options_.crash_depth;
    options.findings_max = options_.findings_max;
    CrashExplorer explorer(host_, options);
    if (unit == 0) {
        explore_workload({}, explorer);
    } else {
        const std::uint64_t count = small_workload_count(options_.operations);
        for (std::uint64_t n = 0; n < count; ++n) {
            const SmallWorkload w = small_workload(unit - 1, n, options_.operations);
            const auto is_io = [](std::uint32_t op) { return small_vocabulary()[op].is_io; };
            const bool all_io = std::all_of(w.operations.begin(), w.operations.end(), is_io);
            if (w.order == SmallOrder::together && !all_io) continue;
            explore_workload(w, explorer);
            report_.crashes = explorer.report();
            if (on_progress) on_progress(report_);
        }
    }
    report_.crashes = explorer.report();
    return report_;
}

void SmallScope::explore_workload(const SmallWorkload& workload, CrashExplorer& explorer) {
    ++report_.workloads;
    SmallScenario s = small_scenario(workload, options_.header);
    if (workload.operations.empty()) s.last_begins = 0;
    if (workload.order == SmallOrder::one_by_one) {
        run(s, explorer);
        return;
    }
    ++report_.together;
    if (!run(s, explorer)) return;
    // Once more without an explorer: which requests are there?
    Schedule fifo;
    std::size_t from = 0;
    std::size_t to = 0;
    RunSetup setup;
    setup.terse_answers = true;
    setup.recording = &fifo;
    setup.after_step = [&](std::size_t step, const Answer&, SimWorld&) {
        if (step + 1 == s.last_begins) from = fifo.request_count();
        to = fifo.request_count();
        return true;
    };
    run_scenario(host_, s.scenario, setup);
    std::vector<std::string> disks;
    for (const Step& step : s.scenario.steps) {
        if (step.verb == Verb::disk) disks.push_back(step.name);
    }
    const std::vector<Step> pins = delays_of(fifo, from, to, disks);
    if (options_.delays == 0) return;
    for (const Step& pin : pins) {
        if (!run_held(s, {pin}, explorer)) return;
    }
    if (options_.delays == 1) return;
    for (const Step& first : pins) {
        for (const Step& second : pins) {
            if (&first == &second) continue;
            Step later = second;
            later.pin.choice = 2;
            if (!run_held(s, {first, later}, explorer)) return;
        }
    }
}

bool SmallScope::run_held(const SmallScenario& s, const std::vector<Step>& pins,
                          CrashExplorer& explorer) {
    SmallScenario held = s;
    held.scenario.steps.insert(held.scenario.steps.begin(), pins.begin(), pins.end());
    held.last_begins += pins.size();
    return run(held, explorer);
}

bool SmallScope::run(const SmallScenario& s, CrashExplorer& explorer) {
    ++report_.schedules;
    LastOperation watcher(explorer, s.last_begins);
    RunSetup setup;
    setup.terse_answers = true;
    setup.recorder_capacity = 32;  // a branch copies them
    setup.watcher = &watcher;
    setup.turns_max = UINT64_MAX;
    const RunResult r = run_scenario(host_, s.scenario, setup);
    if (!r.verdict.failed) return true;
    ++report_.failures;
    for (const CrashFinding& o : report_.findings) {
        if (o.verdict.is_like(r.verdict)) return false;
    }
    if (report_.findings.size() < options_.findings_max)
        report_.findings.push_back({r.verdict, s.scenario.steps, r.pins, 0});
    return false;
}

}  // namespace cowlab
