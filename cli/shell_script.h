// A scenario's steps as a shell script with dmsetup, for people who have a kernel and no cowlab.
#pragma once

#include <string>

#include "base/result.h"
#include "scenarios/scenario.h"

namespace cowlab {

// `name`: of the file, for the script's first lines. What a shell cannot do (verbs of the
// laboratory, the entries of a write log) is refused with its line.
Result<std::string> shell_script(const Scenario& scenario, const std::string& name);

}  // namespace cowlab
