#include "sim/scenario_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "sim/pin_point.h"
#include "world/read_back.h"

namespace cowlab {

EngineLimits limits_of(const Header& header) {
    EngineLimits limits;
    limits.pending_reserve = 8;  // a small world; a kernel's 256 is what devices get
    for (const Limit& l : header.limits) {
        const auto value = static_cast<std::uint32_t>(l.value);
        if (l.name == "cow") limits.copies_per_snapshot_max = value;
        if (l.name == "pool" && value > 0) limits.pending_reserve = value;
        if (l.name == "piece" && value > 0) limits.copy_piece_sectors = value;
        if (l.name == "throttle" && value > 0) limits.copy_throttle_percent = value;
    }
    return limits;
}

std::uint64_t memory_of(const Header& header) {
    for (const Limit& l : header.limits) {
        if (l.name == "memory") return l.value;
    }
    return std::uint64_t{1} << 40;
}

namespace {

// `limit judged 0`: only safety is.
bool is_judged(const Header& header) {
    for (const Limit& l : header.limits) {
        if (l.name == "judged") return l.value != 0;
    }
    return true;
}

class Runner {
  public:
    Runner(SimHost& host, const Scenario& scenario, const RunSetup& setup)
        : scenario_(scenario),
          setup_(setup),
          world_(SimWorld::create(host, options(scenario, setup))) {}

    RunResult run();

  private:
    static SimOptions options(const Scenario& scenario, const RunSetup& setup);
    void run_steps();
    void run_step(std::size_t i);
    void judge_end();
    void drive();
    Scheduler* scheduler_of(const Strategy& strategy);
    void note_usage();
    bool over() const {
        return world_.has_failed_check() || world_.world().is_stuck() ||
               (judge_ != nullptr && judge_->verdict().failed) || result_.verdict.failed;
    }

