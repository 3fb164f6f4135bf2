// The ordering monitor: looks at every request at the port of the disks, as it is issued.
//
//   INV-2   data is written to data chunks that no record names, inside C
//   INV-6   records appear in the order of allocation
//   INV-9   records are appended where the list ends, and only a merge takes some away
//   INV-10  the next area was zeroed, durably, before an area is filled
//   INV-11  the data that a new record names was completely written, and a flush began after that
//           and has ended, before the record is issued
//   INV-12  nobody uses a record that is not durable: an origin write, a write to its copy
//   INV-13  the header is one of ours; a new store's comes after its zeroed first area (D1)
//   INV-16  a write to O (a user's, a merge's) finds the record of every valid active snapshot
//   INV-17  … and no read of the snapshot's old content in flight
//   INV-25  … or a header that says, durably, that the snapshot is invalid (D2)
//   INV-29  no write to a copy is in flight while the copy is merged
//   INV-30  records are erased when the merged data is on O and a flush that began later has ended
//   INV-31  … from the end
//   INV-32  a write to O finds no record of the merging snapshot left
//   INV-33  a merge writes only where a record is
//
// It trusts no event of the engine: requests, bytes, and which volumes stand where. A store without
// records (transient) is asked where a copy is; that the copy is there is seen here. What a disk
// answered with an error did not happen, and what follows from that is the engine's to know: a
// header that could not be written ends the judgement of its store, an area that could not be
// written changes nothing (the store is invalid, or the merge has failed, before anything else).
#pragma once

#include "world/checkers/growing.h"
#include "world/checkers/oracle.h"
#include "world/checkers/port_ledger.h"

namespace cowlab {

class OrderMonitor final : public Oracle {
  public:
    explicit OrderMonitor(const OracleContext& context) : Oracle(context, "ordering") {}

    void request_issued(std::uint32_t actor, const Bio& bio);
    void request_done(std::uint32_t actor, const Bio& bio);
    void devices_changed();
    void power_lost();
    // Somebody else writes to the disk, or its table is no longer the plain one.
    void disk_tampered(std::uint32_t actor);
    // A user writes to a disk itself: over what a snapshot in use knows, or not.
    void raw_write(std::uint32_t actor, DeviceNumber device);
    // A user's read, while it is under way.
    void user_read_begins(const UserRequest& request);
    void user_read_ended(const UserRequest& request);

  private:
    static constexpr std::uint32_t disks_max = 32;
    static constexpr std::uint32_t in_flight_max = 64;
    struct Flush {
        const Bio* bio;
        DiskLedger* disk;
        WriteTime writes;
    };
    struct Read {
        const void* who;
        std::uint32_t actor;  // of the disk; of user reads: 0
        bool of_snapshot;
        DeviceNumber volume;
        Sectors start;
        Sectors end;
    };
    template <class T>
    struct Few {
        Growing<T> items;
        std::uint32_t count = 0;
        bool overran = false;
        void add(Arena& arena, const T& item) {
            if (count < in_flight_max && items.make_room(arena, count)) {
                items[count++] = item;
            } else {
                overran = true;
            }
        }
        void clear() {
            count = 0;
            overran = false;
        }
    };

    Arena& arena() const { return world().platform().arena(); }
    DiskLedger* disk(std::uint32_t actor);
    DiskLedger* disk(DeviceNumber number);
    StoreLedger* store_of(DiskLedger& cow);
    void close(DiskLedger& cow);
    void flush_issued(DiskLedger& d, const Bio& bio);
    bool flush_done(const Bio& bio);

    void check_header(DiskLedger& d, const Bio& bio);
    void check_zeroing(DiskLedger& d, const Bio& bio);
    void check_area(DiskLedger& d, StoreLedger& s, const Bio& bio);
    void check_new_record(DiskLedger& d, StoreLedger& s, format::Record r);
    void check_erase(StoreLedger& s, DiskLedger& cow, std::uint64_t first, std::uint64_t count);
    void check_copy(StoreLedger& s, const Bio& bio);
    void check_use_of_copy(DiskLedger& d, StoreLedger& s, const Bio& bio);
    void check_origin_write(DiskLedger& d, const Bio& bio);
    void check_protected(const Snapshot& snapshot, DiskLedger& cow, StoreLedger& s, const Bio& bio);
    void check_readers(const Snapshot& snapshot, const DiskLedger& origin, StoreLedger& s,
                       const Bio& bio);
    void check_merging(const Snapshot& snapshot, DiskLedger& cow, StoreLedger& s, const Bio& bio);

    void area_written(DiskLedger& d, StoreLedger& s, const Bio& bio);
    void origin_copied(DiskLedger& origin, const Bio& bio);
    static void forget_merged(StoreLedger& s, ChunkIndex new_chunk);
    void merge_gave_up(DeviceNumber origin);
    void merge_from_gave_up(const DiskLedger& cow);
    bool is_merged(const DiskLedger& cow);
    bool is_merged_onto(const DiskLedger& cow);
    const Snapshot* merging_onto(DeviceNumber origin) const;
    const Snapshot* user_of(const DiskLedger& cow) const;

    DiskLedger* disks_[disks_max] = {};  // they stay where they are
    std::uint32_t disk_count_ = 0;
    Few<Flush> flushes_;
    Few<Read> reads_at_port_;  // forwarded reads of disks that are somebody's origin
    Few<Read> user_reads_;
};

}  // namespace cowlab
