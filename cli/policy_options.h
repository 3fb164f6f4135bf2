// --compat, --without and --mute on top of what a scenario's header says.
#pragma once

#include "cli/run.h"
#include "scenarios/scenario.h"

namespace cowlab {

// Changes the header; `note` says what was overridden, for the first line of output. Unknown names
// are refused with those that exist.
Result<bool> apply_policy_options(const PolicyOptions& options, Header& header, std::string& note);

}  // namespace cowlab
