// What the runs of a campaign were: which faults met which requests, which verbs were carried out,
// and how the runs' means stand beside what the profile promises. All of it is counters of Totals.
//
// The commonest failure of a laboratory is a fault that is never delivered; so every combination of
// the atlas (sim/atlas.h) is counted, and those that never came are named.
#pragma once

#include <string>
#include <vector>

#include "cli/totals.h"

namespace cowlab {

std::vector<Counter> fault_table_counters();
// Means beside promises, verbs, faults by purpose, what of the atlas never came.
std::string fault_table_text(const Totals& totals, const Profile& profile);

}  // namespace cowlab
