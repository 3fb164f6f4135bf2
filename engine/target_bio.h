// One piece of a request on its way through one target: what map() edits and end_io() sees.
#pragma once

#include "engine/port/block_device.h"

namespace cowlab {

class Target;
struct Request;

struct TrackedTag;

struct TargetBio : Bio, ListNode<TrackedTag> {
    Request* request = nullptr;
    Target* target = nullptr;
    // Where a remapped piece goes next; set by map().
    BlockDevice* destination = nullptr;
    // Which copy of a flush or discard this is, for targets that ask for several (spec §2.3).
    std::uint8_t copy_number = 0;
    // The chunk this piece is tracked under while ListNode<TrackedTag> is linked (spec §6.6).
    ChunkIndex tracked_chunk;
};

}  // namespace cowlab
