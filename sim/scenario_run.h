// One run: a scenario, and choices, in a simulated world, under the eyes of the judge.
//
// run = (options, lines, choices) -> (answers, records, verdict, digest). The same input gives the
// same digest on every compiler, flag and machine.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "scenarios/generate.h"
#include "sim/sim_world.h"
#include "world/model_judge.h"

namespace cowlab {

// Somebody who goes along with a run.
class RunWatcher {
  public:
    // The world is there, the first line has not begun. No judge: nothing is judged.
    virtual void run_begins(SimWorld& world, ModelJudge* judge) = 0;
    virtual void line_begins(const Step& step) = 0;
    // The last line has ended; what follows is clearing away.
    virtual void lines_ended() = 0;

  protected:
    ~RunWatcher() = default;
};

// How it is decided when things happen (sim/scheduler.h).
struct Strategy {
    enum class Kind : std::uint8_t {
        latencies,  // the Chooser gives delays: by `drive`, or none
        fifo,       // as latencies without `drive`, through the scheduler's line
        uniform,    // each of those who could be next with the same probability
        pct,        // priorities, with `depth`
        delays,     // first in first out but for `delays` deviations
    };
    Kind kind = Kind::latencies;
    std::uint32_t depth = 3;
    std::uint32_t delays = 2;
    // Steps with a choice that the run is expected to have; 0: two runs, first in first out and by
    // chance, of which nothing else is kept, say how many.
    std::uint32_t steps_expected = 0;
};

struct RunSetup {
    ImageSource* images = nullptr;
    CellMode cells = CellMode::tags;
    bool judge = true;
    bool terse_answers = false;
    std::uint32_t recorder_capacity = 256;
    std::uint64_t turns_max = 20'000'000;
    // Drives the Chooser; nullptr: defaults and pins.
    const GeneratedRun* drive = nullptr;
    std::uint64_t seed = 0;
    Strategy strategy;
    // Instead of `strategy`; the clock then stands while things happen.
    Scheduler* scheduler = nullptr;
    // Instead of `drive`: choices from a string of bytes, or from a recording (positional).
    std::span<const std::uint8_t> bytes;
    std::span<const std::uint32_t> recorded;
    Schedule* recording = nullptr;  // where it is kept when things happen
    bool keep_choices = false;      // into RunResult::choices
    // RunResult::pins of a run that passes, too: words and names that a campaign has no use for.
    bool pins_if_passed = true;
    // On top of what the scenario says (--compat, --without); nullptr: as it says.
    const EnginePolicy* policy = nullptr;
    // Where the number of the step under way is kept, for somebody who watches this process.
    std::uint64_t* step_now = nullptr;
    // Before the first step.
    std::function<void(SimWorld& world)> at_start;
    RunWatcher* watcher = nullptr;
    // After each step; false stops the run there.
    std::function<bool(std::size_t step, const Answer& answer, SimWorld& world)> after_step;
    // A log of requests as they happen is kept by the recorder; this looks at it at the end.
    std::function<void(SimWorld& world)> at_end;
};

struct RunResult {
    Verdict verdict;
    std::vector<Answer> answers;
    std::uint64_t digest = 0;
    std::uint32_t deviations = 0;
    std::uint32_t pins_met = 0;
    std::uint32_t pins_total = 0;
    std::vector<Step> pins;     // every choice that was not the default, as lines
    bool hung_by_user = false;  // a device was left suspended with requests in it
    std::uint64_t requests = 0;
    std::uint64_t errors = 0;
    std::uint64_t power_losses = 0;
    ScheduleCount schedule;            // with a scheduler
    std::uint32_t steps_expected = 0;  // what the strategy was told
    model::Model::Counters model;
    ModelJudge::Evaluations evaluations;
    std::uint32_t marks[mark_count] = {};
    Delivered delivered = {};
    std::uint32_t verbs[verb_count] = {};  // lines carried out; the I/O line of a lane or job too
    std::uint32_t in_flight_peak = 0;      // requests of users at the same time
    std::uint32_t snapshots = 0;           // devices that were created with a snapshot
    bool nearly_full = false;              // a COW device came within one area of full
    std::uint64_t losses_in_recovery = 0;
    std::uint64_t crash_states = 0;      // that a watcher explored beside it
    bool judged = true;                  // false: only for safety
    std::vector<std::uint32_t> choices;  // every one, if asked for
};

// The policy a header asks for. An unknown rule is refused with the list of those there are.
Result<EnginePolicy> policy_of(const Header& header, const std::string& where);

// What the header's `limit` lines say, and what is the case without one.
EngineLimits limits_of(const Header& header);
std::uint64_t memory_of(const Header& header);

// Every choice so far that was not the default, as lines.
std::vector<Step> pins_of(SimWorld& world);

// REQUIRES: policy_of() accepts the scenario's header, or setup.policy is given.
RunResult run_scenario(SimHost& host, const Scenario& scenario, const RunSetup& setup);

}  // namespace cowlab
