// Crash images of Linux's own dm-snapshot: cut from the log of its writes, or left on its disks by
// a SIGKILL.
#pragma once

#include "base/prng.h"
#include "cli/crash_image.h"
#include "cli/crash_workload.h"

namespace cowlab {

// A workload with all its devices over one dm-log-writes; `cuts` crash images from the log. Each is
// cut at any entry: what the last flush before it had to make durable is there, of the writes since
// each is there, lost, or torn between two sectors.
Result<std::vector<CrashImage>> crashes_in_the_log(KernelOracle& oracle, std::uint64_t seed,
                                                   std::uint64_t cuts);

// A workload on files of the host in a machine of its own, killed at any moment of any line: the
// files are the image (in-order prefixes of what the kernel wrote, down to the sector).
Result<CrashImage> killed_kernel(const KernelOptions& options, std::uint64_t seed);

}  // namespace cowlab
