// The log of a dm-log-writes target, as it stands on the log device.
//
// It is read inside the machine (kernel_runner/write_log.h, the verbs loglist and logreplay) and on
// the host, from an image.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace cowlab {

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

// Sectors of the log device into `bytes`; false: they cannot be read.
using LogReader =
    std::function<bool(std::uint64_t sector, std::uint64_t count, std::uint8_t* bytes)>;

// An empty log if the device, of `sectors`, holds none; what is there if it ends in the middle.
std::vector<WriteLogEntry> parse_write_log(std::uint64_t sectors, const LogReader& read);

}  // namespace cowlab
