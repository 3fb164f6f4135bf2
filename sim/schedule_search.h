// Every schedule of one scenario: depth first, with or without reduction, whole or within a bound.
//
//     SearchOptions options;
//     options.delays_max = 3;                       // or every schedule there is
//     options.at_state = [](SimWorld& world) { … }; // each new state, between two turns
//     const SearchResult all = search_schedules(host, scenario, setup, options);
//
// A choice is made before every turn for which there are several candidates, and at every yield
// point that is reached while somebody else could go (sim/scheduler.h). The search makes the run of
// one list of choices after another, each from the start: a small world is made and run in less
// time than it takes to keep a copy of every state on the way.
//
// Reduction. Two events commute if both orders lead to the same state, and then only one order
// needs to be looked at further. Usually this is decided by what each of them reads and writes,
// which somebody must declare; a declaration about an engine is wrong as soon as the engine is
// (and here it often is, on purpose). So it is decided by the states themselves: a state that was
// met before (sim/world_state.h: a hash of the world's bytes) is not followed again. Soundness:
//
//  1. equal states have equal futures: the world is a function of its state and what is chosen, and
//     what was left out of the hash takes part in neither; the judge and its model are in it, and
//     the answers so far and the place in the scenario are added. So the verdicts, answers and
//     images below the second meeting are those below the first;
//  2. the first meeting is followed to its end (depth first), unless it lies on the present path:
//     then it is not used;
//  3. whatever is different although it does not matter only makes fewer states equal.
//
// So two events with disjoint footprints (other disks and sectors, chunks, queues, limits, flush
// epochs) fall together where they meet again, and so do those that share a counter and commute
// all the same. What it saves is counted exactly: below a state that is met again there are as many
// schedules as there were the first time. A test compares both searches on small worlds.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/scenario_run.h"
#include "sim/world_state.h"

namespace cowlab {

// From the first line that leaves something under way (a lane, a background job) to the last that
// waits for such, or the one after it: elsewhere a person does one thing after another. A scenario
// without: all of it.
struct Window {
    std::size_t first = 0;
    std::size_t last = SIZE_MAX;
};
Window window_of(const Scenario& scenario);

struct SearchOptions {
    bool reduce = true;
    // Deviations from first in, first out (sim/scheduler.h: DelayScheduler); UINT32_MAX: no bound.
    std::uint32_t delays_max = UINT32_MAX;
    std::uint64_t runs_max = 1'000'000;
    // Choices are made in these lines of the scenario, both included; before and after, it is first
    // in, first out. What window_of() says, unless somebody says otherwise.
    Window window;
    // Between two turns, at a choice that has not been met before; nullptr: nobody looks. Return
    // false to follow it no further.
    std::function<bool(SimWorld& world)> at_state;
    // After each run that came to its end (`setup.at_end` sees the others, too).
    std::function<bool(const RunResult& result)> after_run;  // false: enough
};

// What a run was, to whoever compares two searches: verdict, answers, and what is on the disks.
struct Outcome {
    std::string verdict;  // "passes", or the word and the invariant
    std::uint64_t answers = 0;
    std::uint64_t images = 0;
    auto operator<=>(const Outcome&) const = default;
};

struct SearchResult {
    bool complete = false;      // every schedule within the bound was looked at, or stands for one
    std::uint64_t runs = 0;     // made from the start, whole or up to a state met before
    std::uint64_t states = 0;   // different ones at choices; with reduction only
    long double schedules = 0;  // that these stand for: without reduction the same as `runs`
    std::uint32_t steps_max = 0;
    // Each with the schedule that led to it first, as pins.
    std::map<Outcome, std::vector<Step>> outcomes;
    std::vector<std::string> verdicts() const;
};

// `setup`: whose policy, images and callbacks; its driver and strategy are not used.
SearchResult search_schedules(SimHost& host, const Scenario& scenario, const RunSetup& setup,
                              const SearchOptions& options);

}  // namespace cowlab
