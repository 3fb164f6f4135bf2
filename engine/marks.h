// Coverage marks: one for every numbered rule of the spec (§6–§10) that can be taken or not.
//
// The engine marks a rule where it acts on it; the laboratory lists what no run reached, and
// docs/rules.md maps rule -> mark -> the test that explains it. One table, so that a mark that
// nobody sets is as visible as a rule without a mark.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cowlab {

// X(name, spec rule, what happened)
#define COWLAB_MARKS(X)                                                                            \
    X(snapshot_flush_to_cow, "6.1.1", "a flush of a snapshot goes to its COW device")              \
    X(snapshot_invalid_eio, "6.1.2", "I/O of an invalid snapshot fails")                           \
    X(snapshot_overflowed_write_eio, "6.1.3", "a write to an overflowed snapshot fails")           \
    X(snapshot_remapped, "6.1.4", "a mapped chunk is redirected to the COW device")                \
    X(snapshot_read_tracked, "6.1.5", "a read of an unmapped chunk goes to the origin, tracked")   \
    X(snapshot_recheck_dead, "6.1.6a", "after the allocation: invalid or overflowed by now")       \
    X(snapshot_recheck_completed, "6.1.6a",                                                        \
      "after the allocation: a completed exception appeared")                                      \
    X(snapshot_recheck_pending, "6.1.6a", "after the allocation: a pending exception appeared")    \
    X(snapshot_prepared, "6.1.6b", "a snapshot write prepared a new exception")                    \
    X(snapshot_overflow, "6.1.6b", "no space for a snapshot write: PO overflows")                  \
    X(snapshot_no_space_invalid, "6.1.6b",                                                         \
      "no space for a snapshot write: P and N are invalidated")                                    \
    X(snapshot_full_bio, "6.1.6d", "a whole-chunk write needs no copy")                            \
    X(snapshot_write_queued, "6.1.6e", "a partial write waits for its copy")                       \
    X(snapshot_write_joins, "6.1.6e", "a write joins an exception that is already started")        \
    X(untracked, "6.2", "a tracked bio ended")                                                     \
    X(origin_flush, "6.3", "a flush of the origin goes to the origin device")                      \
    X(origin_read, "6.3", "an origin read goes through unsplit")                                   \
    X(origin_write_split, "6.3", "an origin write is cut at the split boundary")                   \
    X(walk_skips_merging, "6.3", "the walk skips a merging snapshot")                              \
    X(walk_skips_dead, "6.3", "the walk skips an invalid snapshot")                                \
    X(walk_skips_inactive, "6.3", "the walk skips an inactive snapshot")                           \
    X(walk_skips_beyond, "6.3", "the walk skips a snapshot smaller than the sector")               \
    X(walk_already_copied, "6.3", "the walk finds a completed exception")                          \
    X(walk_recheck_invalid, "6.3", "after the allocation: the snapshot died")                      \
    X(walk_recheck_pending, "6.3", "after the allocation: a pending exception appeared")           \
    X(walk_recheck_completed, "6.3", "after the allocation: a completed exception appeared")       \
    X(walk_prepared, "6.3", "an origin write prepared a new exception")                            \
    X(walk_joins_pending, "6.3", "an origin write finds a pending exception")                      \
    X(walk_no_space, "6.3", "no space for an origin write: the snapshot is invalidated")           \
    X(walk_queued, "6.3", "an origin write waits on one pending exception")                        \
    X(walk_starts_other, "6.3", "a second snapshot's copy is started at once")                     \
    X(walk_nothing, "6.3", "an origin write needs nothing")                                        \
    X(walk_again_queued, "6.3", "a re-walked origin write has to wait once more")                  \
    X(merge_flush_origin, "6.4.1", "flush number 0 of a merge goes to the origin")                 \
    X(merge_flush_cow, "6.4.1", "flush number 1 of a merge goes to the COW device")                \
    X(merge_invalid_passes, "6.4.2", "an invalid merging snapshot behaves as the origin")          \
    X(merge_write_held, "6.4.3", "a write to the run being merged is held")                        \
    X(merge_write_in_doubt, "6.4.4", "a write to a chunk whose record may be erased or not fails") \
    X(merge_write_tracked, "6.4.4", "a write to a chunk not merged yet is tracked")                \
    X(merge_read_cow, "6.4.4", "a read of a chunk not merged yet comes from the COW device")       \
    X(merge_write_walks, "6.4.5", "a write to an unmapped chunk protects other snapshots")         \
    X(merge_read_origin, "6.4.5", "a read of an unmapped chunk comes from the origin")             \
    X(waits_for_readers, "6.6", "a finished copy waits for tracked reads")                         \
    X(waits_for_writers, "6.6", "a merge run waits for tracked writes")                            \
    X(copy_clipped, "6.7", "the copy of a short last chunk is clipped")                            \
    X(copy_failed, "7.3", "a copy ended with an error")                                            \
    X(parked_out_of_order, "7.3", "a copy finished before its predecessor")                        \
    X(unparked, "7.3", "a parked exception is committed")                                          \
    X(finish_error, "7.5", "a commit failed: the snapshot is invalidated")                         \
    X(finish_no_memory, "7.5", "no memory for the completed exception")                            \
    X(finish_on_invalid, "7.5", "an exception ends in a snapshot that is invalid by then")         \
    X(finish_full_bio, "7.5", "a full bio completes")                                              \
    X(finish_submits_queue, "7.5", "queued snapshot writes are submitted")                         \
    X(finish_releases_origin, "7.5", "a re-walked origin write reaches the origin")                \
    X(invalidated, "7", "a snapshot is invalidated")                                               \
    X(run_extended, "8", "an exception extends a run")                                             \
    X(allocation_skips_area, "9.4", "the allocator skips a metadata chunk")                        \
    X(allocation_full, "9.4", "the COW device has no chunk left")                                  \
    X(load_default_chunk, "9.6.1", "no chunk size in the table")                                   \
    X(load_header_error, "9.6.3", "the header cannot be read")                                     \
    X(load_new, "9.6.4", "a blank COW device becomes a new store")                                 \
    X(load_bad_magic, "9.6.4", "a header with another magic is refused")                           \
    X(load_size_overridden, "9.6.5", "the chunk size on the medium wins")                          \
    X(load_size_invalid, "9.6.5", "the chunk size on the medium is impossible")                    \
    X(load_bad_version, "9.6.8", "an unknown version is refused")                                  \
    X(load_invalid, "9.6.8", "the header says invalid")                                            \
    X(load_area_full, "9.6.9", "a full area leads to the next one")                                \
    X(load_area_error, "9.6.9", "an area cannot be read")                                          \
    X(load_skips_area, "9.6.9", "after loading, the next free chunk is not a metadata chunk")      \
    X(load_record_refused, "9.6.9", "an impossible record is refused (D3)")                        \
    X(commit_not_ok, "9.7.1", "a failed copy makes the store invalid")                             \
    X(commit_waits_for_others, "9.7.3", "group commit: others are still being copied")             \
    X(commit_area_full, "9.7.4", "the area is full: the next one is zeroed first")                 \
    X(commit_zeroing_failed, "9.7.4", "zeroing the next area failed")                              \
    X(commit_area_written, "9.7.5", "an area is written durably")                                  \
    X(commit_area_failed, "9.7.5", "writing an area failed")                                       \
    X(commit_batch, "9.7.7", "several exceptions complete with one area write")                    \
    X(prepare_merge_empty, "9.8", "nothing left to merge")                                         \
    X(prepare_merge_steps_back, "9.8", "a merge steps back to the area before")                    \
    X(prepare_merge_read_error, "9.8", "the area before cannot be read")                           \
    X(prepare_merge_run, "9.8", "a run of more than one chunk is merged at once")                  \
    X(commit_merge_failed, "9.8", "erasing records failed")                                        \
    X(dropped, "9.9", "the header is written invalid")                                             \
    X(drop_failed, "9.9", "the header of an invalidated store could not be written")               \
    X(transient_full, "9.10", "a transient store is full")                                         \
    X(transient_allocated, "9.10", "a transient store allocated a chunk")                          \
    X(merge_shutdown, "10.1", "a merge is asked to stop")                                          \
    X(merge_invalid, "10.1", "a merge of an invalid snapshot stops at once")                       \
    X(merge_finished, "10.1", "a merge is complete")                                               \
    X(merge_clipped, "10.2", "a merge copy is clipped at the end of the origin")                   \
    X(merge_protects, "10.3", "a merge makes exceptions in other snapshots")                       \
    X(merge_copied, "10.6", "a merge run was copied")                                              \
    X(merge_origin_flushed, "10.6", "the origin is flushed before records are erased")             \
    X(merge_released, "10.6", "held writes are released to the origin")                            \
    X(merge_copy_failed, "10.7", "a merge copy failed")                                            \
    X(merge_flush_failed, "10.7", "flushing the origin failed")                                    \
    X(merge_failed_held, "10.7", "held writes fail with the merge")                                \
    X(handover_done, "4", "tables and stores were swapped")                                        \
    X(handover_vetoed_source, "4", "a source may not be resumed while a destination waits")        \
    X(handover_vetoed_destination, "4", "a destination may not be resumed while its source runs")  \
    X(handover_cancelled, "4", "the source went away first")                                       \
    X(resume_suspends_origin, "4", "a resume suspends the origin's device internally")             \
    X(resume_stops_merge, "4", "a resume stops a running merge")                                   \
    X(cow_limit_waits, "13", "a new write waits at the door for a copy slot")                      \
    X(pool_waits, "1", "a pending exception waits for the pool")                                   \
    X(copy_split, "11", "a copy is done in pieces")                                                \
    X(copy_throttled, "11", "the copier is throttled")                                             \
    X(discard_unmapped, "18.9", "a discard of an unmapped chunk does nothing")                     \
    X(discard_zeroes, "18.9", "a discard of a whole mapped chunk zeroes its copy")                 \
    X(discard_passed, "18.9", "a shorter discard is passed on to the COW device")                  \
    X(discard_to_origin, "18.9", "a discard is passed down to the origin")                         \
    X(discard_merge, "18.9", "a merge target completes discards as no-ops")

enum class Mark : std::uint16_t {
#define COWLAB_MARK_NAME(name, rule, text) name,
    COWLAB_MARKS(COWLAB_MARK_NAME)
#undef COWLAB_MARK_NAME
        count_
};
inline constexpr std::size_t mark_count = static_cast<std::size_t>(Mark::count_);

struct MarkText {
    const char* name;
    const char* rule;
    const char* text;
};
// In the order of Mark.
inline constexpr MarkText mark_texts[] = {
#define COWLAB_MARK_TEXT(name, rule, text) {#name, rule, text},
    COWLAB_MARKS(COWLAB_MARK_TEXT)
#undef COWLAB_MARK_TEXT
};

}  // namespace cowlab
