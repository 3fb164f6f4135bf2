// Whether two images are, by whatever names, the same bytes of this host.
//
// Hard links, symbolic links, second device nodes, loop devices over a file and partitions of a
// disk are seen through. Not seen through are device-mapper tables (a linear volume over the same
// disk) and bind-mounted or network copies: nothing on the host says where their bytes lie.
#pragma once

#include "cli/image_file.h"

namespace cowlab::store {

// The extent that lies below all loop devices and partitions.
Extent bottom_extent(Extent extent);

// Ok, or the refusal to use the two together. The windows of one file or disk must be disjoint.
Result<void> require_apart(const FileImage& cow, const FileImage& origin);

}  // namespace cowlab::store
