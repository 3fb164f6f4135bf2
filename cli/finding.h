// A finding: a run that failed, made into a scenario that stands alone, shrunk, written, told.
#pragma once

#include <string>

#include "base/result.h"
#include "scenarios/shrink.h"
#include "sim/scenario_run.h"

namespace cowlab {

struct Finding {
    std::uint64_t seed = 0;
    Verdict verdict;
    Scenario original;  // complete: header, pins, lines, the verdict expected
    ShrinkResult shrunk;
    Verdict shrunk_verdict;
    bool reproduced = false;  // the complete scenario failed alike without the seed
    std::string directory;
    std::size_t broken_step = 0;  // of the shrunk scenario
};

// The lines and every choice of a run that failed, as a scenario that needs no seed.
Scenario complete_scenario(const Scenario& run_lines, const RunResult& result);

// Runs candidates of one finding; the same verdict is what counts.
class FailsAlike final : public ShrinkJudge {
  public:
    FailsAlike(SimHost& host, ImageSource* images, const Verdict& verdict, std::uint64_t seconds);
    bool fails_alike(const Scenario& candidate) override;
    bool is_out_of_time() override;

  private:
    SimHost& host_;
    ImageSource* images_;
    Verdict verdict_;
    std::uint64_t deadline_ms_;
};

// Fills in shrunk, reproduced, broken_step.
void shrink_finding(SimHost& host, ImageSource* images, std::uint64_t seconds, Finding& finding);

// out/<options digest>-<seed>/: seed.txt, options.json, original.scn, shrunk.scn, trace.jsonl,
// verdict.json. At most 20 run directories are kept.
// Images the scenario names are linked from `images_folder`, so that it can be replayed there.
struct RunDirectory {
    std::string out;
    std::uint64_t options_digest = 0;
    std::string options_json;
    std::string images_folder;
};
Result<bool> write_run_directory(const RunDirectory& where, SimHost& host, ImageSource* images,
                                 Finding& finding);

// The last lines of a failing run: verdict, story, scenario, replay command.
void print_finding(SimHost& host, ImageSource* images, const Finding& finding);

std::uint64_t monotonic_ms();

}  // namespace cowlab
