#include "engine/exception_table.h"

#include <cstring>

#include "base/check.h"
#include "base/prng.h"

namespace cowlab {
namespace {
constexpr std::uint64_t buckets_min = 16;
}  // namespace

ExceptionTable::Run ExceptionTable::run_at(Index n) const {
    const Entry& e = entry(n);
    return {{e.old_chunk()}, {e.new_chunk()}, e.more() + 1};
}

std::uint64_t ExceptionTable::bucket_of(std::uint64_t old_chunk) const {
    return mix64(old_chunk >> group_shift) & (bucket_count_ - 1);
}

ExceptionTable::~ExceptionTable() {
    for (Index s = 0; s < slab_count_; ++s) {
        memory_.free(slabs_[s], slab_entries * sizeof(Entry), MemoryUse::completed_exception);
    }
    memory_.free(slabs_, slab_capacity_ * sizeof(Entry*), MemoryUse::exception_table);
    memory_.free(buckets_, bucket_count_ * sizeof(Index), MemoryUse::exception_table);
}

ExceptionTable::Index ExceptionTable::find(ChunkIndex old_chunk, Index* before) const {
    if (bucket_count_ == 0) return end;
    Index previous = end;
    for (Index n = buckets_[bucket_of(old_chunk.value)]; n != end;) {
        const Entry& e = entry(n);
        const std::uint64_t start = e.old_chunk();
        if (start > old_chunk.value) return end;
        if (old_chunk.value - start <= e.more()) {
            if (before != nullptr) *before = previous;
            return n;
        }
        previous = n;
        n = e.next;
    }
    return end;
}

std::optional<ChunkIndex> ExceptionTable::lookup(ChunkIndex old_chunk) const {
    const Index n = find(old_chunk);
    if (n == end) return std::nullopt;
    const Entry& e = entry(n);
    return ChunkIndex{e.new_chunk() + (old_chunk.value - e.old_chunk())};
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

    const std::uint64_t group = old_chunk.value >> group_shift;
    Index& bucket = buckets_[bucket_of(old_chunk.value)];
    Index below = end;  // the last entry that starts at or below the chunk
    Index above = bucket;
    while (above != end && entry(above).old_chunk() <= old_chunk.value) {
        below = above;
        above = entry(above).next;
    }
    // Only the neighbours in the list may grow: its order stays as it is, also when a damaged store
    // has several records for a chunk.
    if (above != end) {
        Entry& e = entry(above);
        if (e.old_chunk() - 1 == old_chunk.value && e.old_chunk() >> group_shift == group &&
            e.new_chunk() == new_chunk.value + 1) {
            e.set_old_chunk(old_chunk.value);
            e.set_new_chunk(new_chunk.value, e.more() + 1);
            ++exception_count_;
            return Errc::ok;
        }
    }
    if (below != end) {
        Entry& e = entry(below);
        const std::uint64_t chunks = e.more() + 1;
        if (e.old_chunk() >> group_shift == group && e.old_chunk() + chunks == old_chunk.value &&
            e.new_chunk() + chunks == new_chunk.value) {
            e.set_new_chunk(e.new_chunk(), chunks);
            ++exception_count_;
            return Errc::ok;
        }
    }
    const Index n = take_entry();
    Entry& e = entry(n);
    e.set_old_chunk(old_chunk.value);
    e.set_new_chunk(new_chunk.value, 0);
    Index& link = below == end ? bucket : entry(below).next;
    e.next = link;
    link = n;
    ++entry_count_;
    ++exception_count_;
    return Errc::ok;
}

ExceptionTable::Removed ExceptionTable::remove(ChunkIndex old_chunk) {
    Index before = end;
    const Index n = find(old_chunk, &before);
    if (n == end) return Removed::missing;
    Entry& e = entry(n);
    const Run run = run_at(n);
    if (run.chunks == 1) {
        unlink(old_chunk, n, before);
    } else if (old_chunk == run.old_chunk) {
        e.set_old_chunk(run.old_chunk.value + 1);
        e.set_new_chunk(run.new_chunk.value + 1, run.chunks - 2);
    } else if (old_chunk == run.old_chunk + (run.chunks - 1)) {
        e.set_new_chunk(run.new_chunk.value, run.chunks - 2);
    } else {
        return Removed::middle;
    }
    --exception_count_;
    return Removed::yes;
}

void ExceptionTable::unlink(ChunkIndex old_chunk, Index n, Index before) {
    Entry& e = entry(n);
    (before == end ? buckets_[bucket_of(old_chunk.value)] : entry(before).next) = e.next;
    e.next = free_;
    free_ = n;
    --entry_count_;
}

ExceptionTable::Index ExceptionTable::take_entry() {
    if (free_ != end) {
        const Index n = free_;
        free_ = entry(n).next;
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
    if (free_ != end || (slab_count_ > 0 && unused_ < slab_count_ * slab_entries)) return Errc::ok;

    if (slab_count_ == slab_capacity_) {
        const Index capacity = slab_capacity_ == 0 ? 8 : slab_capacity_ * 2;
        auto* slabs = static_cast<Entry**>(
            memory_.allocate(capacity * sizeof(Entry*), MemoryUse::exception_table));
        if (slabs == nullptr) return Errc::enomem;
        if (slab_count_ > 0) std::memcpy(slabs, slabs_, slab_count_ * sizeof(Entry*));
        memory_.free(slabs_, slab_capacity_ * sizeof(Entry*), MemoryUse::exception_table);
        bytes_ += (capacity - slab_capacity_) * sizeof(Entry*);
        slabs_ = slabs;
        slab_capacity_ = capacity;
    }
    constexpr std::size_t size = slab_entries * sizeof(Entry);
    void* slab = memory_.allocate(size, MemoryUse::completed_exception);
    if (slab == nullptr) return Errc::enomem;
    slabs_[slab_count_++] = static_cast<Entry*>(slab);
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
            const Index next = entry(n).next;
            Index*& tail = bucket_of(entry(n).old_chunk()) == b ? low_tail : high_tail;
            *tail = n;
            tail = &entry(n).next;
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
