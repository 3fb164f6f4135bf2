// From a Scenario to its text: the one way to write it down (canonical).
//
// parse(print(x)) == x, and print(parse(t)) == t for a canonical text t. Canonical: one blank
// between words, numbers decimal, options in the order of their description, the default of a
// laboratory verb spelled out (`once`, `done`), header lines in the order policy, without, mute,
// limit, verdict, and a header line that states the default left out. A step of a golden case is
// printed as it was written as long as that still says what the step says, so that every golden
// file comes back byte for byte. Comments between header lines move below the header.
#pragma once

#include <string>

#include "scenarios/scenario.h"

namespace cowlab {

std::string print(const Scenario& scenario);

// The step's line alone: no comments, no `> `, no answer, no line end.
std::string print_line(const Step& step);

}  // namespace cowlab
