// What a campaign says while it runs and at its end, in the form that was asked for.
//
// text: for people, on standard output. --json: an event a line on standard output (start, stored,
// progress, finding, note, summary) and nothing else there. --tap: the Test Anything Protocol,
// everything for people as comments. --digests: only those. Progress for people goes to standard
// error: one line on a terminal, a line a minute elsewhere. --junit writes a file at the end,
// whatever the form.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/run.h"
#include "cli/seed_runs.h"
#include "cli/shards.h"
#include "cli/totals.h"

namespace cowlab {

class CampaignOutput {
  public:
    CampaignOutput(const RunOptions& options, const Plan& plan);

    void start(const Shard& shard, std::uint64_t jobs);
    void resumed(const Totals& before);
    void stored(const std::string& path, const std::string& verdict);  // empty: passes now
    // For people; also when only events go to standard output.
    void note(const std::string& text);
    void digest(std::uint64_t seed, std::uint64_t digest);
    void finding(const nlohmann::json& finding);
    // `done` of `all` places (all: 0 if time is what ends it).
    void progress(const Totals& totals, std::uint64_t seed, std::uint64_t done, std::uint64_t all,
                  bool at_end);
    struct Summary {
        std::map<std::string, std::uint64_t> groups;  // what was found, how many runs
        std::map<std::string, std::uint64_t> known;   // known defects, how many runs
        std::uint64_t stored_failing = 0;
        std::uint64_t not_deterministic = 0;
        bool determinism_checked = false;
        bool stopped = false;
        int exit_code = 0;
    };
    Result<bool> summary(const Totals& totals, const Summary& summary);

    std::uint64_t passed_ms() const;
    // On the terminal, where findings are printed.
    bool colours() const { return colours_; }

  private:
    struct Case {
        std::string name;
        std::string failed;  // empty: passed
        std::string story;
    };
    enum class Form { text, json, tap, digests } form_;
    void say(const std::string& text);
    void event(nlohmann::json event);
    void end_progress_line();
    Result<bool> write_junit(const Totals& totals) const;

    const RunOptions& options_;
    const Plan& plan_;
    bool colours_;
    bool terminal_;
    bool line_open_ = false;
    std::uint64_t started_;
    std::uint64_t last_progress_;
    std::uint64_t runs_before_ = 0;
    std::uint64_t requests_before_ = 0;
    std::vector<Case> cases_;
    // The last lines of the text: of the first few findings.
    static constexpr std::size_t closings_max = 5;
    std::vector<std::string> closings_;
};

}  // namespace cowlab
