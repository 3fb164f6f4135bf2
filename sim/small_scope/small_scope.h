// All workloads of the small world that begin with one operation, all their schedules within a
// bound, all crash states of each.
//
// Schedules: operations one by one are FIFO. Operations together are run FIFO, and once more for
// each request that any disk gets while they are under way: that request is held back until nothing
// else can go on. With two delays, also for each pair of them, in both orders of letting them go.
//
// Crash states: of a workload those are explored that come while its last operation is under way
// (all of them, when they are together): what comes before is another workload. States that were
// met before in this unit are not explored again. So the counts of a unit depend on nothing but the
// unit, and counts of units add up.
#pragma once

#include "sim/crash/crash_explorer.h"
#include "sim/small_scope/small_world.h"

namespace cowlab {

struct SmallScopeOptions {
    std::uint32_t operations = 3;
    std::uint32_t crash_depth = 2;
    std::uint32_t delays = 1;  // requests held back in one run, at most; up to 2
    Header header;
    std::uint32_t findings_max = 8;
};

struct SmallScopeReport {
    std::uint64_t workloads = 0;
    std::uint64_t together = 0;   // of these: operations at the same time
    std::uint64_t schedules = 0;  // runs
    CrashReport crashes;
    // Runs that failed without a crash, as scenarios: the first of each kind.
    std::vector<CrashFinding> findings;
    std::uint64_t failures = 0;
};

// Units are 0 (no operation: the set-up) and 1 + the first operation.
std::uint32_t small_scope_units();

class SmallScope {
  public:
    SmallScope(SimHost& host, const SmallScopeOptions& options) : host_(host), options_(options) {}
    SmallScopeReport explore(std::uint32_t unit);
    // Called now and then.
    std::function<void(const SmallScopeReport&)> on_progress;

  private:
    void explore_workload(const SmallWorkload& workload, CrashExplorer& explorer);
    bool run_held(const SmallScenario& s, const std::vector<Step>& pins, CrashExplorer& explorer);
    bool run(const SmallScenario& s, CrashExplorer& explorer);

    SimHost& host_;
    SmallScopeOptions options_;
    SmallScopeReport report_;
};

}  // namespace cowlab
