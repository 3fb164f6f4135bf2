// A finding: a run that failed, made into a scenario that stands alone, shrunk, written, told.
//
// All of it works from outside the run: the seed is run again in a child, its choices are read out
// of the memory it leaves, candidates are tried in children. So it makes no difference whether the
// engine broke a rule, looped or crashed.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"
#include "cli/observed_run.h"
#include "cli/seed_runs.h"
#include "cli/shrinking.h"
#include "cli/worker.h"

namespace cowlab {

struct Finding {
    Failure failure;
    Scenario original;  // complete: header, pins, lines, the verdict expected
    ShrinkResult shrunk;
    std::uint64_t shrink_ms = 0;
    std::vector<OtherFailure> others;  // met while shrinking
    ObservedRun last;         // of the shrunk scenario; of the seed, if that is all there is
    bool reproduced = false;  // the complete scenario failed alike without the seed
    std::string directory;
    const Verdict& verdict() const { return last.verdict.failed ? last.verdict : failure.verdict; }
};

// Lines, pins in front of them, and the verdict they are expected to lead to.
Scenario complete_scenario(const Scenario& run_lines, const std::vector<Step>& pins,
                           const Verdict& verdict);
Scenario complete_scenario(const Scenario& run_lines, const RunResult& result);

struct FindingRequest {
    const Plan* plan = nullptr;
    Failure failure;
    std::string out;
    std::uint64_t shrink_seconds = 5;
    const std::uint32_t* stop = nullptr;
    bool colours = false;
};

// To be called in a child of the campaign: makes the finding, writes its run directory and gives
// back all there is to say about it; "error" if it could not be written.
nlohmann::json make_finding(const FindingRequest& request);

// Where a dead process was, as offsets in this program: "+0x1234 +0x5678".
std::string stack_text(const Board& board);

}  // namespace cowlab
