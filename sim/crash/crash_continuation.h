// How life goes on after a recovery: lines that a user of these devices might type.
#pragma once

#include <vector>

#include "world/world.h"

namespace cowlab {

// Forward progress, not only readability: every origin and every snapshot is written to and
// flushed, the power goes once more, then one snapshot of each origin is merged into it, and the
// power goes again. `check` after each.
std::vector<Step> lines_after_recovery(World& world);

}  // namespace cowlab
