// `cowlab run`: a campaign in the simulator; `replay` and `shrink` of one scenario.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/stop_signals.h"  // whatever runs for long stops when it is asked to

namespace cowlab {

struct PolicyOptions {
    std::string compat;  // none, kernel, 4.12; empty: as the scenario says
    std::vector<std::string> without;
    std::vector<std::string> muted;  // oracles nobody listens to
};

struct RunOptions {
    PolicyOptions policy;
    std::uint64_t seed_first = 1;
    std::uint64_t seed_last = 1000;
    std::optional<std::uint64_t> seconds;  // go on from seed_first until so much time has passed
    std::string profile = "quick";
    std::string strategy = "random";  // random, uniform, pct, delays or portfolio
    std::uint32_t depth = 3;          // of pct
    std::uint32_t delays = 2;         // of delays
    std::uint64_t crash_states = 0;   // explored beside every run, about; 0: none
    std::uint64_t operations = 0;     // of every run; 0: as the profile draws
    std::string out = "out";
    std::string from;                // a folder with origin and COW images to start from
    std::uint64_t max_findings = 0;  // 0: no limit
    bool stop_on_known = false;
    bool digests = false;
    bool check_determinism = false;
    std::uint64_t shrink_seconds = 5;
    std::uint64_t jobs = 0;  // 0: one a core
    std::string shard;       // I/N; empty: what the environment says
    bool resume = false;
    bool json = false;
    bool tap = false;
    std::string junit;  // a file; empty: none
};

// Where the disks of the device world are.
struct DeviceChoice {
    std::vector<std::string> bindings;  // NAME=PATH
    bool create = false;
    bool overwrite = false;
    std::string directory;  // of the disks that are not bound
    bool lockstep = false;
};

struct ReplayOptions {
    PolicyOptions policy;
    std::string file;
    bool trace = false;
    bool answers = false;
    std::uint64_t until = UINT64_MAX;
    std::string images;          // write the disks' content there at the end
    std::string kernel = "uml";  // which machine a kernel is started in: uml, qemu
    bool byte_cells = false;
    DeviceChoice device;  // --on device
};

struct ShrinkOptions {
    PolicyOptions policy;
    std::string file;
    std::string output;  // empty: standard output
    std::uint64_t seconds = 30;
};

struct SchedulesOptions {
    PolicyOptions policy;
    std::string file;
    std::string strategy = "exhaustive";  // or pct, uniform, delays, random
    std::uint32_t depth = 3;              // of pct
    std::optional<std::uint32_t> delays;  // of delays (2); exhaustive: the bound, or none
    std::uint64_t seed = 1;
    std::optional<std::uint64_t> runs;  // a try's, or the search's, at most
    std::uint64_t tries = 1;            // each until a run fails
    bool full = false;                  // without reduction
    bool compare = false;               // with and without
    bool everywhere = false;            // choices in all lines
    std::string output;                 // the first schedule that fails
};

struct BenchOptions {
    bool json = false;
    std::uint64_t seconds = 2;  // for each figure
    std::string figure;         // only this one; empty: all
};

Result<int> run_campaign(const RunOptions& options);
Result<int> replay(const ReplayOptions& options);
Result<int> shrink_file(const ShrinkOptions& options);
Result<int> schedules(const SchedulesOptions& options);
Result<int> bench(const BenchOptions& options);

}  // namespace cowlab
