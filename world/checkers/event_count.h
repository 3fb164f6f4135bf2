// Event count (INV-36): the event number of a mapped device rises by one for each cause, and for
// nothing else. Causes: a snapshot of it became invalid, it was renamed; and with D8 a snapshot
// overflowed, a merge ended, a merge failed.
//
// The causes are the engine's own typed events, so that a merge that fails twice is counted twice;
// and each edge from valid to invalid, or to overflowed, that a user could see (snapshot_edges.h)
// must have had its event: an engine that forgets both is caught too.
#pragma once

#include "world/checkers/growing.h"
#include "world/checkers/oracle.h"
#include "world/checkers/snapshot_edges.h"

namespace cowlab {

class EventCount final : public Oracle, public SnapshotEdges::Listener {
  public:
    explicit EventCount(const OracleContext& context) : Oracle(context, "events") {}

    void engine_event(const Event& event);
    void devices_changed();
    void power_lost() { count_ = 0; }
    void after_step(const Step& step);

    // SnapshotEdges::Listener
    void first_seen(FollowedSnapshot&) override {}
    void became_invalid(FollowedSnapshot& f) override;
    void became_overflowed(FollowedSnapshot& f) override;

  private:
    static constexpr std::uint32_t devices_max = 48;
    struct Counts {
        DeviceNumber device;
        std::uint32_t name = 0;  // hashed
        std::uint64_t causes = 0;
        std::uint64_t raised = 0;
        std::uint32_t invalidations = 0;  // told, and seen
        std::uint32_t invalid_edges = 0;
        std::uint32_t overflows = 0;
        std::uint32_t overflow_edges = 0;
    };
    Counts* of(DeviceNumber device);
    const MappedDevice* find(DeviceNumber device) const;

    Growing<Counts> devices_;
    std::uint32_t count_ = 0;
};

}  // namespace cowlab
