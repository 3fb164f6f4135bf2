// snapshot-origin: the device through which an origin is written while it has snapshots (spec
// §6.3).
#pragma once

#include "engine/device_mapper.h"

namespace cowlab {

struct LiveOriginTag {};

class SnapshotOrigin final : public Target, public ListNode<LiveOriginTag> {
  public:
    SnapshotOrigin(const TargetContext& context, BlockDevice& origin);

    MapResult map(TargetBio& bio, MapMay may) override;
    void postsuspend() override;
    void resume() override;
    void status(StatusKind kind, TextSink& out) const override;
    void for_each_device(DeviceVisitor& visitor) const override;
    void destroy() override;
    std::string_view type_name() const override { return "snapshot-origin"; }
    std::uint8_t flush_copies() const override { return 1; }

    DeviceNumber origin_number() const { return origin_.number(); }

  private:
    Sectors split_boundary();

    BlockDevice& origin_;
    // As it was at the last resume; what Linux goes by (D15).
    Sectors boundary_at_resume_;
};

Constructed construct_snapshot_origin(const TargetContext& context);

}  // namespace cowlab
