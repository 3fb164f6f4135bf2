// Shrinking: from a failing scenario to a small one that fails the same way.
//
// Delta debugging over the lines that act (the set-up stays), then over pins; then one line and two
// lines at a time until a pass removes nothing. The predicate runs the candidate and says whether
// it fails alike; shrinking knows nothing else about what a scenario does.
#pragma once

#include "scenarios/scenario.h"

namespace cowlab {

class ShrinkJudge {
  public:
    // True if `candidate` fails in the same way. May say no to save time.
    virtual bool fails_alike(const Scenario& candidate) = 0;
    // True when there is no time left: the best so far is the result.
    virtual bool is_out_of_time() = 0;

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

// REQUIRES: judge.fails_alike(scenario).
ShrinkResult shrink(const Scenario& scenario, ShrinkJudge& judge);

// Lines that act after the set-up, as verification counts them: not disks, first creates, headers,
// faults, pins, power losses, reload, check, join and expectations.
std::size_t count_operations(const Scenario& scenario);
std::size_t count_of(const Scenario& scenario, Verb verb);

}  // namespace cowlab
