// The chunks with a bio in flight whose position must not change under it (spec §6.6).
//
// A snapshot's reads that went to the origin keep the origin's chunk from being overwritten; a
// merge's writes that went to the COW device keep the run from being copied. Waiting is for one
// chunk at a time and may be long: whoever waits holds nothing.
#pragma once

#include "engine/engine.h"
#include "engine/target_bio.h"

namespace cowlab {

class TrackedChunks {
  public:
    void track(TargetBio& bio, ChunkIndex chunk) {
        bio.tracked_chunk = chunk;
        bucket(chunk).push_back(bio);
    }
    // Main context or fiber; a bio that is not tracked is left alone.
    bool untrack(Executor& executor, TargetBio& bio) {
        auto& node = static_cast<ListNode<TrackedTag>&>(bio);
        if (!node.is_linked()) return false;
        node.unlink();
        untracked_.wake_all(executor);
        return true;
    }
    bool is_tracked(ChunkIndex chunk) const {
        for (const TargetBio& b : buckets_[chunk.value % bucket_count]) {
            if (b.tracked_chunk == chunk) return true;
        }
        return false;
    }
    bool any() const {
        for (const auto& b : buckets_) {
            if (!b.empty()) return true;
        }
        return false;
    }
    // Fiber: until no bio is tracked under `chunk`.
    void wait_until_untracked(Executor& executor, ChunkIndex chunk) {
        while (is_tracked(chunk)) untracked_.wait(executor);
    }

  private:
    static constexpr std::size_t bucket_count = 16;
    List<TargetBio, TrackedTag>& bucket(ChunkIndex c) { return buckets_[c.value % bucket_count]; }

    List<TargetBio, TrackedTag> buckets_[bucket_count];
    WaitQueue untracked_;
};

}  // namespace cowlab
