// What the command line does with Linux's own kernel as a world.
#pragma once

#include "cli/conform.h"
#include "cli/run.h"
#include "device/kernel_oracle.h"

namespace cowlab {

// `--kernel uml|qemu`.
KernelOptions kernel_options(const std::string& machine);

// The case of a scenario; its images are files in `directory`.
Result<KernelCase> kernel_case(const Scenario& scenario, const std::string& directory);

// `conform --on kernel`: every recorded case again, in the kernel that starts here.
Result<int> conform_on_kernel(const ConformOptions& options);
// `replay --script`: the steps as a shell script with dmsetup, on standard output.
Result<int> write_script(const ReplayOptions& options);
// `replay --on kernel`.
Result<int> replay_on_kernel(const ReplayOptions& options);

}  // namespace cowlab
