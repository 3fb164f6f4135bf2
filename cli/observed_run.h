// One run in a child process, and all that can be known of it afterwards: also when it died.
//
// The child tells each answer as it comes. Its world lies in memory that this process sees too, so
// what the dead had chosen and recorded is read out of it afterwards, in yet another child: the
// memory may be in ruins, and reading ruins may be the next death.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/child_process.h"
#include "cli/watchdog.h"
#include "sim/scenario_run.h"

namespace cowlab {

struct ObservedRun {
    Verdict verdict;  // the judge's, or how the process ended
    ChildEnd end;
    Board board;  // where the child was; what it says was checked
    std::uint64_t steps = 0;
    std::vector<Answer> answers;
    std::uint64_t digest = 0;
    std::uint32_t pins_met = 0;
    std::uint32_t pins_total = 0;
    std::uint64_t requests = 0;
    // Out of the world's memory; empty where that could not be read.
    std::vector<Step> pins;
    std::vector<std::string> trace;
    std::string records;         // a JSON object a line
    std::optional<Error> error;  // what `in_child_at_end` said
    bool died() const { return !end.is_clean(); }
};

struct Observation {
    bool pins = false;
    bool trace = false;
    bool records = false;
    Patience patience = patience_of_a_campaign;
    unsigned seconds_max = 600;
    // In this process, as each answer arrives.
    std::function<void(std::size_t step, const Answer& answer)> on_answer;
    // In the child, with the world as it was left.
    std::function<std::optional<Error>(SimWorld& world)> in_child_at_end;
};

// More of it where a disk begins with an image.
Patience patience_for(const Scenario& scenario, Patience otherwise);

ObservedRun observe(const Scenario& scenario, const RunSetup& setup, const Observation& what);

// The verdict of a run that ended so. `line`: what was under way.
Verdict verdict_of_death(const ChildEnd& end, const Board& board, std::uint64_t step,
                         const std::string& line);

// The verdicts count as the same failure. Two checks without a number are told apart by their text.
bool is_same_failure(const Verdict& a, const Verdict& b);

}  // namespace cowlab
