#include "engine/snapshot.h"

#include "engine/snapshot_arguments.h"
#include "engine/snapshot_origin.h"
#include "engine/words.h"

namespace cowlab {

Snapshot::Snapshot(const TargetContext& context, BlockDevice& origin, BlockDevice& cow,
                   ExceptionStore* store, bool po, SnapshotFeatures features)
    : Target(context.engine, context.device, context.begin, context.length),
      origin_(&origin),
      cow_(&cow),
      store_(store),
      supports_overflow_(po),
      features_(features),
      copier_(context.engine),
      pool_(context.engine),
      pending_(context.engine.memory),
      parked_(context.engine.memory) {}

void Snapshot::log(std::string_view text) {
    Text<160> line;
    line << "device-mapper: snapshots: " << text;
    engine_.events.log(line.view());
}

Sectors Snapshot::protected_size() const { return device_.capacity(); }

// ---- Mapping (spec §6.1) ----------------------------------------------------------------------

void Snapshot::remap_to_cow(TargetBio& bio, ChunkIndex new_chunk) const {
    const ChunkSize c = chunk_size();
    bio.start = c.start_of(new_chunk) + c.offset_in_chunk(bio.start);
    bio.destination = cow_;
}

MapResult Snapshot::map(TargetBio& bio, MapMay may) {
    if (bio.op == Op::flush) {
        // Only the COW device: nothing the snapshot wrote lives on the origin.
        engine_.mark(Mark::snapshot_flush_to_cow);
        bio.destination = cow_;
        return MapResult::remapped;
    }
    const bool is_write = bio.op != Op::read;
    if (is_write && valid_ && !pass_door(may)) return MapResult::must_wait;
    if (invalidating_) {
        // Nobody is told before the header says so on the medium (I25).
        if (may == MapMay::not_wait) return MapResult::must_wait;
        wait_while_invalidating();
    }
    if (!valid_) {
        engine_.mark(Mark::snapshot_invalid_eio);
        return fail(bio);
    }
    if (is_write && overflowed_) {
        engine_.mark(Mark::snapshot_overflowed_write_eio);
        return fail(bio);
    }
    const ChunkIndex chunk = chunk_size().chunk_floor(bio.start);
    if (bio.op == Op::discard) return map_discard(bio, chunk);
    if (const auto new_chunk = completed_->lookup(chunk)) {
        engine_.mark(Mark::snapshot_remapped);
        remap_to_cow(bio, *new_chunk);
        return MapResult::remapped;
    }
    if (bio.op == Op::read) {
        engine_.mark(Mark::snapshot_read_tracked);
        bio.destination = origin_;
        tracked_.track(bio, chunk);
        return MapResult::remapped;
    }
    return may == MapMay::wait ? map_write(bio, chunk) : MapResult::must_wait;
}

// The door (D7): new writes wait here while too many copies are under way; nothing is held.
bool Snapshot::pass_door(MapMay may) {
    while (copies_in_progress_ > engine_.limits.copies_per_snapshot_max) {
        if (may == MapMay::not_wait) return false;
        engine_.mark(Mark::cow_limit_waits);
        door_.wait(engine_.executor);
    }
    return true;
}

MapResult Snapshot::map_write(TargetBio& bio, ChunkIndex chunk) {
    PendingException* e = nullptr;
    switch (find_or_prepare(chunk, ForWhom::snapshot_write, e)) {
        case Found::dead: wait_while_invalidating(); return fail(bio);
        case Found::no_space:
            if (supports_overflow_) {
                overflow();
            } else {
                engine_.mark(Mark::snapshot_no_space_invalid);
                invalidate(Cause::no_space);
            }
            return fail(bio);
        case Found::completed:
            remap_to_cow(bio, *completed_->lookup(chunk));
            return MapResult::remapped;
        case Found::pending: break;
    }
    const bool whole_chunk = bio.length == chunk_size().sectors();
    remap_to_cow(bio, e->new_chunk);
    if (!e->started && whole_chunk) {
        engine_.mark(Mark::snapshot_full_bio);
        e->started = true;
        start_full_bio(*e, bio);
        return MapResult::submitted;
    }
    engine_.mark(e->started ? Mark::snapshot_write_joins : Mark::snapshot_write_queued);
    e->snapshot_bios.push_back(bio);
    if (!e->started) {
        e->started = true;
        start_copy(*e);
    }
    return MapResult::submitted;
}

// The window of hazard H1: while the exception is allocated anything may happen to the chunk, so
// everything is looked at again (B18).
Snapshot::Found Snapshot::find_or_prepare(ChunkIndex chunk, ForWhom whom, PendingException*& out) {
    const bool for_origin = whom == ForWhom::origin_write;
    out = pending_.find(chunk.value);
    if (out != nullptr) {
        if (for_origin) engine_.mark(Mark::walk_joins_pending);
        return Found::pending;
    }
    if (for_origin && completed_->contains(chunk)) {
        engine_.mark(Mark::walk_already_copied);
        return Found::completed;
    }
    PendingException& fresh = pool_.allocate(*this);
    const NoYield no_yield(engine_.executor);
    if (!valid_ || invalidating_ || (overflowed_ && !for_origin)) {
        engine_.mark(for_origin ? Mark::walk_recheck_invalid : Mark::snapshot_recheck_dead);
        pool_.free(fresh);
        return Found::dead;
    }
    // Pending first: "completed and pending" is a copy whose readers are still draining, and an
    // origin write must wait for those (D6). A snapshot write may go to the copy at once.
    out = pending_.find(chunk.value);
    if (out != nullptr && (for_origin || !completed_->contains(chunk))) {
        engine_.mark(for_origin ? Mark::walk_recheck_pending : Mark::snapshot_recheck_pending);
        pool_.free(fresh);
        return Found::pending;
    }
    if (completed_->contains(chunk)) {
        engine_.mark(for_origin ? Mark::walk_recheck_completed : Mark::snapshot_recheck_completed);
        pool_.free(fresh);
        return Found::completed;
    }
    fresh.old_chunk = chunk;
    fresh.committed = &Snapshot::exception_committed;
    if (!store_->prepare_exception(fresh)) {
        pool_.free(fresh);
        return Found::no_space;
    }
    engine_.mark(for_origin ? Mark::walk_prepared : Mark::snapshot_prepared);
    fresh.sequence = start_sequence_++;
    CHECK(pending_.find(chunk.value) == nullptr, "INV-1: one pending exception a chunk");
    pending_.insert(fresh);
    engine_.events.event({EventKind::exception_prepared, device_.number(), chunk.value,
                          fresh.new_chunk.value, fresh.sequence});
    out = &fresh;
    return Found::pending;
}

// Spec §18.9: handled by the chunk of its first sector, never allocating.
MapResult Snapshot::map_discard(TargetBio& bio, ChunkIndex chunk) {
    if (features_.discard_passdown_origin && bio.copy_number == 1) {
        engine_.mark(Mark::discard_to_origin);
        bio.purpose = Purpose::discard;
        bio.destination = origin_;
        tracked_.track(bio, chunk);
        return MapResult::remapped;
    }
    const auto new_chunk = completed_->lookup(chunk);
    if (!new_chunk) {
        engine_.mark(Mark::discard_unmapped);
        engine_.complete_later(bio, Errc::ok);
        return MapResult::submitted;
    }
    remap_to_cow(bio, *new_chunk);
    bio.purpose = Purpose::discard;
    if (bio.length != chunk_size().sectors()) {
        engine_.mark(Mark::discard_passed);
        return MapResult::remapped;
    }
    auto* job = engine_.memory.create_reserved<CopyJob>(MemoryUse::copy_job);
    engine_.mark(Mark::discard_zeroes);
    job->destination = cow_;
    job->destination_start = bio.start;
    job->length = bio.length;
    job->write_purpose = Purpose::chunk_zeroing;
    job->owner = &bio;
    job->done = &Snapshot::zeroing_done;
    copier_.copy(*job);
    return MapResult::submitted;
}

void Snapshot::zeroing_done(CopyJob& job) {
    auto& bio = *static_cast<TargetBio*>(job.owner);
    auto& self = *static_cast<Snapshot*>(bio.target);
    const bool failed = job.failed();
    self.engine_.memory.destroy(&job, MemoryUse::copy_job);
    self.engine_.complete_later(bio, failed ? Errc::eio : Errc::ok);
}

Sectors Snapshot::discard_length_max() const {
    return discard_copies() > 0 ? chunk_size().sectors() : Sectors{0};
}

std::uint8_t Snapshot::discard_copies() const {
    if (!features_.discard_zeroes_cow) return 0;
    return features_.discard_passdown_origin ? 2 : 1;
}

void Snapshot::end_io(TargetBio& bio) {
    if (!tracked_.untrack(engine_.executor, bio)) return;
    engine_.mark(Mark::untracked);
    if (bio.op == Op::read && !valid_ && engine_.policy.d16_late_reads_fail) {
        // The snapshot died while this read was under way; origin writes no longer waited for it,
        // so it may have read what came after.
        engine_.deviate(device_.number(), 16);
        bio.status = Errc::eio;
    }
}

// ---- The life of an exception (spec §7) -------------------------------------------------------

void Snapshot::start_copy(PendingException& e) {
    const ChunkSize c = chunk_size();
    const Sectors start = c.start_of(e.old_chunk);
    const Sectors origin_size = origin_->capacity();
    CopyJob& job = e.job;
    job.source = origin_;
    job.source_start = start;
    job.destination = cow_;
    job.destination_start = c.start_of(e.new_chunk);
    job.length = start < origin_size ? min(c.sectors(), origin_size - start) : Sectors{0};
    if (job.length < c.sectors()) engine_.mark(Mark::copy_clipped);
    job.owner = &e;
    job.done = &Snapshot::copy_done;
    ++copies_in_progress_;
    copier_.copy(job);
}

// The whole chunk is written anyway: nothing to copy. Its end goes through the copier's line of
// callbacks, so that all completions of a snapshot are serial.
void Snapshot::start_full_bio(PendingException& e, TargetBio& bio) {
    e.full_bio = &bio;
    e.full_bio_done = bio.done;
    e.job.owner = &e;
    e.job.done = &Snapshot::copy_done;
    ++copies_in_progress_;
    copier_.begin_external();
    bio.owner = &e;
    bio.done = &Snapshot::full_bio_done;
    bio.purpose = Purpose::full_write;
    cow_->submit(bio);
}

void Snapshot::full_bio_done(Bio& bio) {
    auto& e = *static_cast<PendingException*>(bio.owner);
    e.job.write_error = bio.status != Errc::ok;
    e.snapshot->copier_.finish_external(e.job);
}

void Snapshot::copy_done(CopyJob& job) {
    auto& e = *static_cast<PendingException*>(job.owner);
    Snapshot& self = *e.snapshot;
    e.copy_error = job.failed();
    if (e.copy_error) self.engine_.mark(Mark::copy_failed);
    self.commit_in_order(e);
    self.end_copy();
}

void Snapshot::end_copy() {
    CHECK(copies_in_progress_ > 0, "INV-5: copies under way are counted");
    --copies_in_progress_;
    if (copies_in_progress_ <= engine_.limits.copies_per_snapshot_max)
        door_.wake_all(engine_.executor);
}

// Commits happen in the order of preparation (I6), whatever order the copies end in: after a crash
// the records that load are then a prefix, and no space is lost behind a hole (B32).
void Snapshot::commit_in_order(PendingException& e) {
    if (e.sequence != complete_sequence_) {
        engine_.mark(Mark::parked_out_of_order);
        parked_.insert(e);
        return;
    }
    PendingException* next = &e;
    while (next != nullptr) {
        ++complete_sequence_;
        CHECK(complete_sequence_ <= start_sequence_, "INV-6: only what was prepared is committed");
        engine_.events.event({EventKind::exception_committed, device_.number(),
                              next->old_chunk.value, next->new_chunk.value,
                              next->copy_error ? 0u : 1u});
        store_->commit_exception(*next, !next->copy_error);
        parked_.expect(complete_sequence_ + 8);
        next = parked_.find(complete_sequence_);
        if (next != nullptr) {
            parked_.remove(*next);
            engine_.mark(Mark::unparked);
        }
    }
}

void Snapshot::exception_committed(StoredException& stored, bool ok) {
    auto& e = static_cast<PendingException&>(stored);
    e.snapshot->finish(e, ok);
}

// True if the exception is in the completed table afterwards.
bool Snapshot::complete_exception(PendingException& e) {
    if (!valid_ || invalidating_) {
        engine_.mark(Mark::finish_on_invalid);
        wait_while_invalidating();
        return false;
    }
    const std::uint64_t runs = completed_->run_count();
    CHECK(!completed_->contains(e.old_chunk), "INV-1: one completed exception a chunk");
    if (completed_->insert(e.old_chunk, e.new_chunk) != Errc::ok) {
        engine_.mark(Mark::finish_no_memory);
        invalidate(Cause::no_space);
        return false;
    }
    if (completed_->run_count() == runs) engine_.mark(Mark::run_extended);
    return true;
}

void Snapshot::finish(PendingException& e, bool ok) {
    if (!ok) {
        engine_.mark(Mark::finish_error);
        invalidate(Cause::io_error);
    }
    ok = ok && complete_exception(e);
    if (ok && tracked_.is_tracked(e.old_chunk)) {
        // New reads find the copy; the old ones must be off the origin before it may change (I17).
        engine_.mark(Mark::waits_for_readers);
        tracked_.wait_until_untracked(engine_.executor, e.old_chunk);
    }
    pending_.remove(e);
    List<Bio> snapshot_bios;
    List<Bio> origin_bios;
    snapshot_bios.splice_back(e.snapshot_bios);
    origin_bios.splice_back(e.origin_bios);
    engine_.events.event({EventKind::exception_completed, device_.number(), e.old_chunk.value,
                          e.new_chunk.value, ok ? 1u : 0u});
    engine_.origins.exception_done();

    if (TargetBio* full = e.full_bio; full != nullptr) {
        engine_.mark(Mark::finish_full_bio);
        full->done = e.full_bio_done;
        const Errc status = full->status;
        engine_.complete_later(*full, ok ? status : Errc::eio);
    }
    while (!snapshot_bios.empty()) {
        Bio& bio = snapshot_bios.pop_front();
        if (ok) {
            engine_.mark(Mark::finish_submits_queue);
            cow_->submit(bio);
        } else {
            engine_.complete_later(bio, Errc::eio);
        }
    }
    release_origin_bios(origin_bios);
    pool_.free(e);  // last: the destructor waits for it (B35)
}

// Success or failure, origin writes walk again: they reach the origin when no snapshot needs
// anything any more (spec §6.3).
void Snapshot::release_origin_bios(List<Bio>& bios) {
    while (!bios.empty()) {
        auto& bio = static_cast<TargetBio&>(bios.pop_front());
        const DeviceNumber origin = origin_number();
        const WalkResult r =
            engine_.origins.walk(origin, bio.start, &bio, MapMay::wait, Origins::Door::open);
        if (r == WalkResult::queued) {
            engine_.mark(Mark::walk_again_queued);
        } else {
            engine_.mark(Mark::finish_releases_origin);
            origin_->submit(bio);
        }
    }
}

// ---- Overflow and invalidation (spec §6.1.6b, §7) ---------------------------------------------

void Snapshot::overflow() {
    engine_.mark(Mark::snapshot_overflow);
    if (overflowed_) return;
    log("Snapshot overflowed: Unable to allocate exception.");
    overflowed_ = true;
    cow_size_at_overflow_ = cow_->capacity();
    engine_.events.event({EventKind::snapshot_overflowed, device_.number()});
    if (engine_.policy.d8_more_events) {
        engine_.deviate(device_.number(), 8);
        device_.raise_event();
    }
}

void Snapshot::clear_overflow_if_grown() {
    if (!overflowed_ || !engine_.policy.d12_overflow_clears) return;
    if (cow_->capacity() <= cow_size_at_overflow_) return;
    engine_.deviate(device_.number(), 12);
    overflowed_ = false;
}

void Snapshot::devices_resized() { clear_overflow_if_grown(); }

void Snapshot::wait_while_invalidating() {
    while (invalidating_) invalidated_.wait(engine_.executor);
}

void Snapshot::invalidate(Cause cause) {
    if (!valid_) return;
    if (invalidating_) {
        // Somebody else is at it: an origin write may go on only when the header is written.
        wait_while_invalidating();
        return;
    }
    invalidating_ = true;
    engine_.mark(Mark::invalidated);
    log(cause == Cause::io_error ? "Invalidating snapshot: Error reading/writing."
                                 : "Invalidating snapshot: Unable to allocate exception.");
    engine_.events.event(
        {EventKind::snapshot_invalidated, device_.number(), static_cast<std::uint64_t>(cause)});
    store_->drop_snapshot();
    valid_ = false;
    invalidating_ = false;
    invalidated_.wake_all(engine_.executor);
    device_.raise_event();
}

// ---- Status (spec §3.4) -----------------------------------------------------------------------

void Snapshot::status(StatusKind kind, TextSink& out) const {
    if (kind == StatusKind::table) {
        out << words::device(*origin_) << " " << words::device(*cow_) << " " << store_->letter();
        if (store_->letter() == 'P' && supports_overflow_) out << "O";
        out << " " << chunk_size().sectors().value;
        const int count =
            (features_.discard_zeroes_cow ? 1 : 0) + (features_.discard_passdown_origin ? 1 : 0);
        if (count > 0) {
            out << " " << count;
            if (features_.discard_zeroes_cow) out << " discard_zeroes_cow";
            if (features_.discard_passdown_origin) out << " discard_passdown_origin";
        }
        return;
    }
    if (!valid_) {
        out << "Invalid";
    } else if (merge_failed_) {
        out << "Merge failed";
    } else if (overflowed_) {
        out << "Overflow";
    } else {
        const StoreUsage u = store_->usage();
        out << u.allocated.value << "/" << u.total.value << " " << u.metadata.value;
    }
}

void Snapshot::for_each_device(DeviceVisitor& visitor) const {
    visitor.visit(*origin_, {0}, length_);
    visitor.visit(*cow_, {0}, cow_->capacity());
}

// ---- Construction and destruction (spec §3.2, §4) ---------------------------------------------

Constructed construct_snapshot(const TargetContext& context) {
    return SnapshotBuilder::build<Snapshot>(context);
}

Constructed Snapshot::open_store() {
    const auto failed = [this](Errc e, std::string_view message, bool registered) {
        tear_down(registered);
        return Constructed::failed(e, message);
    };
    completed_ = engine_.memory.create<ExceptionTable>(MemoryUse::exception_table, engine_.memory);
    if (completed_ == nullptr) {
        return failed(Errc::enomem, "Unable to allocate hash table space", false);
    }
    if (pool_.reserve(engine_.limits.pending_reserve) != Errc::ok) {
        return failed(Errc::enomem, "Could not allocate mempool for pending exceptions", false);
    }
    Origins& origins = engine_.origins;
    origins.write_lock();
    const CowSharers sharers = origins.sharers_of(*this);
    std::string_view problem;
    bool destination = false;
    if (sharers.count == 2 || sharers.destination != nullptr) {
        problem = "Snapshot cow pairing for exception table handover failed";
    } else if (sharers.source != nullptr && !is_merge()) {
        destination = true;
    } else if (is_merge() && !store_->can_merge()) {
        problem = "Snapshot exception store does not support snapshot-merge.";
    } else if (is_merge() && sharers.merging != nullptr &&
               (sharers.source != nullptr || engine_.policy.d5_one_merge_per_origin)) {
        if (sharers.source == nullptr) engine_.deviate(device_.number(), 5);
        problem = "A snapshot is already merging.";
    } else if (sharers.source != nullptr) {
        if (!sharers.source->store_->can_merge()) {
            problem = "Snapshot exception store does not support snapshot-merge.";
        }
        destination = true;
    }
    if (!problem.empty()) {
        origins.write_unlock();
        return failed(Errc::einval, problem, false);
    }
    // A waiting destination has no chunk size of its own: it will get the source's store.
    if (destination) store_->set_chunk_size({});
    const bool inserted = origins.insert(*this);
    origins.write_unlock();
    if (!inserted) return failed(Errc::enomem, "Snapshot origin struct allocation failed", false);
    if (destination) return {this, Errc::ok, {}};

    struct Load final : LoadVisitor {
        explicit Load(ExceptionTable& t) : table(t) {}
        Errc loaded(ChunkIndex o, ChunkIndex n) override { return table.insert(o, n); }
        bool is_duplicate(ChunkIndex o) const override { return table.contains(o); }
        void expect(ChunkIndex o, unsigned step) const override { table.expect(o, step); }
        ExceptionTable& table;
    };
    Load load(*completed_);
    Errc error = Errc::ok;
    switch (store_->read_metadata(load, error)) {
        case LoadResult::failed: return failed(error, "Failed to read snapshot metadata", true);
        case LoadResult::invalid:
            valid_ = false;
            log("Snapshot is marked invalid.");
            break;
        case LoadResult::ok: break;
    }
    if (!chunk_size().is_set()) return failed(Errc::einval, "Chunk size not set", true);
    if (begin_.value % chunk_size().sectors().value != 0 && engine_.policy.d14_start_aligned) {
        engine_.deviate(device_.number(), 14);
        return failed(Errc::einval, "Target start is not a multiple of the chunk size", true);
    }
    origins.write_lock();
    origins.reinsert(*this);
    origins.write_unlock();
    max_io_length_ = chunk_size().sectors();
    return {this, Errc::ok, {}};
}

void Snapshot::destroy() {
    Origins& origins = engine_.origins;
    origins.read_lock();
    const CowSharers sharers = origins.sharers_of(*this);
    if (sharers.source == this && sharers.destination != nullptr) {
        engine_.mark(Mark::handover_cancelled);
        sharers.destination->valid_ = false;
        log("Cancelling snapshot handover.");
    }
    origins.read_unlock();
    tear_down(true);
}

void Snapshot::tear_down(bool registered) {
    if (registered) {
        engine_.origins.write_lock();
        engine_.origins.remove(*this);
        engine_.origins.write_unlock();
    }
    pool_.wait_until_none_live();  // no new ones can start: nobody finds this snapshot any more
    copier_.drain();
    CHECK(!tracked_.any(), "INV-20: no bio of a snapshot is in flight when it goes");
    engine_.memory.destroy(completed_, MemoryUse::exception_table);
    completed_ = nullptr;
    store_->destroy();
    free_self();
}

// ---- Resume and handover (spec §4) ------------------------------------------------------------

Errc Snapshot::preresume() { return check_handover_possible(); }

Errc Snapshot::check_handover_possible() {
    Origins& origins = engine_.origins;
    origins.read_lock();
    const CowSharers sharers = origins.sharers_of(*this);
    Errc result = Errc::ok;
    if (sharers.source != nullptr && sharers.destination != nullptr) {
        if (sharers.source == this) {
            engine_.mark(Mark::handover_vetoed_source);
            log("Unable to resume snapshot source until handover completes.");
            result = Errc::einval;
        } else if (!sharers.source->device_.is_suspended()) {
            engine_.mark(Mark::handover_vetoed_destination);
            log("Unable to perform snapshot handover until source is suspended.");
            result = Errc::einval;
        }
    }
    origins.read_unlock();
    return result;
}

void Snapshot::resume() { resume_snapshot(); }

// Whoever owns the origin's writes is quiet while exceptions change hands: a pending exception
// would go on referring to the snapshot whose store has moved away (B33).
void Snapshot::resume_snapshot() {
    Origins& origins = engine_.origins;
    origins.read_lock();
    MappedDevice* owner = nullptr;
    Snapshot* merging = nullptr;
    if (SnapshotOrigin* live = origins.live_origin(origin_number()); live != nullptr) {
        owner = &live->device();
    } else if (merging = origins.sharers_of(*this).merging; merging != nullptr) {
        owner = &merging->device_;
    }
    if (owner == &device_) owner = nullptr;
    if (owner != nullptr) owner->pin();
    origins.read_unlock();

    bool restart_merge = false;
    if (owner != nullptr) {
        engine_.mark(Mark::resume_suspends_origin);
        owner->internal_suspend();
        if (merging != nullptr && merging->merge_is_running()) {
            engine_.mark(Mark::resume_stops_merge);
            restart_merge = true;
            merging->stop_merge();
        }
    }

    origins.read_lock();
    const CowSharers sharers = origins.sharers_of(*this);
    origins.read_unlock();
    if (sharers.source != nullptr && sharers.destination == this) {
        // Quiet devices are not enough: an exception of a source that died is waited for by no
        // origin write any more, and may still be on its way.
        sharers.source->pool_.wait_until_none_live();
        handover_from(*sharers.source);
    }

    // Active before anybody writes to the origin again: a write, or the run a merge picks as it is
    // restarted, would find a snapshot that is not protected yet. Linux resumes the other device
    // first (D17).
    const bool active_first = engine_.policy.d17_active_before_origin;
    if (active_first) become_active();
    if (owner != nullptr) {
        if (restart_merge) {
            if (active_first) engine_.deviate(device_.number(), 17);
            merging->start_merge();
        }
        owner->internal_resume();
        owner->unpin();
    }
    if (!active_first) become_active();
    clear_overflow_if_grown();
}

void Snapshot::become_active() {
    Origins& origins = engine_.origins;
    origins.write_lock();
    origins.reinsert(*this);  // its chunk size is known now
    active_ = true;
    origins.write_unlock();
}

// The store and the completed exceptions change hands; pending exceptions, sequence numbers and
// tracked chunks do not, which is why the devices are suspended: there are none (I26).
void Snapshot::handover_from(Snapshot& source) {
    const NoYield no_yield(engine_.executor);
    engine_.mark(Mark::handover_done);
    CHECK(source.pending_.size() == 0,
          "INV-26: a handover finds no pending exception in the source");
    CHECK(pending_.size() == 0, "INV-26: … nor in the destination");
    CHECK(!source.tracked_.any(), "INV-26: … nor a tracked chunk");
    CHECK(source.merging_chunks_ == 0, "INV-26: … nor a merge under way");
    std::swap(completed_, source.completed_);
    std::swap(store_, source.store_);
    store_->set_owner(device_.number(), *cow_);
    source.store_->set_owner(source.device_.number(), *source.cow_);
    valid_ = source.valid_;
    overflowed_ = source.overflowed_;
    cow_size_at_overflow_ = source.cow_size_at_overflow_;
    max_io_length_ = chunk_size().sectors();
    source.valid_ = false;
    source.supports_overflow_ = supports_overflow_;  // it holds the destination's unused store now
    engine_.events.event({EventKind::handover, device_.number(), source.device_.number().minor,
                          device_.number().minor});
}

}  // namespace cowlab
