// The completed exceptions of one snapshot: old chunk -> new chunk, runs packed (spec §8).
//
// An entry covers up to 256 consecutive old chunks that map to consecutive new chunks. Buckets
// ignore the low 8 bits of the old chunk, so that an entry never crosses a 256-aligned group (I4)
// and its count fits the top byte of the new chunk's word.
//
// Cost: 20 bytes an entry and 2 bytes of bucket; both live in slabs, so that a table has at most
// one slab of slack of each (for 1,000 exceptions about a byte and a half each). Buckets are split
// one at a time as entries come (linear hashing): no insert pays for all the others, and lists are
// as long in a large table as in a small one. Lookup is a hash and a walk of one group's entries,
// in order. Nothing recurses; iteration is in order of (bucket, old chunk).
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

    // Advice that insert(old_chunk) or lookup(old_chunk) comes soon: step 0 first, each next one
    // a little later and one entry deeper. Does nothing but bring memory nearer.
    void expect(ChunkIndex old_chunk, unsigned step) const;

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
            for (Index n = bucket(b); n != end; n = entry(n).next) visit(run_at(n));
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
    static constexpr Index slab_entries = 64;
    static constexpr std::uint64_t slab_buckets = 64;
    static constexpr std::uint64_t entries_per_bucket = 2;

    // One run. Everything about it lies together: a walk costs one cache line an entry. Words of
    // 32 bits, because two of 64 would make 24 bytes of it.
    class Entry {
      public:
        std::uint64_t old_chunk() const { return load(old_); }
        void set_old_chunk(std::uint64_t v) { store(old_, v); }
        std::uint64_t new_chunk() const { return load(packed_) & new_mask; }
        // Chunks after the first.
        std::uint64_t more() const { return load(packed_) >> count_shift; }
        void set_new_chunk(std::uint64_t chunk, std::uint64_t more_chunks) {
            store(packed_, more_chunks << count_shift | chunk);
        }
        Index next;

      private:
        static std::uint64_t load(const std::uint32_t (&w)[2]) {
            return std::uint64_t{w[1]} << 32 | w[0];
        }
        static void store(std::uint32_t (&w)[2], std::uint64_t v) {
            w[0] = static_cast<std::uint32_t>(v);
            w[1] = static_cast<std::uint32_t>(v >> 32);
        }
        std::uint32_t old_[2];
        std::uint32_t packed_[2];
    };
    static_assert(sizeof(Entry) == 20);
    Entry& entry(Index n) const { return slabs_[n / slab_entries][n % slab_entries]; }
    Index& bucket(std::uint64_t b) const {
        return bucket_slabs_[b / slab_buckets][b % slab_buckets];
    }
    Run run_at(Index n) const;

    std::uint64_t bucket_of(std::uint64_t old_chunk) const;
    Errc make_room();
    // One slot more in an array of pointers to slabs.
    template <class T>
    bool grow_directory(T**& slabs, Index& capacity);
    bool add_bucket_slab();
    void split_bucket();
    Index take_entry();
    // Brings the entry `deep` links behind n nearer; those before it should be near already.
    void fetch(Index n, unsigned deep) const;
    Index find(ChunkIndex old_chunk, Index* before = nullptr) const;
    void unlink(ChunkIndex old_chunk, Index n, Index before);

    Memory& memory_;
    Index** bucket_slabs_ = nullptr;
    Index bucket_slab_capacity_ = 0;
    std::uint64_t bucket_count_ = 0;  // in use; slabs for them, rounded up, exist
    std::uint64_t half_ = 0;          // the power of two in (bucket_count_ / 2, bucket_count_]
    Entry** slabs_ = nullptr;
    Index slab_count_ = 0;
    Index slab_capacity_ = 0;
    Index unused_ = 0;  // entries never used so far begin here
    Index free_ = end;  // entries given back, linked by next
    std::uint64_t entry_count_ = 0;
    std::uint64_t exception_count_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace cowlab
