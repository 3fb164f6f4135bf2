// The log of a dm-log-writes target on a medium, and its replay onto another.
#pragma once

#include <cstdint>
#include <vector>

#include "device/kernel_runner/media.h"
#include "device/write_log_format.h"

namespace cowlab::kernel_runner {

// An empty log if the medium holds none.
std::vector<WriteLogEntry> read_write_log(const Medium& log);

// The first `count` entries' data onto a medium, without what `lossy` loses (golden/README.md).
void replay_write_log(const std::vector<WriteLogEntry>& log, std::uint64_t count, bool lossy,
                      std::uint64_t seed, const Medium& target);

}  // namespace cowlab::kernel_runner
