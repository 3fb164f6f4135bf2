// What an exploration of crash states found and covered, as files and as text.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/observed_run.h"
#include "sim/crash/crash_report.h"

namespace cowlab {

// The finding as a scenario that stands alone. `run`: gives the header.
Scenario scenario_of(const Scenario& run, const CrashFinding& finding);

// Shrinks it, writes it to `path` and prints its story.
Result<bool> tell_finding(const Scenario& original, const std::string& path, ImageSource& images,
                          std::uint64_t shrink_seconds);

// The table of what was covered, by what happened last before the crash.
void print_coverage(const CrashReport& report);
std::string count_text(CrashCount n);

}  // namespace cowlab
