// The registry of origins: which snapshots share an origin device, and who writes to it (spec §4).
//
// The lock: walks are readers and may wait inside; registration is the writer. Readers do not queue
// behind a waiting writer, because a finished exception walks again (H15): with a writer in
// between, the walk that waits for that exception would never end (B39).
#pragma once

#include "base/intrusive_list.h"
#include "base/units.h"
#include "engine/port/executor.h"

namespace cowlab {

struct Engine;
class Snapshot;
class SnapshotOrigin;
class MappedDevice;
class BlockDevice;
struct TargetBio;
enum class MapMay : std::uint8_t;
struct OriginListTag;
struct LiveOriginTag;

enum class WalkResult : std::uint8_t {
    nothing_needed,  // every snapshot has its copy: the write may go on
    queued,          // the bio waits on a pending exception and will walk again
    must_wait,       // nothing was done: call again where waiting is allowed
};

// Who shares a COW device with a snapshot, on the same origin (spec §4, the scan).
struct CowSharers {
    unsigned count = 0;
    Snapshot* source = nullptr;       // active
    Snapshot* destination = nullptr;  // loaded, not resumed yet
    Snapshot* merging = nullptr;      // any merge on the origin, whatever its COW device
};

class Origins {
  public:
    explicit Origins(Engine& engine) : engine_(engine) {}
    ~Origins() { CHECK(origins_.empty(), "every snapshot has left before its engine goes"); }
    Origins(const Origins&) = delete;

    // Readers and the writer. Fiber.
    void read_lock();
    void read_unlock();
    void write_lock();
    void write_unlock();

    CowSharers sharers_of(const Snapshot& snapshot) const;
    // enomem: no room for the origin's entry. Writer.
    [[nodiscard]] bool insert(Snapshot& snapshot);
    void remove(Snapshot& snapshot);
    // To its place in list order: its chunk size is known now.
    void reinsert(Snapshot& snapshot);

    // Writer. The target that owns the writes to an origin device while it is live.
    void insert_origin_target(SnapshotOrigin& target);
    void remove_origin_target(SnapshotOrigin& target);
    SnapshotOrigin* live_origin(DeviceNumber origin) const;

    // The smallest chunk of the snapshots of an origin, handed-over and waiting ones (size 0) left
    // out; 2^31 sectors if there is none.
    Sectors minimum_chunk_size(DeviceNumber origin) const;

    // Makes every snapshot of `origin` keep its old data before a write to `sector` (spec §6.3).
    // `bio` waits on one pending exception and walks again by itself when that is done; with
    // nullptr (a merge) nothing is queued and `queued` means "not all are protected yet".
    // `limited`: waits at the door while too many copies are under way (D7).
    enum class Door : std::uint8_t { limited, open };
    WalkResult walk(DeviceNumber origin, Sectors sector, TargetBio* bio, MapMay may, Door door);

    // Read-only inspection: every registered snapshot.
    template <class F>
    void for_each_snapshot(F&& visit) const {
        for (const Origin& o : origins_) {
            for (const Snapshot& s : o.snapshots) visit(s);
        }
    }

    // Bumped whenever a pending exception has left its table; mergers wait for it (I35).
    std::uint64_t exceptions_done() const { return exceptions_done_; }
    void exception_done();
    void wait_for_exception_done(std::uint64_t seen);

  private:
    // An origin device with at least one snapshot; snapshots in descending order of chunk size.
    struct Origin : ListNode<> {
        DeviceNumber number;
        List<Snapshot, OriginListTag> snapshots;
    };
    Origin* find(DeviceNumber number) const;
    bool nothing_to_do(const Origin& origin, Sectors sector) const;
    Snapshot* crowded(const Origin& origin) const;
    WalkResult walk_locked(const Origin& origin, Sectors sector, TargetBio* bio);

    Engine& engine_;
    List<Origin> origins_;
    List<SnapshotOrigin, LiveOriginTag> live_origins_;
    std::uint32_t readers_ = 0;
    bool writer_ = false;
    WaitQueue readers_gone_;
    WaitQueue writer_gone_;
    std::uint64_t exceptions_done_ = 0;
    WaitQueue done_waiters_;
};

}  // namespace cowlab
