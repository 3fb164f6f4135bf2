// Crash images of Linux's own dm-snapshot: cut from the log of its writes, or left on its disks by
// a SIGKILL.
#pragma once

#include "base/prng.h"
#include "cli/crash_image.h"
#include "cli/crash_workload.h"
#include "device/write_log_format.h"

namespace cowlab {

// What a disk may hold when the first `entries` of a log have completed: all that a flush or FUA
// made durable; of the rest each write is there, lost, or torn between two sectors.
struct LogCut {
    KernelImage bytes;
    std::size_t undecided = 0;  // writes without a flush behind them
    std::size_t lost = 0;       // of these, in whole or in part
};
LogCut cut_write_log(const KernelImage& start, const std::vector<WriteLogEntry>& log,
                     std::size_t entries, Prng& draw);

// A workload with all its devices over one dm-log-writes; `cuts` crash images from the log. Each is
// cut at any entry (cut_write_log).
Result<std::vector<CrashImage>> crashes_in_the_log(KernelOracle& oracle, std::uint64_t seed,
                                                   std::uint64_t cuts);

// A workload on files of the host in a machine of its own, killed at any moment of any line: the
// files are the image (in-order prefixes of what the kernel wrote, down to the sector).
Result<CrashImage> killed_kernel(const KernelOptions& options, std::uint64_t seed);

}  // namespace cowlab
