// Shrinking: from a failing scenario to a small one that fails the same way.
//
// First what is cheapest to lose: all after the step of failure, pins by the kind and by the heap.
// Then delta debugging over the lines and over pins (halves, quarters, … one), everything that
// names one device, pairs that only make sense together; each line made simpler; then the geometry,
// the sectors that a power loss decides, and the order in which a person reads. Again, until
// neither any one line nor any two can go: that is what `minimal` says. The judge runs a candidate
// and says whether it fails alike; shrinking knows nothing else about what a scenario does.
//
// It is deterministic: the same answers of the judge lead to the same result. So a process that
// dies of a candidate can be replaced by another that is told the answers so far, and does not even
// build the candidates that were refused.
#pragma once

#include <optional>

#include "scenarios/scenario.h"
#include "scenarios/scenario_size.h"

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
    std::size_t operations_to_failure = 0;  // of those before
    std::size_t operations = 0;
    std::size_t tried = 0;
    // Shown by trying: no line, fault or pin can go, nor any two of them.
    bool minimal = false;
};

// `failing_step`: where it was seen to fail; the lines after it go first.
// REQUIRES: judge.fails_alike(scenario).
ShrinkResult shrink(const Scenario& scenario, ShrinkJudge& judge,
                    std::size_t failing_step = SIZE_MAX);

// What happens until there.
Scenario first_steps(const Scenario& scenario, std::size_t count);

}  // namespace cowlab
