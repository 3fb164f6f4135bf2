// What the command line does with real files and devices as a world.
#pragma once

#include "cli/run.h"
#include "device/device_run.h"

namespace cowlab {

// Refused with a sentence where there is no io_uring, or no O_DIRECT in `directory`.
Result<bool> device_world_is_there(const std::string& directory);

// The folder for files of our own if none was named: $TMPDIR or /tmp.
std::string default_device_dir();

// `replay --on device`, with or without `--lockstep`.
Result<int> replay_on_device(const ReplayOptions& options);

}  // namespace cowlab
