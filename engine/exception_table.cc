#include "engine/exception_table.h"

#include <cstring>

#include "base/check.h"
#include "base/prefetch.h"
#include "base/prng.h"

namespace cowlab {
ExceptionTable::Run ExceptionTable::run_at(Index n) const {
    const Entry& e = entry(n);
    return {{e.old_chunk()}, {e.new_chunk()}, e.more() + 1};
}

std::uint64_t ExceptionTable::bucket_of(std::uint64_t old_chunk) const {
    // Buckets half_ … bucket_count_ - 1 have been split off from those half_ below them.
    const std::uint64_t b = mix64(old_chunk >> group_shift) & (2 * half_ - 1);
    return b < bucket_count_ ? b : b - half_;
}

ExceptionTable::~ExceptionTable() {
    for (Index s = 0; s < slab_count_; ++s) {
        memory_.free(slabs_[s], slab_entries * sizeof(Entry), MemoryUse::completed_exception);
    }
    memory_.free(slabs_, slab_capacity_ * sizeof(Entry*), MemoryUse::exception_table);
    for (std::uint64_t b = 0; b < bucket_count_; b += slab_buckets) {
        memory_.free(bucket_slabs_[b / slab_buckets], slab_buckets * sizeof(Index),
                     MemoryUse::exception_table);
    }
    memory_.free(bucket_slabs_, bucket_slab_capacity_ * sizeof(Index*), MemoryUse::exception_table);
}

ExceptionTable::Index ExceptionTable::find(ChunkIndex old_chunk, Index* before) const {
    if (bucket_count_ == 0) return end;
    Index previous = end;
    for (Index n = bucket(bucket_of(old_chunk.value)); n != end;) {
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

void ExceptionTable::expect(ChunkIndex old_chunk, unsigned step) const {
    if (bucket_count_ == 0) return;
    const Index& first = bucket(bucket_of(old_chunk.value));
    if (step == 0) {
        prefetch(&first);
        return;
    }
    fetch(first, step - 1);
}

void ExceptionTable::fetch(Index n, unsigned deep) const {
    for (; deep > 0 && n != end; --deep) n = entry(n).next;
    if (n == end) return;
    const auto* e = reinterpret_cast<const std::byte*>(&entry(n));
    prefetch(e);
    prefetch(e + sizeof(Entry) - 1);  // one entry in four lies in two lines
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
    Index& first = bucket(bucket_of(old_chunk.value));
    Index below = end;  // the last entry that starts at or below the chunk
    Index above = first;
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
    Index& link = below == end ? first : entry(below).next;
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
    (before == end ? bucket(bucket_of(old_chunk.value)) : entry(before).next) = e.next;
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
    if (bucket_count_ == 0) {
        if (!add_bucket_slab()) return Errc::enomem;
        half_ = bucket_count_ = slab_buckets;
    } else if (entry_count_ >= bucket_count_ * entries_per_bucket) {
        // A table that cannot grow its buckets still works, only slower.
        if (bucket_count_ % slab_buckets != 0 || add_bucket_slab()) split_bucket();
    }
    if (free_ != end || (slab_count_ > 0 && unused_ < slab_count_ * slab_entries)) return Errc::ok;

    if (slab_count_ == slab_capacity_ && !grow_directory(slabs_, slab_capacity_)) {
        return Errc::enomem;
    }
    constexpr std::size_t size = slab_entries * sizeof(Entry);
    void* slab = memory_.allocate(size, MemoryUse::completed_exception);
    if (slab == nullptr) return Errc::enomem;
    slabs_[slab_count_++] = static_cast<Entry*>(slab);
    bytes_ += size;
    return Errc::ok;
}

template <class T>
bool ExceptionTable::grow_directory(T**& slabs, Index& capacity) {
    const Index more = capacity == 0 ? 4 : capacity * 2;
    auto* grown = static_cast<T**>(memory_.allocate(more * sizeof(T*), MemoryUse::exception_table));
    if (grown == nullptr) return false;
    if (capacity > 0) std::memcpy(grown, slabs, capacity * sizeof(T*));
    memory_.free(slabs, capacity * sizeof(T*), MemoryUse::exception_table);
    bytes_ += (more - capacity) * sizeof(T*);
    slabs = grown;
    capacity = more;
    return true;
}

// Empty buckets after the last one; they are in use only when split_bucket() says so.
bool ExceptionTable::add_bucket_slab() {
    const std::uint64_t slab = bucket_count_ / slab_buckets;
    if (slab == bucket_slab_capacity_ && !grow_directory(bucket_slabs_, bucket_slab_capacity_)) {
        return false;
    }
    constexpr std::size_t size = slab_buckets * sizeof(Index);
    void* p = memory_.allocate(size, MemoryUse::exception_table);
    if (p == nullptr) return false;
    bucket_slabs_[slab] = static_cast<Index*>(p);
    for (std::uint64_t b = 0; b < slab_buckets; ++b) bucket_slabs_[slab][b] = end;
    bytes_ += size;
    return true;
}

// Moves what belongs there from its partner into one more bucket, keeping the order inside both:
// first inserted stays first found.
void ExceptionTable::split_bucket() {
    if (bucket_count_ == 2 * half_) half_ *= 2;
    const std::uint64_t added = bucket_count_++;
    const std::uint64_t from = added - half_;
    // The next ones are split one after the other; their lists come nearer entry by entry.
    for (unsigned deep = 0; deep < 4; ++deep) fetch(bucket((from + 16 - 4 * deep) % half_), deep);
    Index* low_tail = &bucket(from);
    Index* high_tail = &bucket(added);
    for (Index n = *low_tail; n != end;) {
        Entry& e = entry(n);
        Index*& tail = bucket_of(e.old_chunk()) == from ? low_tail : high_tail;
        const Index next = e.next;
        *tail = n;
        tail = &e.next;
        n = next;
    }
    *low_tail = end;
    *high_tail = end;
}

}  // namespace cowlab
