// The completed exceptions of one snapshot: old chunk -> new chunk, runs packed (spec §8).
//
// An entry covers up to 256 consecutive old chunks that map to consecutive new chunks. Buckets
// ignore the low 8 bits of the old chunk, so that an entry never crosses a 256-aligned group (I4)
// and its count fits the top byte of the new chunk's word.
//
// Cost: 20 bytes an entry and 1–2 bytes of bucket; entries live in slabs, so that a table of a
// million scattered chunks has no slack of a doubled array. Lookup is a hash and a walk of one
// group's entries, in order. Nothing recurses; iteration is in order of (bucket, old chunk).
//
// The same old chunk twice (a damaged store only): the entry that was inserted first is found.
#pragma once

#include <optional>

#include "base/errc.h"
#include "base/units.h"
#include "engine/port/memory.h"

namespace cowlab {

class ExceptionTable {
  public:
    explicit ExceptionTable(Memory& memory) : memory_(memory) {}
    ~ExceptionTable();
    ExceptionTable(const ExceptionTable&) = delete;
    ExceptionTable& operator=(const ExceptionTable&) = delete;

    std::optional<ChunkIndex> lookup(ChunkIndex old_chunk) const;
    bool contains(ChunkIndex old_chunk) const { return lookup(old_chunk).has_value(); }

    // enomem leaves the table as it was. REQUIRES: new_chunk < 2^56.
    Errc insert(ChunkIndex old_chunk, ChunkIndex new_chunk);

    enum class Removed {
        yes,
        missing,  // no such exception: the store and the table disagree
        middle,   // inside a run: removal must go the reverse way of insertion (I31)
    };
    // Takes one chunk off the end of its run; a merge is the only caller.
    Removed remove(ChunkIndex old_chunk);

    struct Run {
        ChunkIndex old_chunk;
        ChunkIndex new_chunk;
        std::uint64_t chunks;
    };
    std::optional<Run> run_of(ChunkIndex old_chunk) const;
    // Calls visit(Run) for every entry. The table must not change meanwhile.
    template <class F>
    void for_each_run(F&& visit) const {
        for (std::uint64_t b = 0; b < bucket_count_; ++b) {
            for (Index n = buckets_[b]; n != end; n = next_of(n)) visit(run_at(n));
        }
    }

    std::uint64_t run_count() const { return entry_count_; }
    std::uint64_t exception_count() const { return exception_count_; }
    // Everything this table holds from Memory.
    std::uint64_t bytes() const { return bytes_; }

    static constexpr std::uint64_t run_chunks_max = 256;

  private:
    using Index = std::uint32_t;
    static constexpr Index end = UINT32_MAX;
    static constexpr unsigned group_shift = 8;
    static constexpr unsigned count_shift = 56;
    static constexpr std::uint64_t new_mask = (std::uint64_t{1} << count_shift) - 1;
    static constexpr Index slab_entries = 1024;
    static constexpr Index small_entries = 32;
    static constexpr std::uint64_t entries_per_bucket_max = 4;

    // Slab s: arrays of old chunks, packed new words and next links, one after the other.
    struct Place {
        std::byte* slab;
        Index offset;
        Index capacity;
    };
    static Index slab_of(Index n);
    static Index first_of_slab(Index slab);
    static Index capacity_of_slab(Index slab);
    Place place(Index n) const;
    std::uint64_t& old_of(Index n) const;
    std::uint64_t& packed_of(Index n) const;
    Index& next_of(Index n) const;
    Run run_at(Index n) const;

    std::uint64_t bucket_of(std::uint64_t old_chunk) const;
    Errc make_room();
    Errc grow_buckets();
    Index take_entry();
    Index find(ChunkIndex old_chunk, Index* before = nullptr) const;
    void unlink(ChunkIndex old_chunk, Index n, Index before);

    Memory& memory_;
    Index* buckets_ = nullptr;
    std::uint64_t bucket_count_ = 0;
    std::byte** slabs_ = nullptr;
    Index slab_count_ = 0;
    Index slab_capacity_ = 0;
    Index unused_ = 0;  // entries never used so far begin here
    Index free_ = end;  // entries given back, linked by next
    std::uint64_t entry_count_ = 0;
    std::uint64_t exception_count_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace cowlab
