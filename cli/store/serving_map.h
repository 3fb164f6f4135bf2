// From a list in record order to a map by old chunk: the first record of an old chunk wins, as in
// kernels since 5.2 (spec §8).
#pragma once

#include <functional>
#include <vector>

#include "cli/store/list.h"

namespace cowlab::store {

// `lost`: numbers of records to leave out, ascending. `duplicate(later, first)` is told about each
// record that lost to an earlier one of the same old chunk.
// REQUIRES: the old chunks of the records that are not lost do not wrap.
std::vector<Run> serving_map(const std::vector<Run>& runs, const std::vector<std::uint64_t>& lost,
                             const std::function<void(std::uint64_t, std::uint64_t)>& duplicate);

}  // namespace cowlab::store
