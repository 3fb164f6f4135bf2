// `check`: every sector of every volume, as a user would read it.
#pragma once

#include <functional>

#include "world/world.h"

namespace cowlab {

// As long as `goes_on` says so. What is suspended, or too large to be read in a run, is left out.
void read_everything_back(World& world, const std::function<bool()>& goes_on);

}  // namespace cowlab
