// Where a campaign stands, in a small file beside its findings, so that `--resume` can go on.
//
// All places below `frontier` are done and are in the totals; what was done beyond is made again.
// Written beside and renamed: there is always a whole one.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "cli/seed_runs.h"
#include "cli/shards.h"
#include "cli/totals.h"

namespace cowlab {

struct CampaignState {
    std::uint64_t frontier = 0;
    Totals totals;
    std::map<std::string, std::uint64_t> groups;
    std::map<std::string, std::uint64_t> known;
    std::uint64_t not_deterministic = 0;
};

struct StateFile {
    std::string path;
    std::string who;  // options, version, first seed, shard: a state of another is not ours

    StateFile(const std::string& out, const Plan& plan, std::uint64_t seed_first,
              const Shard& shard);
    Result<bool> save(const CampaignState& state) const;
    // Refused if there is none, or if it is another campaign's.
    Result<CampaignState> load() const;
};

}  // namespace cowlab
