// A loop device with a logical block of one's own choice, upon a file: what shows that a disk of
// 4096 byte blocks is one, and not a file that is treated so. Needs root and /dev/loop-control.
#pragma once

#include <optional>

#include "device/direct_file.h"

namespace cowlab {

// The device, held exclusively; it is detached when it is closed. Nothing where there can be none.
std::optional<DirectFile> attach_loop_device(const DirectFile& file, Sectors logical_block);

}  // namespace cowlab
