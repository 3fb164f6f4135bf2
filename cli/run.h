// `cowlab run`: a campaign in the simulator; `replay` and `shrink` of one scenario.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace cowlab {

struct PolicyOptions {
    std::string compat;  // none, kernel, 4.12; empty: as the scenario says
    std::vector<std::string> without;
};

struct RunOptions {
    PolicyOptions policy;
    std::uint64_t seed_first = 1;
    std::uint64_t seed_last = 1000;
    std::optional<std::uint64_t> seconds;  // go on from seed_first until so much time has passed
    std::string profile = "quick";
    std::string strategy = "random";  // random, pct or portfolio
    std::string out = "out";
    std::string from;                // a folder with origin and COW images to start from
    std::uint64_t max_findings = 0;  // 0: no limit
    bool digests = false;
    bool check_determinism = false;
    std::uint64_t shrink_seconds = 5;
};

struct ReplayOptions {
    PolicyOptions policy;
    std::string file;
    bool trace = false;
    bool answers = false;
    std::uint64_t until = UINT64_MAX;
    std::string images;  // write the disks' content there at the end
    bool byte_cells = false;
};

struct ShrinkOptions {
    PolicyOptions policy;
    std::string file;
    std::string output;  // empty: standard output
    std::uint64_t seconds = 30;
};

Result<int> run_campaign(const RunOptions& options);
Result<int> replay(const ReplayOptions& options);
Result<int> shrink_file(const ShrinkOptions& options);

// Set by SIGINT and SIGTERM: finish what is under way, write the results.
void stop_on_signals();
bool stop_requested();

}  // namespace cowlab
