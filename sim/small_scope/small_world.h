// The small world in which every workload is tried (verification, small-scope exhaustiveness), and
// its vocabulary.
//
// An origin of 6 chunks, two snapshots of it, with chunks of one and of two sectors; the store of
// the first has room for 3 exceptions. All disks have a volatile cache. A workload is a sequence of
// operations out of `vocabulary`; it has a rank, so that who explores which of them needs no
// talking about.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "scenarios/scenario.h"

namespace cowlab {

struct SmallOperation {
    const char* name;
    const char* lines;  // of the scenario language
    // One line of I/O: it may be under way together with others.
    bool is_io;
};
std::span<const SmallOperation> small_vocabulary();

// How the operations of a workload follow each other.
enum class SmallOrder : std::uint8_t {
    one_by_one,  // each when the one before is done and all is quiet
    together,    // all at once; I/O only
};

struct SmallWorkload {
    std::vector<std::uint32_t> operations;  // indices into the vocabulary
    SmallOrder order = SmallOrder::one_by_one;
};

struct SmallScenario {
    Scenario scenario;
    // The line with which the last operation begins (together: the first of them).
    std::size_t last_begins = 0;
};
// `header`: of the scenario (policy, without, mute).
SmallScenario small_scenario(const SmallWorkload& workload, const Header& header);

// How many workloads of at most `operations` operations begin with one and the same operation.
std::uint64_t small_workload_count(std::uint32_t operations);
// The n-th of those that begin with operation `first`.
SmallWorkload small_workload(std::uint32_t first, std::uint64_t n, std::uint32_t operations);

}  // namespace cowlab
