#include "device/kernel_runner/write_log.h"

#include <algorithm>

namespace cowlab::kernel_runner {

std::vector<WriteLogEntry> read_write_log(const Medium& log) {
    return parse_write_log(log.sectors,
                           [&](std::uint64_t sector, std::uint64_t count, std::uint8_t* bytes) {
                               return read_medium(log, sector, count, bytes) == 0;
                           });
}

void replay_write_log(const std::vector<WriteLogEntry>& log, std::uint64_t count, bool lossy,
                      std::uint64_t seed, const Medium& target) {
    const std::uint64_t n = std::min<std::uint64_t>(count, log.size());
    std::uint64_t last_flush = 0;
    for (std::uint64_t i = 0; i < n; ++i) {
        if (log[i].flush) last_flush = i;
    }
    std::uint64_t x = 2 * seed + 1;
    for (std::uint64_t i = 0; i < n; ++i) {
        const WriteLogEntry& e = log[i];
        if (e.data.empty()) continue;
        if (lossy && i > last_flush && !e.fua) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            if ((x & 1) != 0) continue;
        }
        if (e.sector + e.sectors > target.sectors) continue;
        static_cast<void>(write_medium(target, e.sector, e.sectors, e.data.data()));
    }
}

}  // namespace cowlab::kernel_runner
