// The exception store: where a snapshot's exceptions live between tables. The kernel's own verbs.
//
// One store belongs to one snapshot at a time; a handover moves it to another. All verbs run on
// fibers. commit_exception is called by one fiber at a time, in the order of preparation (I6), once
// for every prepare_exception (I7); its callback may run much later, inside another's commit.
#pragma once

#include <string_view>

#include "base/text.h"
#include "engine/engine.h"
#include "engine/store_format.h"

namespace cowlab {

// An exception on its way into a store.
struct StoredException : ListNode<> {
    ChunkIndex old_chunk;
    ChunkIndex new_chunk;
    // Fiber; ok: the record is durable, or the store keeps no records.
    void (*committed)(StoredException& e, bool ok) = nullptr;
};

struct StoreUsage {
    Sectors allocated;
    Sectors total;
    Sectors metadata;
};

struct MergeRun {
    ChunkIndex last_old_chunk;
    ChunkIndex last_new_chunk;
    std::uint64_t chunks = 0;  // 0: nothing left
    Errc error = Errc::ok;
};

enum class LoadResult : std::uint8_t { ok, invalid, failed };

class LoadVisitor {
  public:
    virtual Errc loaded(ChunkIndex old_chunk, ChunkIndex new_chunk) = 0;
    virtual bool is_duplicate(ChunkIndex old_chunk) const = 0;
    // Advice: the record of this chunk will be loaded soon. Steps 0, 1, … expect_steps - 1, each
    // for many records before the next, so that the memory of all of them is fetched at once.
    virtual void expect(ChunkIndex old_chunk, unsigned step) const = 0;
    static constexpr unsigned expect_steps = 4;

  protected:
    ~LoadVisitor() = default;
};

class ExceptionStore {
  public:
    // `failed` leaves errc in `error`.
    virtual LoadResult read_metadata(LoadVisitor& visitor, Errc& error) = 0;
    // Finds a place: sets e.new_chunk. False: no space; nothing is changed.
    virtual bool prepare_exception(StoredException& e) = 0;
    virtual void commit_exception(StoredException& e, bool ok) = 0;
    virtual bool can_merge() const = 0;
    virtual MergeRun prepare_merge() = 0;
    // Erases the last `chunks` records durably.
    virtual Errc commit_merge(std::uint64_t chunks) = 0;
    // After a failed commit_merge(): the records of that run may be on the medium or not, until the
    // next prepare_merge() has put them back.
    virtual bool is_in_doubt() const { return false; }
    // The snapshot is unusable from here on: says so on the medium, if there is one.
    virtual void drop_snapshot() = 0;
    virtual StoreUsage usage() const = 0;
    virtual char letter() const = 0;
    // Frees itself.
    virtual void destroy() = 0;

    ChunkSize chunk_size() const { return chunk_size_; }
    void set_chunk_size(ChunkSize c) { chunk_size_ = c; }
    BlockDevice& cow() const { return *cow_; }

  protected:
    ExceptionStore(Engine& engine, DeviceNumber owner, BlockDevice& cow, ChunkSize chunk_size)
        : engine_(engine), owner_(owner), cow_(&cow), chunk_size_(chunk_size) {}
    ~ExceptionStore() = default;

    Engine& engine_;
    DeviceNumber owner_;  // the mapped device, for events
    BlockDevice* cow_;
    ChunkSize chunk_size_;

  public:
    void set_owner(DeviceNumber owner, BlockDevice& cow) {
        owner_ = owner;
        cow_ = &cow;
    }
};

// Why a chunk size is refused, or nullptr (spec §1, §3.2). `origin_block` and `cow_block`: the
// logical blocks of both devices.
const char* chunk_size_problem(Sectors size, Sectors origin_block, Sectors cow_block);

// The two stores. `chunk_size` not set: none was given. nullptr: no memory.
ExceptionStore* create_persistent_store(Engine& engine, DeviceNumber owner, BlockDevice& cow,
                                        Sectors origin_block, ChunkSize chunk_size);
ExceptionStore* create_transient_store(Engine& engine, DeviceNumber owner, BlockDevice& cow,
                                       ChunkSize chunk_size);

}  // namespace cowlab
