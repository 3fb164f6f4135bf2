// Crash images of our engine: a generated run in the simulator up to a power loss.
#pragma once

#include <optional>

#include "cli/crash_image.h"
#include "sim/sim_world.h"

namespace cowlab {

// The scenario of a seed, driven as a campaign drives it, until the power fails; the simulator has
// drawn what survives. Odd seeds run the default engine, even ones the engine as Linux is. Nothing
// if the power does not fail in it, or its disks are too large for a small kernel.
std::optional<CrashImage> our_crash(SimHost& host, std::uint64_t seed);

}  // namespace cowlab
