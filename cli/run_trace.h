// The recorder of a world that has run, as text for a person.
#pragma once

#include <string>
#include <vector>

#include "scenarios/scenario.h"
#include "sim/sim_world.h"

namespace cowlab {

std::vector<std::string> trace_of(SimWorld& world, const Scenario& scenario);

}  // namespace cowlab