    const Scenario& scenario_;
    const RunSetup& setup_;
    SimWorld& world_;
    ModelJudge* judge_ = nullptr;
    std::size_t current_step_ = 0;
    RunResult result_;
};

SimOptions Runner::options(const Scenario& scenario, const RunSetup& setup) {
    SimOptions o;
    o.world.policy = setup.policy != nullptr ? *setup.policy : *policy_of(scenario.header, {});
    o.world.limits = limits_of(scenario.header);
    o.world.recorder_capacity = setup.recorder_capacity;
    o.world.images = setup.images;
    o.world.terse_answers = setup.terse_answers;
    o.cells = setup.cells;
    o.memory_limit = memory_of(scenario.header);
    o.turns_max = setup.turns_max;
    o.recording = setup.recording;
    return o;
}

RunResult Runner::run() {
    result_.judged = setup_.judge && is_judged(scenario_.header);
    if (result_.judged) {
        void* p = world_.arena().allocate(sizeof(ModelJudge));
        CHECK(p != nullptr, "an arena has room for a judge");
        judge_ = new (p) ModelJudge(world_.world());
        world_.world().set_judge(judge_);
        for (const std::string& oracle : scenario_.header.muted) judge_->mute(oracle);
    }
    for (const std::string& oracle : scenario_.header.muted) result_.verdict.mute(oracle);
    drive();
    if (setup_.at_start) setup_.at_start(world_);
    if (setup_.watcher != nullptr) setup_.watcher->run_begins(world_, judge_);
    world_.guarded([&] { run_steps(); });
    World& w = world_.world();
    if (world_.has_failed_check()) {
        const CheckFailure& f = world_.failed_check();
        std::uint32_t invariant = 0;
        if (std::string_view(f.rule).substr(0, 4) == "INV-")
            invariant = static_cast<std::uint32_t>(std::atoi(f.rule + 4));
        result_.verdict.fail("check", invariant, current_step_, f.rule);
    } else if (judge_ != nullptr && judge_->verdict().failed) {
        result_.verdict = judge_->verdict();
        result_.verdict.step = current_step_;  // in lines of the scenario: reading back has none
    }
    result_.digest = w.digest();
    result_.deviations = w.events().deviations();
    result_.pins_met = world_.chooser().pins_met();
    result_.pins_total = world_.chooser().pins_total();
    result_.requests = w.requests_done();
    result_.errors = w.errors_at_the_disks();
    result_.power_losses = w.power_losses();
    if (judge_ != nullptr) {
        result_.model = judge_->model().counters();
        result_.evaluations = judge_->evaluations();
    }
    for (std::size_t m = 0; m < mark_count; ++m)
        result_.marks[m] = w.events().marked(static_cast<Mark>(m));
    std::memcpy(result_.delivered, world_.chooser().delivered(), sizeof(Delivered));
    result_.schedule = world_.sim_executor().schedule_count();
    result_.steps_expected = setup_.strategy.steps_expected;
    result_.losses_in_recovery = w.losses_in_recovery();
    result_.in_flight_peak = w.user_requests_peak();
    for (std::uint32_t i = 0; i < world_.chooser().recorded_count(); ++i)
        result_.choices.push_back(world_.chooser().recorded(i));
    if (setup_.pins_if_passed || result_.verdict.failed) result_.pins = pins_of(world_);
    if (setup_.at_end) setup_.at_end(world_);
    return std::move(result_);
}

void Runner::drive() {
    Chooser& chooser = world_.chooser();
    Scheduler* scheduler =
        setup_.scheduler != nullptr ? setup_.scheduler : scheduler_of(setup_.strategy);
    if (scheduler != nullptr)
        world_.sim_executor().schedule_by(*scheduler, setup_.scheduler != nullptr);
    if (setup_.keep_choices) chooser.record_all();
    if (!setup_.bytes.empty()) {
        chooser.drive_by_bytes(setup_.bytes.data(), setup_.bytes.size());
    } else if (!setup_.recorded.empty()) {
        chooser.drive_recorded(setup_.recorded.data(), setup_.recorded.size());
    } else if (setup_.drive != nullptr && scheduler != nullptr) {
        chooser.drive_all_but_the_schedule(setup_.seed, setup_.drive->swarm);
    } else if (setup_.drive != nullptr) {
        chooser.drive_randomly(setup_.seed, setup_.drive->swarm);
    }
}

// A strategy is a part of the world: in its arena, saved and restored with it.
Scheduler* Runner::scheduler_of(const Strategy& strategy) {
    const auto place = [this](auto* type, auto... arguments) -> Scheduler* {
        using T = std::remove_pointer_t<decltype(type)>;
        void* p = world_.arena().allocate(sizeof(T));
        CHECK(p != nullptr, "an arena has room for a scheduler");
        return new (p) T(arguments...);
    };
    switch (strategy.kind) {
        case Strategy::Kind::latencies: return nullptr;
        case Strategy::Kind::fifo: return place(static_cast<FifoScheduler*>(nullptr));
        case Strategy::Kind::uniform:
            return place(static_cast<UniformScheduler*>(nullptr), setup_.seed);
        case Strategy::Kind::pct:
            return place(static_cast<PctScheduler*>(nullptr), setup_.seed, strategy.depth,
                         strategy.steps_expected);
        case Strategy::Kind::delays:
            return place(static_cast<DelayScheduler*>(nullptr), setup_.seed, strategy.delays,
                         strategy.steps_expected);
    }
    return nullptr;
}

void Runner::run_steps() {
    result_.answers.reserve(scenario_.steps.size());
    for (std::size_t i = 0; i < scenario_.steps.size() && !over(); ++i) {
        run_step(i);
        if (setup_.after_step && !setup_.after_step(i, result_.answers.back(), world_)) return;
    }
    if (setup_.watcher != nullptr) setup_.watcher->lines_ended();
    if (!over()) judge_end();
    if (!world_.world().is_stuck()) return;
    if (world_.is_over_budget()) {
        result_.verdict.fail("liveness", 34, current_step_,
                             "it never gets quiet: the budget of turns is spent");
        return;
    }
    // A device that its user left suspended holds what was sent to it; that is no bug.
    for (MappedDevice& d : world_.world().mapper().devices()) {
        result_.hung_by_user = result_.hung_by_user || d.holds_requests_for_user();
    }
    if (!result_.hung_by_user) {
        result_.verdict.fail("liveness", 34, current_step_,
                             "a request is outstanding, nothing is in flight and nobody can run");
    }
}

void Runner::run_step(std::size_t i) {
    current_step_ = i;
    if (setup_.step_now != nullptr) *setup_.step_now = i;
    const Step& step = scenario_.steps[i];
    if (setup_.watcher != nullptr) setup_.watcher->line_begins(step);
    Chooser& chooser = world_.chooser();
    // While the devices come back, and while everything is read back, the disks behave.
    const bool calm = step.verb == Verb::reload || step.verb == Verb::check ||
                      (setup_.drive != nullptr && i < setup_.drive->calm_steps);
    if (calm) chooser.allow_faults(false);
    ++result_.verbs[static_cast<std::size_t>(step.verb)];
    if (step.io_verb != Verb::unknown) ++result_.verbs[static_cast<std::size_t>(step.io_verb)];
    Answer answer = world_.world().run(step);
    if (judge_ != nullptr && !world_.has_failed_check()) {
        judge_->after_step(step, answer);
        if (step.verb == Verb::disk || step.verb == Verb::power_loss)
            judge_->memory_held(world_.sim_memory().held());
    }
    if (step.verb == Verb::check && !over())
        read_everything_back(world_.world(), [this] { return !over(); });
    if (step.verb == Verb::check || step.verb == Verb::remove) note_usage();
    if (calm) chooser.allow_faults(true);
    if (!step.expected.empty() && !world_.has_failed_check()) {
        if (const auto d = compare(step.expected, answer)) {
            result_.verdict.fail("expectation", 0, i,
                                 fmt::format("expected `{}`, got `{}`", d->expected, d->actual));
        }
    }
    result_.answers.push_back(std::move(answer));
}

// Which snapshots there are, and how full.
void Runner::note_usage() {
    std::uint32_t snapshots = 0;
    for (MappedDevice& d : world_.world().mapper().devices()) {
        if (d.live() == nullptr || d.live()->target_count() != 1) continue;
        Target& target = d.live()->targets().front();
        if (target.type_name().substr(0, 8) != "snapshot" ||
            target.type_name() == "snapshot-origin")
            continue;
        const auto& s = static_cast<const Snapshot&>(target);
        ++snapshots;
        if (!s.chunk_size().is_set()) continue;
        const StoreUsage u = s.usage();
        const Sectors area = s.chunk_size().length_of(s.chunk_size().sectors().value * 32);
        if (u.allocated + area >= u.total) result_.nearly_full = true;
    }
    if (snapshots > result_.snapshots) result_.snapshots = snapshots;
}

// Everything ends, and nothing is left over.
void Runner::judge_end() {
    note_usage();
    world_.chooser().allow_faults(false);
    world_.sim_memory().heal();
    for (const BaseDisk& d : world_.world().disks()) d.medium->heal();
    if (!world_.world().finish()) return;
    for (MappedDevice& d : world_.world().mapper().devices()) {
        // Left suspended by its user, with a lane inside: it cannot even be removed.
        if (d.holds_requests_for_user()) result_.hung_by_user = true;
    }
    if (result_.hung_by_user) return;
    if (judge_ != nullptr) judge_->memory_held(world_.sim_memory().held());
    if (world_.sim_executor().fibers_active() != 0) {
        result_.verdict.fail("leak", 20, current_step_,
                             "a fiber is left although every device is gone");
    }
    for (const BaseDisk& d : world_.world().disks()) {
        if (d.medium->requests_in_flight() != 0) {
            result_.verdict.fail("leak", 20, current_step_,
                                 "a request is in flight although every device is gone");
        }
    }
}

}  // namespace

std::vector<Step> pins_of(SimWorld& sim) {
    std::vector<Step> pins;
    const Chooser& chooser = sim.chooser();
    for (std::uint32_t i = 0; i < chooser.taken_count(); ++i) {
        const Pin& p = chooser.taken(i);
        Step s;
        s.verb = Verb::pin;
        s.name = "engine";
        for (const BaseDisk& d : sim.world().disks()) {
            if (d.actor == p.key.actor) s.name = std::string(d.name_view());
        }
        s.pin.point = pin_point_word(p.key);
        s.pin.nth = p.nth;
        s.pin.choice = p.choice;
        pins.push_back(std::move(s));
    }
    return pins;
}

Result<EnginePolicy> policy_of(const Header& header, const std::string& where) {
    EnginePolicy policy = policy_default;
    if (header.policy == Policy::kernel) policy = policy_kernel;
    if (header.policy == Policy::v4_12) policy = policy_4_12;
    for (const std::string& name : header.without) {
        bool found = false;
        std::string known;
        for (const SafetyRule& rule : safety_rules) {
            known += fmt::format("{}{}", known.empty() ? "" : ", ", rule.name);
            if (name != rule.name) continue;
            policy.*rule.member = false;
            found = true;
        }
        if (!found)
            return refuse(where, fmt::format("no safety rule `{}`: there is {}", name, known));
    }
    return policy;
}

RunResult run_scenario(SimHost& host, const Scenario& scenario, const RunSetup& setup) {
    const Strategy::Kind kind = setup.strategy.kind;
    if ((kind != Strategy::Kind::pct && kind != Strategy::Kind::delays) ||
        setup.strategy.steps_expected > 0)
        return Runner(host, scenario, setup).run();
    // How many steps with a choice there are: first in, first out, and more where many wait for
    // each other. Nobody judges, and nobody hears of it.
    RunSetup measured = setup;
    measured.judge = measured.pins_if_passed = false;
    measured.at_start = nullptr;
    measured.after_step = nullptr;
    measured.at_end = nullptr;
    RunSetup told = setup;
    told.strategy.steps_expected = 1;
    for (const Strategy::Kind k : {Strategy::Kind::fifo, Strategy::Kind::uniform}) {
        measured.strategy.kind = k;
        const std::uint32_t steps = Runner(host, scenario, measured).run().schedule.steps;
        told.strategy.steps_expected = std::max(told.strategy.steps_expected, steps);
    }
    return Runner(host, scenario, told).run();
}

}  // namespace cowlab
