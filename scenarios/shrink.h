// Shrinking: from a failing scenario to a small one that fails the same way.
//
// First what is cheapest to lose: all after the step of failure, pins by the kind and by the heap.
// Then delta debugging over the lines and over pins (halves, quarters, … one), everything that
// names one device, pairs that only make sense together; then each line made simpler. Again, until
// a pass changes nothing. The judge runs a candidate and says whether it fails alike; shrinking
// knows nothing else about what a scenario does.
//
// It is deterministic: the same answers of the judge lead to the same result. So a process that
// dies of a candidate can be replaced by another that is told the answers so far, and does not even
// build the candidates that were refused.
#pragma once

#include <optional>

#include "scenarios/scenario.h"

namespace cowlab {

class ShrinkJudge {
  public:
    // True if `candidate` fails in the same way. May say no to save time.
    virtual bool fails_alike(const Scenario& candidate) = 0;
    // True when there is no time left: the best so far is the result.
    virtual bool is_out_of_time() = 0;
    // The answer to the next candidate, if it is known already: it is not asked for then.
    virtual std::optional<bool> known_answer() { return {}; }

  protected:
    ~ShrinkJudge() = default;
};

struct ShrinkResult {
    Scenario scenario;
    std::size_t operations_before = 0;
    std::size_t operations = 0;
    std::size_t tried = 0;
    bool minimal = false;  // no single line or pair of neighbours can go
};

// `failing_step`: where it was seen to fail; the lines after it go first.
// REQUIRES: judge.fails_alike(scenario).
ShrinkResult shrink(const Scenario& scenario, ShrinkJudge& judge,
                    std::size_t failing_step = SIZE_MAX);

// Lines that act after the set-up, as verification counts them: not disks, first creates, headers,
// faults, pins, power losses, reload, check, join and expectations.
std::size_t count_operations(const Scenario& scenario);
std::size_t count_of(const Scenario& scenario, Verb verb);

}  // namespace cowlab
