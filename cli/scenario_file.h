// A scenario file as a command takes it.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/policy_options.h"
#include "scenarios/scenario.h"

namespace cowlab {

// Where its images lie.
std::string directory_of(const std::string& file);

// The scenario of a file, under the policy it asks for and the command line on top of that; `note`
// says what the command line changed.
Result<Scenario> load_scenario(const std::string& file, const PolicyOptions& policy,
                               std::string& note);

}  // namespace cowlab
