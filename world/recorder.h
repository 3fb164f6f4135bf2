// The recorder of a world: a ring of the latest records and a digest over all of them.
#pragma once

#include "base/arena.h"
#include "base/check.h"
#include "base/hash.h"
#include "reports/record.h"

namespace cowlab {

class Recorder {
  public:
    // Keeps the last `capacity` records (a power of two).
    Recorder(Arena& arena, std::uint32_t capacity)
        : ring_(static_cast<Record*>(arena.allocate(capacity * sizeof(Record)))),
          mask_(capacity - 1) {
        CHECK(ring_ != nullptr && (capacity & mask_) == 0, "a recorder has a ring");
    }
    void add(const Record& r) {
        ring_[count_ & mask_] = r;
        ++count_;
        digest_.add(r.time_us ^ r.a * 0x9e3779b97f4a7c15ULL);
        digest_.add(r.b ^ (std::uint64_t{r.actor} << 32 | std::uint64_t{r.kind} << 16 | r.detail));
        digest_.add(r.c);
    }
    std::uint64_t count() const { return count_; }
    std::uint64_t kept() const { return count_ <= mask_ ? count_ : std::uint64_t{mask_} + 1; }
    // The i-th of the kept ones, oldest first.
    const Record& at(std::uint64_t i) const { return ring_[(count_ - kept() + i) & mask_]; }
    const Record* ring() const { return ring_; }
    std::size_t ring_bytes() const { return (std::size_t{mask_} + 1) * sizeof(Record); }
    std::uint64_t digest() const { return digest_.value(); }
    void add_to_digest(std::uint64_t word) { digest_.add(word); }

  private:
    Record* ring_;
    std::uint32_t mask_;
    std::uint64_t count_ = 0;
    Digest digest_;
};

}  // namespace cowlab
