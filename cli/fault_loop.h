// The N-th-fault loop: a scenario's run again and again, each time with one fault more, for every
// request and every allocation that it makes, until there is no N-th.
//
// Up to its fault a run is the fault-free run. So the requests of that one, in the order in which
// they are made, are all that the N-th can be, and the loop over them is whole: nothing is sampled
// (unless a limit is asked for, and then it says so). For each request every kind is tried that
// makes sense for it: EIO without effect, EIO although it was done, wholly or in part, a sector bad
// until it is written, a flush that fails; and what begins there and lasts: all requests of this
// purpose fail, the disk vanishes, it becomes read-only. For each allocation that may fail: it
// does.
//
// What the file expects describes the run without a fault, so answers are not compared; all oracles
// look. A fault beyond the atlas (sim/atlas.h) is judged for safety only.
//
// The fault is a pin, so every candidate is a scenario that stands alone. Runs are made in a child;
// one that dies is a finding like another, and the loop goes on behind it.
#pragma once

#include <string>
#include <vector>

#include "cli/observed_run.h"

namespace cowlab {

enum class LoopKind : std::uint8_t {
    eio,
    from_here,
    eio_written,
    eio_partly,
    latent,
    flush,
    vanish,
    read_only,
    no_memory,
    count_
};
inline constexpr std::size_t loop_kind_count = static_cast<std::size_t>(LoopKind::count_);
const char* name_of(LoopKind kind);

struct LoopFault {
    LoopKind kind = LoopKind::eio;
    std::uint32_t column = 0;  // a Purpose; no_memory: a MemoryUse
    std::uint64_t number = 0;  // the N of "the N-th": of the run's I/Os, or of the allocations
    bool in_atlas = true;
    ChoiceKey key{};
    Step pin;
};

// How often the fault of that kind was met, by column.
using LoopDelivered = std::uint64_t[loop_kind_count][purpose_count];

struct EveryFault {
    std::uint64_t requests = 0;
    std::uint64_t allocations = 0;
    std::vector<LoopFault> faults;
    ObservedRun fault_free;  // of the scenario without its expectations
};

// The run without a fault, and every fault it can meet.
EveryFault every_fault_of(const Scenario& plain, ImageSource* images);

// The scenario without what its file expects: of a run that nobody disturbs.
Scenario without_expectations(Scenario scenario);
Scenario with_fault(const Scenario& plain, const LoopFault& fault);

struct LoopFinding {
    LoopFault fault;
    Verdict verdict;
    std::uint64_t alike = 1;  // runs with the same verdict, this one included
};

struct LoopResult {
    std::uint64_t runs = 0;
    std::uint64_t unmet = 0;  // runs in which the fault never came: a bug of the loop
    LoopDelivered delivered = {};
    std::vector<LoopFinding> findings;  // the first of each verdict, in the order of the faults
};

// Runs the scenario once for every of these faults.
LoopResult loop_faults(const Scenario& plain, const std::vector<LoopFault>& faults,
                       ImageSource* images);

// How a loop runs a scenario again and again.
RunSetup setup_of_a_loop(ImageSource* images);

}  // namespace cowlab
