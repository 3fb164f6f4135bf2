// `cowlab faults`: the N-th-fault loop over files and folders (cli/fault_loop.h).
#pragma once

#include "cli/run.h"

namespace cowlab {

struct FaultsOptions {
    PolicyOptions policy;
    std::vector<std::string> paths;  // scenarios, golden cases, folders of them
    std::string out = "out/faults";  // where findings are written
    std::uint64_t runs_max = 0;      // a file; 0: all of them
    std::string shard;               // I/N: every N-th of the files
    bool verbose = false;            // a line for every file
    bool lies = false;               // instead of faults: cli/lie_loop.h
};

Result<int> faults(const FaultsOptions& options);

}  // namespace cowlab
