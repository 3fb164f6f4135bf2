// `cowlab conform DIR…`: every recorded case of a real kernel against our engine, answer by answer
// and image by image (cli contract: docs/cli.md).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace cowlab {

enum class ConformPolicy { both, kernel, correct };

struct ConformOptions {
    std::vector<std::string> directories;
    ConformPolicy policy = ConformPolicy::both;
    std::string only;            // a glob; empty: all
    bool digests = false;        // a line `CASE DIGEST` for each case
    bool byte_cells = false;     // real bytes instead of content tags
    bool verbose = false;        // every case gets a line
    bool on_device = false;      // on files and loop devices instead of simulated disks
    std::string device_dir;      // … where the files are
    std::string kernel = "uml";  // which machine a kernel is started in: uml, qemu
};

// The exit code: 0 when nothing differs, 1 otherwise.
Result<int> conform(const ConformOptions& options);

}  // namespace cowlab
