// Follows the snapshots that stand somewhere, and tells when one became invalid or overflowed.
//
// A snapshot is followed while it is registered, active and somebody (a waiting destination and a
// source that was handed over are not); what it was when first seen is no edge. Looked at whenever
// a user could know: at the end of each request and of each step.
#pragma once

#include "engine/snapshot.h"
#include "world/checkers/growing.h"
#include "world/world.h"

namespace cowlab {

struct FollowedSnapshot {
    const Snapshot* snapshot = nullptr;
    DeviceNumber device;
    bool is_valid = true;
    bool is_overflowed = false;
    bool is_merge = false;
    // Chunks of C that no record explains: a store from elsewhere may have holes.
    std::uint64_t holes = 0;
    std::uint64_t exceptions_at_first = 0;
    std::uint64_t own_writes_seen = 0;     // SpaceOracle's
    std::uint64_t origin_writes_seen = 0;  // …
    bool seen = false;
};

class SnapshotEdges {
  public:
    class Listener {
      public:
        virtual void first_seen(FollowedSnapshot& f) = 0;
        virtual void became_invalid(FollowedSnapshot& f) = 0;
        virtual void became_overflowed(FollowedSnapshot& f) = 0;

      protected:
        ~Listener() = default;
    };

    SnapshotEdges(World& world, Listener& listener) : world_(world), listener_(listener) {}

    // Who is gone is forgotten.
    void devices_changed();
    void look();
    void power_lost() { count_ = 0; }
    template <class F>
    void for_each(F&& visit) {
        for (std::uint32_t i = 0; i < count_; ++i) visit(followed_[i]);
    }

  private:
    static constexpr std::uint32_t followed_max = 32;
    FollowedSnapshot* find(const Snapshot& s);
    static bool is_somebody(const Snapshot& s) { return s.is_active() && s.chunk_size().is_set(); }

    World& world_;
    Listener& listener_;
    Growing<FollowedSnapshot> followed_;
    std::uint32_t count_ = 0;
};

}  // namespace cowlab
