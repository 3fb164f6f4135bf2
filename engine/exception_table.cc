#include "engine/exception_table.h"

#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/prng.h"

namespace cowlab {
namespace {
constexpr std::size_t entry_bytes = 2 * sizeof(std::uint64_t) + sizeof(std::uint32_t);
static_assert(entry_bytes == 20);
constexpr std::uint64_t buckets_min = 16;
}  // namespace

// The first slabs double from 32 entries up to 1024, then all have 1024: a small table is small
// and a big one has at most one slab of slack.
ExceptionTable::Index ExceptionTable::slab_of(Index n) {
    if (n < small_entries) return 0;
    if (n < slab_entries) return static_cast<Index>(std::bit_width(n)) - 5;
    return 5 + n / slab_entries;
}

ExceptionTable::Index ExceptionTable::first_of_slab(Index slab) {
    if (slab == 0) return 0;
    if (slab <= 5) return small_entries << (slab - 1);
    return (slab - 5) * slab_entries;
}

ExceptionTable::Index ExceptionTable::capacity_of_slab(Index slab) {
    return first_of_slab(slab + 1) - first_of_slab(slab);
}

ExceptionTable::Place ExceptionTable::place(Index n) const {
    const Index slab = slab_of(n);
    return {slabs_[slab], n - first_of_slab(slab), capacity_of_slab(slab)};
}

std::uint64_t& ExceptionTable::old_of(Index n) const {
    const Place p = place(n);
    return reinterpret_cast<std::uint64_t*>(p.slab)[p.offset];
}

std::uint64_t& ExceptionTable::packed_of(Index n) const {
    const Place p = place(n);
    return reinterpret_cast<std::uint64_t*>(p.slab)[p.capacity + p.offset];
}

ExceptionTable::Index& ExceptionTable::next_of(Index n) const {
    const Place p = place(n);
    return reinterpret_cast<Index*>(p.slab + 16 * std::size_t{p.capacity})[p.offset];
}

ExceptionTable::Run ExceptionTable::run_at(Index n) const {
    const std::uint64_t packed = packed_of(n);
    return {{old_of(n)}, {packed & new_mask}, (packed >> count_shift) + 1};
}

std::uint64_t ExceptionTable::bucket_of(std::uint64_t old_chunk) const {
    return mix64(old_chunk >> group_shift) & (bucket_count_ - 1);
}

ExceptionTable::~ExceptionTable() {
    for (Index s = 0; s < slab_count_; ++s) {
        memory_.free(slabs_[s], capacity_of_slab(s) * entry_bytes, MemoryUse::completed_exception);
    }
    memory_.free(slabs_, slab_capacity_ * sizeof(std::byte*), MemoryUse::exception_table);
    memory_.free(buckets_, bucket_count_ * sizeof(Index), MemoryUse::exception_table);
}

ExceptionTable::Index ExceptionTable::find(ChunkIndex old_chunk, Index* before) const {
    if (bucket_count_ == 0) return end;
    Index previous = end;
    for (Index n = buckets_[bucket_of(old_chunk.value)]; n != end; n = next_of(n)) {
        const std::uint64_t start = old_of(n);
        if (start > old_chunk.value) return end;
        if (old_chunk.value - start <= packed_of(n) >> count_shift) {
            if (before != nullptr) *before = previous;
            return n;
        }
        previous = n;
    }
    return end;
}

std::optional<ChunkIndex> ExceptionTable::lookup(ChunkIndex old_chunk) const {
    const Index n = find(old_chunk);
    if (n == end) return std::nullopt;
    return ChunkIndex{(packed_of(n) & new_mask) + (old_chunk.value - old_of(n))};
}

std::optional<ExceptionTable::Run> ExceptionTable::run_of(ChunkIndex old_chunk) const {
    const Index n = find(old_chunk);
    if (n == end) return std::nullopt;
    return run_at(n);
}

Errc ExceptionTable::insert(ChunkIndex old_chunk, ChunkIndex new_chunk) {
    CHECK(new_chunk.value <= new_mask, "a new chunk leaves room for the run count (spec §9.3)");
    // Room first: an insert that could fail half way would have to be undone.
    if (const Errc e = make_room(); e != Errc::ok) return e;

    const std::uint64_t bucket = bucket_of(old_chunk.value);
    const auto same_group = [&](Index n) {
        return old_of(n) >> group_shift == old_chunk.value >> group_shift;
    };
    Index at_or_below = end;  // the last entry that starts at or below the chunk
    Index above = end;        // the last entry that could be extended downward by one chunk
    for (Index n = buckets_[bucket]; n != end; n = next_of(n)) {
        const std::uint64_t start = old_of(n);
        if (start > old_chunk.value + 1) break;
        if (start <= old_chunk.value) {
            at_or_below = n;
        } else if (same_group(n) && (packed_of(n) & new_mask) == new_chunk.value + 1) {
            above = n;
        }
    }
    if (above != end) {
        --old_of(above);
        packed_of(above) += (std::uint64_t{1} << count_shift) - 1;  // count + 1, new chunk - 1
        ++exception_count_;
        return Errc::ok;
    }
    if (at_or_below != end && same_group(at_or_below)) {
        const Run run = run_at(at_or_below);
        if (run.old_chunk + run.chunks == old_chunk && run.new_chunk + run.chunks == new_chunk) {
            packed_of(at_or_below) += std::uint64_t{1} << count_shift;
            ++exception_count_;
            return Errc::ok;
        }
    }
    const Index n = take_entry();
    old_of(n) = old_chunk.value;
    packed_of(n) = new_chunk.value;
    if (at_or_below == end) {
        next_of(n) = buckets_[bucket];
        buckets_[bucket] = n;
    } else {
        next_of(n) = next_of(at_or_below);
        next_of(at_or_below) = n;
    }
    ++entry_count_;
    ++exception_count_;
    return Errc::ok;
}

ExceptionTable::Removed ExceptionTable::remove(ChunkIndex old_chunk) {
    Index before = end;
    const Index n = find(old_chunk, &before);
    if (n == end) return Removed::missing;
    const Run run = run_at(n);
    if (run.chunks == 1) {
        unlink(old_chunk, n, before);
    } else if (old_chunk == run.old_chunk) {
        ++old_of(n);
        packed_of(n) -= (std::uint64_t{1} << count_shift) - 1;
    } else if (old_chunk == run.old_chunk + (run.chunks - 1)) {
        packed_of(n) -= std::uint64_t{1} << count_shift;
    } else {
        return Removed::middle;
    }
    --exception_count_;
    return Removed::yes;
}

void ExceptionTable::unlink(ChunkIndex old_chunk, Index n, Index before) {
    if (before == end) {
        buckets_[bucket_of(old_chunk.value)] = next_of(n);
    } else {
        next_of(before) = next_of(n);
    }
    next_of(n) = free_;
    free_ = n;
    --entry_count_;
}

ExceptionTable::Index ExceptionTable::take_entry() {
    if (free_ != end) {
        const Index n = free_;
        free_ = next_of(n);
        return n;
    }
    return unused_++;
}

Errc ExceptionTable::make_room() {
    if (bucket_count_ == 0 || entry_count_ >= bucket_count_ * entries_per_bucket_max) {
        // A table that cannot grow its buckets still works, only slower.
        const Errc e = grow_buckets();
        if (e != Errc::ok && bucket_count_ == 0) return e;
    }
    if (free_ != end || (slab_count_ > 0 && unused_ < first_of_slab(slab_count_))) return Errc::ok;

    if (slab_count_ == slab_capacity_) {
        const Index capacity = slab_capacity_ == 0 ? 8 : slab_capacity_ * 2;
        auto* slabs = static_cast<std::byte**>(
            memory_.allocate(capacity * sizeof(std::byte*), MemoryUse::exception_table));
        if (slabs == nullptr) return Errc::enomem;
        if (slab_count_ > 0) std::memcpy(slabs, slabs_, slab_count_ * sizeof(std::byte*));
        memory_.free(slabs_, slab_capacity_ * sizeof(std::byte*), MemoryUse::exception_table);
        bytes_ += (capacity - slab_capacity_) * sizeof(std::byte*);
        slabs_ = slabs;
        slab_capacity_ = capacity;
    }
    const std::size_t size = capacity_of_slab(slab_count_) * entry_bytes;
    void* slab = memory_.allocate(size, MemoryUse::completed_exception);
    if (slab == nullptr) return Errc::enomem;
    slabs_[slab_count_++] = static_cast<std::byte*>(slab);
    bytes_ += size;
    return Errc::ok;
}

// Splits every bucket in two, keeping the order inside it: first inserted stays first found.
Errc ExceptionTable::grow_buckets() {
    const std::uint64_t count = bucket_count_ == 0 ? buckets_min : bucket_count_ * 2;
    auto* buckets =
        static_cast<Index*>(memory_.allocate(count * sizeof(Index), MemoryUse::exception_table));
    if (buckets == nullptr) return Errc::enomem;
    const std::uint64_t old_count = bucket_count_;
    Index* old_buckets = buckets_;
    buckets_ = buckets;
    bucket_count_ = count;
    for (std::uint64_t b = 0; b < count; ++b) buckets_[b] = end;
    for (std::uint64_t b = 0; b < old_count; ++b) {
        Index* low_tail = &buckets_[b];
        Index* high_tail = &buckets_[b + old_count];
        for (Index n = old_buckets[b]; n != end;) {
            const Index next = next_of(n);
            Index*& tail = bucket_of(old_of(n)) == b ? low_tail : high_tail;
            *tail = n;
            tail = &next_of(n);
            n = next;
        }
        *low_tail = end;
        *high_tail = end;
    }
    memory_.free(old_buckets, old_count * sizeof(Index), MemoryUse::exception_table);
    bytes_ += (count - old_count) * sizeof(Index);
    return Errc::ok;
}

}  // namespace cowlab
