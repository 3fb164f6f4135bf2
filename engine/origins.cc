#include "engine/origins.h"

#include "engine/snapshot.h"
#include "engine/snapshot_origin.h"

namespace cowlab {

// ---- The lock ---------------------------------------------------------------------------------

void Origins::read_lock() {
    while (writer_) writer_gone_.wait(engine_.executor);
    ++readers_;
}

void Origins::read_unlock() {
    CHECK(readers_ > 0, "the origins lock is released by a reader");
    if (--readers_ == 0) readers_gone_.wake_all(engine_.executor);
}

void Origins::write_lock() {
    while (writer_ || readers_ > 0) {
        if (writer_) {
            writer_gone_.wait(engine_.executor);
        } else {
            readers_gone_.wait(engine_.executor);
        }
    }
    writer_ = true;
}

void Origins::write_unlock() {
    CHECK(writer_, "the origins lock is released by the writer");
    writer_ = false;
    writer_gone_.wake_all(engine_.executor);
}

// ---- The registry -----------------------------------------------------------------------------

Origins::Origin* Origins::find(DeviceNumber number) const {
    for (Origin& o : origins_) {
        if (o.number == number) return &o;
    }
    return nullptr;
}

CowSharers Origins::sharers_of(const Snapshot& snapshot) const {
    CowSharers result;
    const Origin* origin = find(snapshot.origin_number());
    if (origin == nullptr) return result;
    for (Snapshot& s : origin->snapshots) {
        if (s.is_merge()) result.merging = &s;
        if (s.cow_number() != snapshot.cow_number()) continue;
        ++result.count;
        if (s.is_active()) {
            result.source = &s;
        } else {
            result.destination = &s;
        }
    }
    return result;
}

bool Origins::insert(Snapshot& snapshot) {
    Origin* origin = find(snapshot.origin_number());
    if (origin == nullptr) {
        origin = engine_.memory.create<Origin>(MemoryUse::origin);
        if (origin == nullptr) return false;
        origin->number = snapshot.origin_number();
        origins_.push_back(*origin);
    }
    // Before the first with a strictly smaller chunk: stable among equals (I27).
    for (Snapshot& s : origin->snapshots) {
        if (s.chunk_size().sectors() < snapshot.chunk_size().sectors()) {
            origin->snapshots.insert_before(s, snapshot);
            return true;
        }
    }
    origin->snapshots.push_back(snapshot);
    return true;
}

void Origins::remove(Snapshot& snapshot) {
    static_cast<ListNode<OriginListTag>&>(snapshot).unlink();
    Origin* origin = find(snapshot.origin_number());
    if (!origin->snapshots.empty()) return;
    static_cast<ListNode<>*>(origin)->unlink();
    engine_.memory.destroy(origin, MemoryUse::origin);
}

void Origins::reinsert(Snapshot& snapshot) {
    static_cast<ListNode<OriginListTag>&>(snapshot).unlink();
    CHECK(insert(snapshot), "the entry of a registered origin exists");
}

void Origins::insert_origin_target(SnapshotOrigin& target) { live_origins_.push_back(target); }

void Origins::remove_origin_target(SnapshotOrigin& target) {
    static_cast<ListNode<LiveOriginTag>&>(target).unlink();
}

SnapshotOrigin* Origins::live_origin(DeviceNumber origin) const {
    for (SnapshotOrigin& t : live_origins_) {
        if (t.origin_number() == origin) return &t;
    }
    return nullptr;
}

Sectors Origins::minimum_chunk_size(DeviceNumber number) const {
    Sectors smallest{std::uint64_t{1} << 31};
    if (const Origin* origin = find(number); origin != nullptr) {
        for (const Snapshot& s : origin->snapshots) {
            // Size 0 is a handed-over source or a waiting destination; taking it for the minimum
            // would make a merge step by nothing (B43).
            if (s.chunk_size().is_set()) smallest = min(smallest, s.chunk_size().sectors());
        }
    }
    return smallest;
}

// ---- The walk (spec §6.3) ---------------------------------------------------------------------

// A look that changes nothing: may the write go on as things are? It costs lookups, no fiber.
bool Origins::nothing_to_do(const Origin& origin, Sectors sector) const {
    for (const Snapshot& s : origin.snapshots) {
        if (s.is_merge()) continue;
        if (s.invalidating_) return false;
        if (!s.is_valid()) continue;
        if (!s.is_active() || sector >= s.protected_size()) continue;
        const ChunkIndex chunk = s.chunk_size().chunk_floor(sector);
        if (s.pending_.find(chunk.value) != nullptr || !s.completed_->contains(chunk)) return false;
    }
    return true;
}

Snapshot* Origins::crowded(const Origin& origin) const {
    for (Snapshot& s : origin.snapshots) {
        if (s.copies_in_progress_ > engine_.limits.copies_per_snapshot_max) return &s;
    }
    return nullptr;
}

WalkResult Origins::walk(DeviceNumber number, Sectors sector, TargetBio* bio, MapMay may,
                         Door door) {
    const Origin* origin = find(number);
    if (origin == nullptr) return WalkResult::nothing_needed;
    if (!writer_ && nothing_to_do(*origin, sector)) {
        engine_.mark(Mark::walk_nothing);
        return WalkResult::nothing_needed;
    }
    if (may == MapMay::not_wait) return WalkResult::must_wait;
    for (;;) {
        read_lock();
        origin = find(number);  // registrations may have come and gone
        Snapshot* full = origin != nullptr && door == Door::limited ? crowded(*origin) : nullptr;
        if (full == nullptr) break;
        // At the door, and not under the lock: whoever is to make room may need it (B39). The
        // snapshot may be gone when the slot comes, so everything is looked up again.
        engine_.mark(Mark::cow_limit_waits);
        full->pool_.keep_alive();
        read_unlock();
        full->door_.wait(engine_.executor);
        full->pool_.let_go();
    }
    WalkResult result = WalkResult::nothing_needed;
    if (origin != nullptr) result = walk_locked(*origin, sector, bio);
    read_unlock();
    return result;
}

WalkResult Origins::walk_locked(const Origin& origin, Sectors sector, TargetBio* bio) {
    WalkResult result = WalkResult::nothing_needed;
    PendingException* start_last = nullptr;
    bool is_queued = false;
    for (Snapshot& s : origin.snapshots) {
        if (s.is_merge()) {
            engine_.mark(Mark::walk_skips_merging);
            continue;
        }
        s.wait_while_invalidating();
        if (!s.is_valid()) {
            engine_.mark(Mark::walk_skips_dead);
            continue;
        }
        if (!s.is_active()) {
            engine_.mark(Mark::walk_skips_inactive);
            continue;
        }
        if (sector >= s.protected_size()) {
            engine_.mark(Mark::walk_skips_beyond);
            continue;
        }
        const ChunkIndex chunk = s.chunk_size().chunk_floor(sector);
        PendingException* e = nullptr;
        const Snapshot::Found found = s.find_or_prepare(chunk, Snapshot::ForWhom::origin_write, e);
        if (found == Snapshot::Found::no_space) {
            engine_.mark(Mark::walk_no_space);
            s.invalidate(Snapshot::Cause::no_space);
        } else if (found == Snapshot::Found::dead) {
            s.wait_while_invalidating();
        }
        if (found != Snapshot::Found::pending) continue;

        result = WalkResult::queued;
        if (bio != nullptr && !is_queued) {
            // On one exception only: when it is done the whole walk is repeated. Its own copy is
            // started last, when no other snapshot's can be forgotten any more.
            engine_.mark(Mark::walk_queued);
            is_queued = true;
            e->origin_bios.push_back(*bio);
            if (!e->started) {
                e->started = true;
                start_last = e;
            }
        } else if (!e->started) {
            engine_.mark(Mark::walk_starts_other);
            e->started = true;
            s.start_copy(*e);
        }
    }
    if (start_last != nullptr) start_last->snapshot->start_copy(*start_last);
    return result;
}

void Origins::exception_done() {
    ++exceptions_done_;
    done_waiters_.wake_all(engine_.executor);
}

void Origins::wait_for_exception_done(std::uint64_t seen) {
    while (exceptions_done_ == seen) done_waiters_.wait(engine_.executor);
}

}  // namespace cowlab
