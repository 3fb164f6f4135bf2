// Where a generator's decisions come from: a seed, or a string of bytes.
//
// From bytes it is total: every string is a scenario, a short one is a short scenario, and a byte
// changed changes little more than what it decided. When the bytes are used up every draw is 0 and
// every chance is no. So a fuzzer's mutations and a shrinker's cuts mean something.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/prng.h"

namespace cowlab {

// Read from the front, by everybody who draws from it. The bytes stay the caller's.
class ByteString {
  public:
    explicit ByteString(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
    bool is_used_up() const { return at_ >= bytes_.size(); }
    std::uint64_t next() { return is_used_up() ? 0 : bytes_[at_++]; }

  private:
    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
};

class Draws {
  public:
    explicit Draws(Prng prng) : prng_(prng) {}
    // Borrows `bytes`.
    explicit Draws(ByteString& bytes) : bytes_(&bytes) {}

    bool are_used_up() const { return bytes_ != nullptr && bytes_->is_used_up(); }

    // In [0, n). REQUIRES: n > 0.
    std::uint64_t below(std::uint64_t n) {
        if (bytes_ == nullptr) return prng_.below(n);
        CHECK(n > 0, "a draw has something to draw from");
        std::uint64_t value = 0;
        for (std::uint64_t most = n - 1; most > 0; most >>= 8) value = value << 8 | bytes_->next();
        return value % n;
    }
    // In [low, high], both included. REQUIRES: low <= high.
    std::uint64_t between(std::uint64_t low, std::uint64_t high) {
        return low + below(high - low + 1);
    }
    bool chance(Ratio r) {
        if (bytes_ == nullptr) return prng_.chance(r);
        return below(r.denominator) >= r.denominator - r.numerator;
    }

  private:
    Prng prng_;
    ByteString* bytes_ = nullptr;
};

}  // namespace cowlab
