// The log of a dm-log-writes target, as it stands on the medium of the log device.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "device/kernel_runner/media.h"

namespace cowlab::kernel_runner {

struct WriteLogEntry {
    std::uint64_t sector = 0;
    std::uint64_t sectors = 0;
    bool flush = false;
    bool fua = false;
    bool discard = false;
    bool is_mark = false;
    std::string mark;
    std::vector<std::uint8_t> data;
};

// An empty log if the medium holds none.
std::vector<WriteLogEntry> read_write_log(const Medium& log);

// The first `count` entries' data onto a medium, without what `lossy` loses (golden/README.md).
void replay_write_log(const std::vector<WriteLogEntry>& log, std::uint64_t count, bool lossy,
                      std::uint64_t seed, const Medium& target);

}  // namespace cowlab::kernel_runner
