// Atomic units (INV-40): after a power loss each unit of a disk that promises more than a sector
// holds its durable content with the first k of the later writes to it on top, for some k.
//
// A check of what stands below the engine (the simulator; on real disks, the disk): it keeps its
// own list of writes that no flush has covered, from what the port shows, and compares when the
// disks are back. A write that failed may have happened or not: its units are not judged. Only
// disks with a unit of several sectors cost anything.
#pragma once

#include "world/checkers/oracle.h"

namespace cowlab {

class AtomicUnits final : public Oracle {
  public:
    explicit AtomicUnits(const OracleContext& context) : Oracle(context, "atomic") {}

    void request_issued(std::uint32_t actor, const Bio& bio);
    void request_done(std::uint32_t actor, const Bio& bio);
    void power_lost();
    void devices_changed();
    // Written past the port.
    void disk_tampered(std::uint32_t actor);

  private:
    // A write that may be lost, whole units wide.
    struct Write : ListNode<> {
        const Bio* bio = nullptr;  // while in flight
        BaseDisk* disk = nullptr;
        std::uint64_t number = 0;  // in order of completion; in flight: 0
        Sectors start;             // of the first unit
        Sectors length;
        bool failed = false;
        ContentId* below = nullptr;  // what is durable below it
        ContentId* ids = nullptr;    // what it writes
        bool* writes = nullptr;      // … and where; no longer where something newer is durable
    };
    struct Flush : ListNode<> {
        const Bio* bio = nullptr;
        BaseDisk* disk = nullptr;
        std::uint64_t number = 0;
    };

    BaseDisk* disk_with_units(std::uint32_t actor);
    static std::size_t bytes(const Write& w) {
        return sizeof(Write) + w.length.value * (2 * sizeof(ContentId) + sizeof(bool));
    }
    void drop(Write& w);
    void made_durable(Write& w);
    static constexpr std::uint32_t touching_max = 32;  // a unit with more writes is not judged
    void check_unit(const Write& first, Sectors unit);
    bool is_prefix(const Write& first, Sectors unit, const Write* const* writes,
                   std::uint32_t count) const;

    List<Write> writes_;  // in order of issue
    List<Flush> flushes_;
    std::uint64_t completed_ = 0;
    bool lost_power_ = false;
};

}  // namespace cowlab
