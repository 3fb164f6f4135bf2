// The envelope, measured: every lie that a disk can tell in a scenario's run is told once, and what
// the oracles then say is counted.
//
// For each disk and each lie of scenarios/verb.h: the N-th request that it can be told about, for
// N = 1, 2, … until the run has no N-th. The engine must survive each (no death, no failed CHECK,
// no hang): what breaks that is a finding. That promises are broken is what lies do; which oracle
// objects how often is the result, beside docs/guarantees.md.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cli/observed_run.h"

namespace cowlab {

inline constexpr InjectKind lies[] = {InjectKind::lying_flush,      InjectKind::ignored_fua,
                                      InjectKind::phantom_write,    InjectKind::misdirected_write,
                                      InjectKind::misdirected_read, InjectKind::bit_rot,
                                      InjectKind::bit_flip};
inline constexpr std::size_t lie_count = std::size(lies);

struct LieFinding {
    Scenario scenario;
    Verdict verdict;
};

struct LieResult {
    std::uint64_t told[lie_count] = {};
    std::uint64_t survived[lie_count] = {};
    // By lie and "durability INV-15".
    std::map<std::pair<std::size_t, std::string>, std::uint64_t> broken;
    std::vector<LieFinding> findings;
    void add(const LieResult& other);
};

// REQUIRES: the scenario passes, and its expectations are gone (cli/fault_loop.h).
LieResult loop_lies(const Scenario& plain, ImageSource* images);

}  // namespace cowlab
