// Where in a scenario Linux's answers begin to depend on timing: a failed merge is started again.
//
// "Merge failed" stays in the status for as long as the table lives, so nobody who only looks can
// tell whether a merge that a suspend and resume started again still copies: `mergewait` returns at
// once, and the next lines and the images meet the merge wherever it is. A new table begins anew.
#pragma once

#include <cstddef>
#include <vector>

#include "scenarios/answer.h"
#include "scenarios/scenario.h"

namespace cowlab {

// The step that starts a failed merge again, by the kernel's answers; SIZE_MAX: none does.
std::size_t step_of_merge_started_again(const Scenario& scenario,
                                        const std::vector<Answer>& answers);

}  // namespace cowlab
