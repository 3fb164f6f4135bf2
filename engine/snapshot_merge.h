// snapshot-merge: copies a snapshot's exceptions back onto its origin, newest first (spec §6.4,
// §10).
//
// What makes a crash harmless is the order: other snapshots' copies durable -> the origin
// overwritten -> the origin flushed -> the records erased durably -> the exceptions forgotten ->
// the held writes released to the origin. A failure stops the merge where it stands; I/O goes on
// with the exceptions that remain.
//
// A merging snapshot never gains exceptions, and its pending table stays empty (I28).
#pragma once

#include "engine/snapshot.h"

namespace cowlab {

class SnapshotMerge final : public Snapshot {
  public:
    SnapshotMerge(const TargetContext& context, BlockDevice& origin, BlockDevice& cow,
                  ExceptionStore* store, bool po, SnapshotFeatures features);

    MapResult map(TargetBio& bio, MapMay may) override;
    void presuspend() override { stop_merge(); }
    void resume() override;
    std::string_view type_name() const override { return "snapshot-merge"; }
    bool is_merge() const override { return true; }
    Sectors max_io_length() const override;
    std::uint8_t flush_copies() const override { return 2; }

    bool merge_is_running() const override { return running_; }
    // Fiber: the run in progress is finished first.
    void stop_merge() override;
    // Fiber: returns when the first run's copy is under way, or the merge has stopped.
    void start_merge() override;
    void destroy() override;

  private:
    struct MergeTask : Task {
        SnapshotMerge* self = nullptr;
    };
    enum class Step : std::uint8_t { next, stop };

    void free_self() override { engine_.memory.destroy(this, MemoryUse::target); }
    static void run(Task& task);
    Step merge_one_run();
    void protect_others(Sectors start, Sectors length);
    Sectors step_length();
    void publish_run(ChunkIndex first, std::uint64_t chunks);
    void drain_writes(ChunkIndex first, std::uint64_t chunks);
    bool copy_run(ChunkIndex first_new, Sectors start, Sectors length);
    bool forget_run();
    void release_held(Errc status);
    Step fail(std::string_view message);
    void first_run_under_way();

    MergeTask task_;
    bool running_ = false;
    bool shutdown_ = false;
    bool starting_ = false;
    Sectors minimum_at_resume_;
    List<Bio> held_;  // writes to the run being merged
    // The run whose erase failed; see ExceptionStore::is_in_doubt().
    ChunkIndex doubtful_first_;
    std::uint64_t doubtful_chunks_ = 0;
    WaitQueue stopped_;
    WaitQueue started_;
};

Constructed construct_snapshot_merge(const TargetContext& context);

}  // namespace cowlab
