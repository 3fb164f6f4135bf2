// Exceptions being made: space is allocated, and copy, full write or commit is not finished (§7).
//
// A pending exception is found by its old chunk until it is finished, waits for its turn by its
// sequence number, and carries the bios that wait for it. It is allocated from a bounded reserve
// when memory fails: allocation never fails, it waits.
#pragma once

#include "base/prefetch.h"
#include "base/prng.h"
#include "engine/copier.h"
#include "engine/exception_store.h"
#include "engine/target_bio.h"

namespace cowlab {

class Snapshot;

struct PendingTag;
struct ParkedTag;

struct PendingException : StoredException, ListNode<PendingTag>, ListNode<ParkedTag> {
    Snapshot* snapshot = nullptr;
    std::uint64_t sequence = 0;
    bool started = false;
    bool copy_error = false;
    bool from_reserve = false;
    // Origin writes that may go on when every snapshot has its copy; snapshot writes that wait for
    // the data of their chunk; the whole-chunk write that replaces the copy.
    List<Bio> origin_bios;
    List<Bio> snapshot_bios;
    TargetBio* full_bio = nullptr;
    void (*full_bio_done)(Bio&) = nullptr;
    CopyJob job;
};

// An intrusive hash of pending exceptions by a 64-bit key; buckets grow with the content, so that
// neither a deep queue nor 10^5 completions in reverse order make it quadratic.
template <class Tag, std::uint64_t (*Key)(const PendingException&)>
class PendingIndex {
  public:
    explicit PendingIndex(Memory& memory) : memory_(memory) {}
    ~PendingIndex() {
        CHECK(size_ == 0, "INV-5: no exception is pending when its table goes");
        if (buckets_ != &first_bucket_) free_buckets(buckets_, bucket_count_);
    }
    PendingIndex(const PendingIndex&) = delete;

    PendingException* find(std::uint64_t key) const {
        for (PendingException& e : buckets_[slot(key)]) {
            if (Key(e) == key) return &e;
        }
        return nullptr;
    }
    // Advice: find(key) comes soon.
    void expect(std::uint64_t key) const {
        const Bucket& bucket = buckets_[slot(key)];
        if (bucket.empty()) return;
        const auto* e = reinterpret_cast<const std::byte*>(&bucket.front());
        for (std::size_t line = 0; line < sizeof(PendingException); line += 64) prefetch(e + line);
    }
    void insert(PendingException& e) {
        if (size_ >= bucket_count_ * 2) grow();
        buckets_[slot(Key(e))].push_back(e);
        ++size_;
    }
    void remove(PendingException& e) {
        static_cast<ListNode<Tag>&>(e).unlink();
        --size_;
    }
    std::uint64_t size() const { return size_; }
    template <class F>
    void for_each(F&& visit) const {
        for (std::uint64_t b = 0; b < bucket_count_; ++b) {
            for (PendingException& e : buckets_[b]) visit(e);
        }
    }

  private:
    using Bucket = List<PendingException, Tag>;
    std::uint64_t slot(std::uint64_t key) const { return mix64_near(key) & (bucket_count_ - 1); }
    void free_buckets(Bucket* buckets, std::uint64_t count) {
        memory_.free(buckets, count * sizeof(Bucket), MemoryUse::exception_table);
    }
    void grow() {
        const std::uint64_t count = bucket_count_ * 4;
        void* p = memory_.allocate(count * sizeof(Bucket), MemoryUse::exception_table);
        if (p == nullptr) return;  // slower, not wrong
        auto* buckets = static_cast<Bucket*>(p);
        for (std::uint64_t b = 0; b < count; ++b) new (&buckets[b]) Bucket();
        Bucket* before = buckets_;
        const std::uint64_t before_count = bucket_count_;
        buckets_ = buckets;
        bucket_count_ = count;
        for (std::uint64_t b = 0; b < before_count; ++b) {
            while (!before[b].empty()) {
                PendingException& e = before[b].pop_front();
                buckets_[slot(Key(e))].push_back(e);
            }
        }
        if (before != &first_bucket_) free_buckets(before, before_count);
    }

    Memory& memory_;
    Bucket first_bucket_;
    Bucket* buckets_ = &first_bucket_;
    std::uint64_t bucket_count_ = 1;
    std::uint64_t size_ = 0;
};

inline std::uint64_t pending_key(const PendingException& e) { return e.old_chunk.value; }
inline std::uint64_t parked_key(const PendingException& e) { return e.sequence; }

using PendingTable = PendingIndex<PendingTag, pending_key>;
using ParkedExceptions = PendingIndex<ParkedTag, parked_key>;

// Pending exceptions of one snapshot: from Memory, else from a reserve, else waits for one.
class PendingPool {
  public:
    explicit PendingPool(Engine& engine) : engine_(engine) {}
    ~PendingPool();
    PendingPool(const PendingPool&) = delete;

    // ENOMEM: not even the reserve can be had (constructor).
    Errc reserve(std::uint32_t count);
    // Fiber: may wait; always a window for others (hazard H1).
    PendingException& allocate(Snapshot& snapshot);
    void free(PendingException& e);
    // Allocated and not freed: what a destructor waits for.
    std::uint64_t live() const { return live_; }
    void wait_until_none_live();
    // Somebody waits on a queue of the snapshot without holding an exception of it.
    void keep_alive() { ++live_; }
    void let_go() {
        --live_;
        freed_.wake_all(engine_.executor);
    }

  private:
    Engine& engine_;
    PendingException* reserve_ = nullptr;
    std::uint32_t reserve_size_ = 0;
    List<StoredException> reserve_free_;
    std::uint64_t live_ = 0;
    WaitQueue freed_;
};

}  // namespace cowlab
