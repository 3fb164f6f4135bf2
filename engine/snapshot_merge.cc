#include "engine/snapshot_merge.h"

#include "engine/snapshot_arguments.h"
#include "engine/sync_io.h"

namespace cowlab {

SnapshotMerge::SnapshotMerge(const TargetContext& context, BlockDevice& origin, BlockDevice& cow,
                             ExceptionStore* store, bool po, SnapshotFeatures features)
    : Snapshot(context, origin, cow, store, po, features) {
    task_.self = this;
    task_.run = &SnapshotMerge::run;
}

Constructed construct_snapshot_merge(const TargetContext& context) {
    return SnapshotBuilder::build<SnapshotMerge>(context);
}

// ---- Mapping (spec §6.4) ----------------------------------------------------------------------

MapResult SnapshotMerge::map(TargetBio& bio, MapMay may) {
    if (bio.op == Op::flush) {
        engine_.mark(bio.copy_number == 0 ? Mark::merge_flush_origin : Mark::merge_flush_cow);
        bio.destination = bio.copy_number == 0 ? origin_ : cow_;
        return MapResult::remapped;
    }
    if (bio.op == Op::discard) {
        engine_.mark(Mark::discard_merge);
        engine_.complete_later(bio, Errc::ok);
        return MapResult::submitted;
    }
    const bool is_write = bio.op == Op::write;
    if (!valid_) engine_.mark(Mark::merge_invalid_passes);
    if (valid_) {
        const ChunkIndex chunk = chunk_size().chunk_floor(bio.start);
        if (const auto new_chunk = completed_->lookup(chunk)) {
            const bool in_run = chunk >= merging_first_ && chunk - merging_first_ < merging_chunks_;
            if (is_write && in_run) {
                // It will go to the origin: the run's copy is older than this write.
                engine_.mark(Mark::merge_write_held);
                bio.destination = origin_;
                held_.push_back(bio);
                return MapResult::submitted;
            }
            const bool in_doubt = store_->is_in_doubt() && chunk >= doubtful_first_ &&
                                  chunk - doubtful_first_ < doubtful_chunks_;
            if (is_write && in_doubt) {
                // On the COW device it would be lost with the record, on the origin with the next
                // attempt to merge: it cannot be kept (L11).
                engine_.mark(Mark::merge_write_in_doubt);
                bio.status = Errc::eio;
                return MapResult::failed;
            }
            if (is_write) {
                engine_.mark(Mark::merge_write_tracked);
                tracked_.track(bio, chunk);
            } else {
                engine_.mark(Mark::merge_read_cow);
            }
            remap_to_cow(bio, *new_chunk);
            return MapResult::remapped;
        }
    }
    bio.destination = origin_;
    if (!is_write) {
        engine_.mark(Mark::merge_read_origin);
        return MapResult::remapped;
    }
    switch (engine_.origins.walk(origin_number(), bio.start, &bio, may, Origins::Door::open)) {
        case WalkResult::must_wait: return MapResult::must_wait;
        case WalkResult::queued: engine_.mark(Mark::merge_write_walks); return MapResult::submitted;
        case WalkResult::nothing_needed: break;
    }
    return MapResult::remapped;
}

// The smallest chunk of all snapshots of the origin: a piece then touches one chunk of each.
Sectors SnapshotMerge::max_io_length() const {
    if (!engine_.policy.d15_boundary_current) return minimum_at_resume_;
    return engine_.origins.minimum_chunk_size(origin_number());
}

Sectors SnapshotMerge::step_length() {
    const Sectors now = max_io_length();
    if (now < minimum_at_resume_) engine_.deviate(device_.number(), 15);
    return now;
}

// ---- Starting and stopping --------------------------------------------------------------------

void SnapshotMerge::resume() {
    resume_snapshot();
    minimum_at_resume_ = engine_.origins.minimum_chunk_size(origin_number());
    start_merge();
}

void SnapshotMerge::start_merge() {
    if (running_) return;
    running_ = true;
    starting_ = true;
    engine_.executor.spawn(task_);
    while (starting_) started_.wait(engine_.executor);
}

void SnapshotMerge::first_run_under_way() {
    if (!starting_) return;
    starting_ = false;
    started_.wake_all(engine_.executor);
}

void SnapshotMerge::stop_merge() {
    shutdown_ = true;
    while (running_) stopped_.wait(engine_.executor);
    shutdown_ = false;
}

void SnapshotMerge::destroy() {
    stop_merge();
    Snapshot::destroy();
}

void SnapshotMerge::run(Task& task) {
    SnapshotMerge& self = *static_cast<MergeTask&>(task).self;
    while (self.merge_one_run() == Step::next) {
    }
    CHECK(self.merging_chunks_ == 0, "INV-31: no run is published when the merge stands still");
    self.running_ = false;
    self.first_run_under_way();
    self.stopped_.wake_all(self.engine_.executor);
}

// ---- One run (spec §10) -----------------------------------------------------------------------

SnapshotMerge::Step SnapshotMerge::merge_one_run() {
    if (shutdown_) {
        engine_.mark(Mark::merge_shutdown);
        return Step::stop;
    }
    if (!valid_) {
        engine_.mark(Mark::merge_invalid);
        log("Snapshot is invalid: can't merge");
        return Step::stop;
    }
    const MergeRun run = store_->prepare_merge();
    if (run.error != Errc::ok) {
        return fail("Read error in exception store: shutting down merge");
    }
    if (run.chunks == 0) {
        engine_.mark(Mark::merge_finished);
        engine_.events.event({EventKind::merge_finished, device_.number()});
        if (merge_failed_ && engine_.policy.d11_merge_failure_clears) {
            engine_.deviate(device_.number(), 11);
            merge_failed_ = false;
        }
        if (engine_.policy.d8_more_events) {
            engine_.deviate(device_.number(), 8);
            device_.raise_event();
        }
        return Step::stop;
    }
    const ChunkIndex first_old = run.last_old_chunk - (run.chunks - 1);
    const ChunkIndex first_new = run.last_new_chunk - (run.chunks - 1);
    engine_.events.event({EventKind::merge_run_picked, device_.number(), first_old.value,
                          first_new.value, run.chunks});

    const ChunkSize c = chunk_size();
    const Sectors start = c.start_of(first_old);
    Sectors whole = c.length_of(run.chunks);
    if (whole.value > UINT32_MAX) {  // more than Linux counts in 32 bits (L4)
        if (engine_.policy.d10_merge_length_64) {
            engine_.deviate(device_.number(), 10);
        } else {
            whole = {whole.value & UINT32_MAX};
        }
    }
    Sectors length = whole;
    if (const Sectors size = origin_->capacity(); start < size && length > size - start) {
        engine_.mark(Mark::merge_clipped);
        length = size - start;
    }
    protect_others(start, whole);
    publish_run(first_old, run.chunks);
    drain_writes(first_old, run.chunks);
    if (!copy_run(first_new, start, length)) {
        engine_.mark(Mark::merge_copy_failed);
        return fail("Write error: shutting down merge.");
    }
    engine_.mark(Mark::merge_copied);
    completed_->expect(first_old, 1);
    if (engine_.policy.merge_origin_flush) {
        // Durable on the origin before the record that shadows it goes (B40).
        if (sync_flush(engine_, *origin_, Purpose::merge_flush) != Errc::ok) {
            engine_.mark(Mark::merge_flush_failed);
            return fail("Flush error: shutting down merge");
        }
        engine_.mark(Mark::merge_origin_flushed);
    }
    if (store_->commit_merge(run.chunks) != Errc::ok) {
        doubtful_first_ = first_old;
        doubtful_chunks_ = run.chunks;
        return fail("Write error in exception store: shutting down merge");
    }
    engine_.events.event({EventKind::merge_run_erased, device_.number(), first_old.value,
                          first_new.value, run.chunks});
    if (!forget_run()) return fail("Write error in exception store: shutting down merge");
    release_held(Errc::ok);
    return Step::next;
}

// Every other snapshot gets its own copy of what the run will overwrite. The counter is sampled
// before the walk: an exception that ends in between is then not missed (H11).
void SnapshotMerge::protect_others(Sectors start, Sectors length) {
    for (;;) {
        const std::uint64_t seen = engine_.origins.exceptions_done();
        bool protected_all = true;
        const Sectors step = step_length();
        CHECK(step.value > 0, "INV-34: a merge steps forward");
        // Unclipped: also what lies beyond the end of the origin is walked (spec §10).
        for (Sectors at; at < length; at += step) {
            if (engine_.origins.walk(origin_number(), start + at, nullptr, MapMay::wait,
                                     Origins::Door::open) != WalkResult::nothing_needed) {
                protected_all = false;
            }
        }
        if (protected_all) return;
        engine_.mark(Mark::merge_protects);
        engine_.origins.wait_for_exception_done(seen);
    }
}

// From here on writes to the run are held; those already on their way to the copy are waited for,
// and will be merged (H10: published before drained).
void SnapshotMerge::publish_run(ChunkIndex first, std::uint64_t chunks) {
    CHECK(merging_chunks_ == 0, "INV-31: one run at a time");
    completed_->expect(first, 0);  // forget_run() will look for it
    merging_first_ = first;
    merging_chunks_ = chunks;
}

void SnapshotMerge::drain_writes(ChunkIndex first, std::uint64_t chunks) {
    if (!tracked_.any()) return;
    for (std::uint64_t i = 0; i < chunks; ++i) {
        if (!tracked_.is_tracked(first + i)) continue;
        engine_.mark(Mark::waits_for_writers);
        tracked_.wait_until_untracked(engine_.executor, first + i);
    }
}

bool SnapshotMerge::copy_run(ChunkIndex first_new, Sectors start, Sectors length) {
    struct Copy : CopyJob {
        Waiter waiter;
        Executor* executor = nullptr;
    };
    Copy job;
    job.executor = &engine_.executor;
    job.source = cow_;
    job.source_start = chunk_size().start_of(first_new);
    job.destination = origin_;
    job.destination_start = start;
    job.length = length;
    job.done = [](CopyJob& j) {
        auto& copy = static_cast<Copy&>(j);
        copy.executor->wake(copy.waiter);
    };
    copier_.copy(job);
    first_run_under_way();
    engine_.executor.wait(job.waiter);
    return !job.failed();
}

// Removal is the exact reverse of insertion, so it only ever takes the end of a run (I31).
bool SnapshotMerge::forget_run() {
    const NoYield no_yield(engine_.executor);
    for (std::uint64_t i = merging_chunks_; i-- > 0;) {
        const ChunkIndex chunk = merging_first_ + i;
        switch (completed_->remove(chunk)) {
            case ExceptionTable::Removed::yes: continue;
            case ExceptionTable::Removed::missing: {
                CHECK(!engine_.policy.d3_load_validates,
                      "INV-31: a record that was erased is an exception in memory");
                Text<120> line;
                line << "Corruption detected: exception for block " << chunk.value
                     << " is on disk but not in memory";
                log(line.view());
                return false;
            }
            case ExceptionTable::Removed::middle: {
                CHECK(!engine_.policy.d3_load_validates,
                      "INV-31: an exception leaves its run at the end");
                const ExceptionTable::Run run = *completed_->run_of(chunk);
                Text<160> line;
                line << "Attempt to merge block " << chunk.value
                     << " from the middle of a chunk range [" << run.old_chunk.value << " - "
                     << (run.old_chunk + (run.chunks - 1)).value << "]";
                log(line.view());
                return false;
            }
        }
    }
    return true;
}

void SnapshotMerge::release_held(Errc status) {
    merging_first_ = {};
    merging_chunks_ = 0;
    List<Bio> held;
    held.splice_back(held_);
    while (!held.empty()) {
        Bio& bio = held.pop_front();
        if (status == Errc::ok) {
            // No walk: the run's protection covered every other snapshot.
            engine_.mark(Mark::merge_released);
            origin_->submit(bio);
        } else {
            engine_.mark(Mark::merge_failed_held);
            engine_.complete_later(bio, status);
        }
    }
}

SnapshotMerge::Step SnapshotMerge::fail(std::string_view message) {
    log(message);
    merge_failed_ = true;
    engine_.events.event({EventKind::merge_failed, device_.number()});
    release_held(Errc::eio);
    if (engine_.policy.d8_more_events) {
        engine_.deviate(device_.number(), 8);
        device_.raise_event();
    }
    return Step::stop;
}

}  // namespace cowlab
