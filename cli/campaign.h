// A campaign: seeds to workers, results in the order of seeds to whoever wants to know.
//
// This process stays small and single-threaded: it forks, polls and adds. What may crash is in
// workers (worker.h), what takes long after a failure is in one child at a time (finding.h), which
// counts as a job while it lives.
//
// Results are taken in the order of seeds whatever order they come in, so totals, the first of each
// group and all output are the same for every number of jobs. A worker that dies gives its batch
// back: the seed it died at is run again, alone, in a new worker. If it dies there too, that is the
// finding; if not, and only somebody else can have sent that signal, nothing happened.
#pragma once

#include <deque>
#include <list>
#include <map>
#include <optional>

#include "cli/campaign_output.h"
#include "cli/campaign_state.h"
#include "cli/finding.h"
#include "cli/worker.h"

namespace cowlab {

class Campaign {
  public:
    Campaign(const RunOptions& options, const Plan& plan, const Shard& shard, std::uint64_t jobs);

    void go_on_from(const CampaignState& state);
    // Counts as a finding, as far as the exit code goes.
    void note_stored_failures(std::uint64_t n) { stored_failing_ = n; }
    Result<int> run(CampaignOutput& output);

  private:
    bool time_is_up(const CampaignOutput& output) const;
    bool wants_more(const CampaignOutput& output) const;
    void feed(const CampaignOutput& output);
    bool next_batch(const CampaignOutput& output, Batch& batch);
    void listen(CampaignOutput& output);
    void take_result(BatchResult result);
    void take_repetition(const BatchResult& result);
    void take_death(Worker& worker, const ChildEnd& end, CampaignOutput& output);
    void split(const Batch& batch, std::uint64_t at);
    void advance(CampaignOutput& output, bool over_gaps);
    void consider(const Failure& failure);
    void start_finding(CampaignOutput& output);
    void end_finding(CampaignOutput& output);
    void keep_state(bool now);
    void end_state();
    CampaignOutput::Summary summary_of(int exit_code) const;
    int exit_code() const;

    const RunOptions& options_;
    const Plan& plan_;
    Shard shard_;
    std::uint64_t jobs_;
    WorkerTask task_;
    StateFile state_file_;
    std::list<Worker> workers_;

    std::uint64_t places_ = UINT64_MAX;  // in all; unknown if time ends it
    std::uint64_t next_place_ = 0;
    std::deque<Batch> again_;  // given back, or to be repeated; they come first
    // First place -> a result that waits for those before it.
    std::map<std::uint64_t, BatchResult> finished_;
    std::map<std::uint64_t, BatchResult> to_be_repeated_;
    std::map<std::uint64_t, ChildEnd> suspects_;  // place -> how the first worker ended
    CampaignState at_;
    std::deque<Failure> new_kinds_;  // the first of its group: still to be made a finding
    std::uint64_t shown_ = 0;
    std::uint64_t kinds_ = 0;  // that end a campaign with --max-findings
    bool enough_ = false;
    bool stopping_ = false;
    bool no_process_ = false;
    std::uint64_t stored_failing_ = 0;
    std::uint64_t state_saved_ms_ = 0;

    Shared<std::uint32_t> stop_findings_;
    Child maker_;
    std::string made_;
    std::optional<Failure> making_;
    std::optional<Error> error_;
};

}  // namespace cowlab
