// One scenario in our engine, for a comparison with another world: every answer, and the disks at
// the end. In a child: an engine with a bug more (ci/variant) may die of it, or loop for ever.
#pragma once

#include <string>
#include <vector>

#include "cli/memory_images.h"
#include "engine/policy.h"
#include "sim/scenario_run.h"
#include "sim/sim_world.h"

namespace cowlab {

struct OurRun {
    Verdict verdict;  // also of a process that died or looped
    std::vector<Answer> answers;
    std::vector<std::uint32_t> deviations;  // by the end of each step; bit n is Dn
    std::uint32_t deviations_at_end = 0;
    bool hung_by_user = false;  // a device was left suspended with requests in it
    ImageSet images;
};

OurRun run_ours(SimHost& host, const Scenario& scenario, const ImageSet& members,
                const EnginePolicy& policy);

// What the disks hold.
ImageSet images_of(SimWorld& sim);

}  // namespace cowlab
