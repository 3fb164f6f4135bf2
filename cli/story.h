// The last screen of a failing run: what is broken, where first, what was expected and what was
// seen.
//
//     FAIL durability             INV-15: A read of a valid snapshot gives its base overlaid with …
//                                 first broken at step 10 of 12, seen by the check at step 12
//
//       step  line                                                answer
//          9  resume base                                         = ok
//     >   10  power-loss losing everything                        = ok
//         11  reload                                              = ok
//         12  check                                               = ok
//             expected   base sector 1: 2@1
//             actual     base sector 1: 1@1
#pragma once

#include <optional>
#include <string>

#include "cli/observed_run.h"

namespace cowlab {

// The first step, from 0, after which reading everything back shows the same failure; the step
// where it was seen, if none before it does. Runs the scenario up to each of its steps.
std::size_t first_broken_step(const Scenario& scenario, const Verdict& verdict,
                              const RunSetup& setup);

// `first_broken`: if it is known.
std::string headline(const Verdict& verdict, bool colours);
std::string where_broken(const Scenario& scenario, const Verdict& verdict,
                         std::optional<std::size_t> first_broken);
std::string story(const Scenario& scenario, const ObservedRun& run,
                  std::optional<std::size_t> first_broken);

}  // namespace cowlab
