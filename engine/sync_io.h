// I/O that a fiber waits for: what stores use for their metadata.
//
// A request above 1 MiB is cut into pieces, each carrying the flags (spec §9.7.5); a few are in
// flight at a time. Any piece that fails makes the whole EIO; what was read then is void.
#pragma once

#include "engine/engine.h"

namespace cowlab {

struct IoRequest {
    Op op = Op::read;
    Purpose purpose = Purpose::forwarded;
    Sectors start;
    Sectors length;
    Payload payload;
    bool preflush = false;
    bool fua = false;
};

// Fiber only.
Errc sync_io(Engine& engine, BlockDevice& device, const IoRequest& request);

// Fiber only. ok at once where there is no cache to flush.
Errc sync_flush(Engine& engine, BlockDevice& device, Purpose purpose);

}  // namespace cowlab
