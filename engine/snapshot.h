// A snapshot: the target `snapshot`, and what `snapshot-merge` shares with it (spec §4–§7).
//
// Invariants (numbers of spec §14): I1 one completed and one pending exception a chunk at most;
// I5 live pending exceptions are counted; I6 commits in order of preparation; I7 every prepared
// exception is committed exactly once, failed ones too; I12 nothing that depends on a record goes
// on before the record is durable; I20 every bio completes exactly once.
//
// Waiting: map() waits only on fibers; a finished exception first appears in the completed table,
// then waits for tracked readers, and only then leaves the pending table (the 5.2 order, D6): the
// walk tests pending before completed.
#pragma once

#include "engine/copier.h"
#include "engine/device_mapper.h"
#include "engine/exception_store.h"
#include "engine/exception_table.h"
#include "engine/pending_exception.h"
#include "engine/tracked_chunks.h"

namespace cowlab {

struct OriginListTag {};

struct SnapshotFeatures {
    bool discard_zeroes_cow = false;
    bool discard_passdown_origin = false;
};

class Snapshot : public Target, public ListNode<OriginListTag> {
  public:
    // Takes the store over.
    Snapshot(const TargetContext& context, BlockDevice& origin, BlockDevice& cow,
             ExceptionStore* store, bool supports_overflow, SnapshotFeatures features);

    MapResult map(TargetBio& bio, MapMay may) override;
    void end_io(TargetBio& bio) override;
    Errc preresume() override;
    void resume() override;
    void devices_resized() override;
    void status(StatusKind kind, TextSink& out) const override;
    void for_each_device(DeviceVisitor& visitor) const override;
    void destroy() override;
    std::string_view type_name() const override { return "snapshot"; }
    Sectors max_io_length() const override { return max_io_length_; }
    Sectors discard_length_max() const override;
    std::uint8_t flush_copies() const override { return 1; }
    std::uint8_t discard_copies() const override;
    virtual bool is_merge() const { return false; }
    // A merge's part in another snapshot's resume.
    virtual bool merge_is_running() const { return false; }
    virtual void stop_merge() {}
    virtual void start_merge() {}

    // What the registry and the other snapshots of the origin see.
    DeviceNumber origin_number() const { return origin_->number(); }
    DeviceNumber cow_number() const { return cow_->number(); }
    BlockDevice& origin() const { return *origin_; }
    BlockDevice& cow() const { return *cow_; }
    bool is_valid() const { return valid_; }
    // The header is being written invalid: whoever comes now waits, and then finds it so.
    bool is_invalidating() const { return invalidating_; }
    bool is_active() const { return active_; }
    bool is_overflowed() const { return overflowed_; }
    ChunkSize chunk_size() const { return store_->chunk_size(); }
    // Sectors the walk protects: the size of the whole table (spec §6.3, §18.13).
    Sectors protected_size() const;

    // Read-only inspection for checkers and reports.
    const ExceptionTable& completed() const { return *completed_; }
    const PendingTable& pending() const { return pending_; }
    std::uint64_t pending_live() const { return pool_.live(); }
    std::uint64_t start_sequence() const { return start_sequence_; }
    std::uint64_t complete_sequence() const { return complete_sequence_; }
    std::uint32_t copies_in_progress() const { return copies_in_progress_; }
    StoreUsage usage() const { return store_->usage(); }
    const ExceptionStore& store() const { return *store_; }
    bool has_tracked_chunks() const { return tracked_.any(); }
    // The run being merged: first old chunk and count, (0, 0) when none (I31).
    ChunkIndex merging_first() const { return merging_first_; }
    std::uint64_t merging_chunks() const { return merging_chunks_; }
    bool has_merge_failed() const { return merge_failed_; }

  protected:
    friend class Origins;
    friend class SnapshotBuilder;

    // Fiber. After everything is opened: registers, then loads (spec §3.2 from "register" on).
    Constructed open_store();
    void tear_down(bool registered);
    virtual void free_self() { engine_.memory.destroy(this, MemoryUse::target); }

    // The part of resume() that a merge shares: handover, list order, active (spec §4).
    void resume_snapshot();
    Errc check_handover_possible();

    void remap_to_cow(TargetBio& bio, ChunkIndex new_chunk) const;
    MapResult fail(TargetBio& bio) const {
        bio.status = Errc::eio;
        return MapResult::failed;
    }

    // Finds or makes the pending exception of `chunk`; fiber. Why there is none stands in `why`.
    enum class Found : std::uint8_t { pending, completed, dead, no_space };
    enum class ForWhom : std::uint8_t { snapshot_write, origin_write };
    Found find_or_prepare(ChunkIndex chunk, ForWhom whom, PendingException*& out);
    void start_copy(PendingException& e);
    void start_full_bio(PendingException& e, TargetBio& bio);

    // Fiber; returns when the header says so on the medium (or could not be made to).
    enum class Cause : std::uint8_t { io_error, no_space };
    void invalidate(Cause cause);
    void wait_while_invalidating();
    void overflow();
    void clear_overflow_if_grown();

    void log(std::string_view text);

    BlockDevice* origin_;
    BlockDevice* cow_;
    ExceptionStore* store_;
    ExceptionTable* completed_ = nullptr;
    bool supports_overflow_;  // the `O` of PO: userspace knows what Overflow means
    SnapshotFeatures features_;
    bool valid_ = true;
    bool invalidating_ = false;
    bool active_ = false;
    bool overflowed_ = false;
    Sectors cow_size_at_overflow_;
    Sectors max_io_length_;
    TrackedChunks tracked_;
    Copier copier_;

    bool merge_failed_ = false;
    ChunkIndex merging_first_;
    std::uint64_t merging_chunks_ = 0;

  private:
    MapResult map_discard(TargetBio& bio, ChunkIndex chunk);
    MapResult map_write(TargetBio& bio, ChunkIndex chunk);
    bool pass_door(MapMay may);
    void handover_from(Snapshot& source);
    void become_active();

    static void copy_done(CopyJob& job);
    static void full_bio_done(Bio& bio);
    static void zeroing_done(CopyJob& job);
    static void exception_committed(StoredException& e, bool ok);
    void commit_in_order(PendingException& e);
    void end_copy();
    void finish(PendingException& e, bool ok);
    bool complete_exception(PendingException& e);
    void release_origin_bios(List<Bio>& bios);

    PendingPool pool_;
    PendingTable pending_;
    ParkedExceptions parked_;
    std::uint64_t start_sequence_ = 0;
    std::uint64_t complete_sequence_ = 0;
    std::uint32_t copies_in_progress_ = 0;
    WaitQueue door_;
    WaitQueue invalidated_;
};

// The constructors of `snapshot` and, but for the type made, of `snapshot-merge`.
Constructed construct_snapshot(const TargetContext& context);

}  // namespace cowlab
