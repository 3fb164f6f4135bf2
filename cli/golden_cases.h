// What a folder of recorded cases holds beside its .trace files: the manifest, and what may be
// compared of the kernel's messages (formats: scenarios/golden/README.md).
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "cli/files.h"

namespace cowlab {

struct ExpectedImage {
    std::string disk;
    bool is_volatile = false;
    bool invalid = false;
};
using Manifest = std::map<std::string, std::vector<ExpectedImage>>;

Result<Manifest> read_manifest(const std::string& directory);

// The constructor messages among the log lines, for the comparison as a set.
std::set<std::string> constructor_messages(const std::vector<std::string>& lines);

}  // namespace cowlab
