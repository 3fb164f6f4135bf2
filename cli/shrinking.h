// Shrinking a finding whose candidates may kill, or loop for ever.
//
// The shrinker runs in a child, with the candidates in its own process: that is fast. Its answers
// stand in a log in shared memory. When a candidate kills the child, that is this candidate's
// answer, and the next child takes the log as read. A process that has run other candidates before
// may have died of one of those: then the candidate is tried again first, in a new child.
#pragma once

#include <atomic>

#include "cli/observed_run.h"
#include "scenarios/shrink.h"

namespace cowlab {

struct Shrinking {
    ImageSource* images = nullptr;
    std::uint64_t seconds = 5;
    const std::uint32_t* stop = nullptr;  // another process asks to come to an end
    Patience patience = patience_of_the_shrinker;
};

// Another failure than the one that is shrunk, in a candidate: kept apart from it, for it may be
// another bug. Of each kind the shortest.
struct OtherFailure {
    Verdict verdict;
    Scenario scenario;  // says that it fails so
};
inline constexpr std::size_t other_failures_max = 8;
std::string name_of_failure(const Verdict& verdict);  // "durability INV-15"
std::string name_of_other(std::size_t i);             // "other-1.scn"
// "no line, fault or pin can go, nor any two of them (312 candidates tried)"
std::string minimal_text(const ShrinkResult& result);

// What is left, and whether `scenario` itself fails alike with its pins alone.
struct Shrunk {
    ShrinkResult result;
    bool reproduced = false;
    std::vector<OtherFailure> others;
};
Shrunk shrink_in_children(const Scenario& scenario, const Verdict& verdict, const Shrinking& how);

std::uint64_t monotonic_ms();

}  // namespace cowlab
