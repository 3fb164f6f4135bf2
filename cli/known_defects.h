// Which known defect of Linux a violation under `--compat kernel` belongs to.
//
// Asked of the engine, not of a list of symptoms: a violation belongs to the defects whose repair
// (a boolean of EnginePolicy each) makes the same scenario pass. All repairs together must, or the
// violation is not a known one; then those are taken away again without which it still passes. What
// remains names the defects (docs/policy.md; L-numbers are those of the kernel, D16 and D17 were
// found here).
#pragma once

#include <string>

#include "sim/scenario_run.h"

namespace cowlab {

// "L2", or "L2+L13" if it takes both; empty: no known one. REQUIRES: the scenario fails under its
// own policy, which is `kernel`. `how`: where images are, and who watches; it is run some 20 times.
std::string known_defect(SimHost& host, const RunSetup& how, const Scenario& scenario);

}  // namespace cowlab
