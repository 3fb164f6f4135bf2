// out/OPTIONS-SEED/: what is kept of a finding. At most 20 are kept; one is there whole or not at
// all (written beside and renamed).
//
// seed.txt, options.json, original.scn, shrunk.scn, trace.jsonl, verdict.json; stderr.txt if the
// process died and said something; other-1.scn …: other failures that shrinking met. Images the
// scenario names are linked, so that it can be replayed there.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/seed_runs.h"

namespace cowlab {

struct Finding;

inline constexpr std::size_t run_directories_max = 20;

struct RunDirectories {
    std::string out;
    const Plan* plan = nullptr;
};

// The path of the directory.
Result<std::string> write_run_directory(const RunDirectories& where, const Finding& finding,
                                        const nlohmann::json& verdict);
// Links the images that a scenario of `folder` names into `directory`, so that it can be run there.
void link_images(const std::string& folder, const Scenario& scenario, const std::string& directory);
// Directories of earlier findings of the same options, by name, that have a shrunk.scn.
std::vector<std::string> stored_findings(const RunDirectories& where);

}  // namespace cowlab
