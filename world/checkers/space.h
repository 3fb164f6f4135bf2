// Space (INV-37): what status says, and which operation overflows, follows from the records.
//
// The k-th exception of a store (from 0) lies at chunk 2 + k + floor(k / EPA): every chunk but the
// header and the areas, in order. So, with R records in memory and P exceptions being made,
//
//     allocated = place(R + P) chunks        metadata = (floor(R / EPA) + 2) chunks (or up to
//     total     = the COW device             floor((R + P) / EPA) while some are being made)
//
// and there is no room for one more when place(R + P) lies beyond C, or (D9) when its record would
// fill an area and the next area lies beyond C. A transient store: place(k) = k, no metadata.
//
//   INV-23  an overflowed snapshot fails writes; only a `PO` snapshot overflows, by its own write;
//           such a write never invalidates it
//   INV-24  a snapshot that dies for lack of space had none
//   INV-37  the numbers, and `Invalid`, `Merge failed`, `Overflow` before them
//
// Snapshots are asked for the exceptions they have; that these are right is others' to judge.
#pragma once

#include "world/checkers/oracle.h"
#include "world/checkers/snapshot_edges.h"

namespace cowlab {

class SpaceOracle final : public Oracle, private SnapshotEdges::Listener {
  public:
    // `edges_elsewhere`: told of every edge as well.
    SpaceOracle(const OracleContext& context, SnapshotEdges::Listener& edges_elsewhere)
        : Oracle(context, "space"), edges_(context.world, *this), elsewhere_(edges_elsewhere) {}

    void devices_changed() { edges_.devices_changed(); }
    void power_lost();
    void request_begins(UserRequest& request);
    void request_ends(const UserRequest& request, Errc status);
    void after_step(const Step& step);

  private:
    void first_seen(FollowedSnapshot& f) override;
    void became_invalid(FollowedSnapshot& f) override;
    void became_overflowed(FollowedSnapshot& f) override;

    void check_numbers(const FollowedSnapshot& f);
    void check_text(const FollowedSnapshot& f);
    bool has_room(const Snapshot& s, std::uint64_t holes, std::uint64_t exceptions) const;
    FollowedSnapshot* followed(const MappedDevice& device);

    SnapshotEdges edges_;
    SnapshotEdges::Listener& elsewhere_;
    // Users' writes that a snapshot may need space for: begun so far, and under way.
    std::uint64_t origin_writes_ = 0;
    std::uint64_t origin_writes_under_way_ = 0;
    std::uint64_t snapshot_writes_ = 0;
    std::uint64_t snapshot_writes_under_way_ = 0;
};

}  // namespace cowlab
