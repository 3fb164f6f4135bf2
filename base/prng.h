// The random numbers of the laboratory: integers only, the same on every compiler and flag.
//
// SplitMix64 (Steele, Lea, Flood 2014): one 64-bit word of state, so that a stream is cheap to
// save, to split and to reset. No distribution of the standard library is used anywhere: they
// differ between libraries, and a seed would not travel.
#pragma once

#include <cstdint>

#include "base/check.h"

namespace cowlab {

// A probability as a ratio: {3, 100} is 3 %.
struct Ratio {
    std::uint32_t numerator;
    std::uint32_t denominator;
};

constexpr std::uint64_t mix64(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

// A hash that keeps eight neighbours side by side: their slots share a cache line, and what is
// worked on together is found together.
constexpr std::uint64_t mix64_near(std::uint64_t key) { return mix64(key >> 3) << 3 | (key & 7); }

class Prng {
  public:
    constexpr Prng() = default;
    constexpr explicit Prng(std::uint64_t seed) : state_(seed) {}
    // A stream of its own for each (seed, stream) pair: drawing from one does not move the others.
    constexpr Prng(std::uint64_t seed, std::uint64_t stream)
        : state_(mix64(seed + 0x9e3779b97f4a7c15ULL) ^ mix64(~stream)) {}

    constexpr std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15ULL;
        return mix64(state_);
    }
    // Uniform in [0, n). REQUIRES: n > 0. (Bias below n / 2^64.)
    constexpr std::uint64_t below(std::uint64_t n) {
        return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * n) >> 64);
    }
    // Uniform in [low, high], both included. REQUIRES: low <= high.
    constexpr std::uint64_t between(std::uint64_t low, std::uint64_t high) {
        return high - low == UINT64_MAX ? next() : low + below(high - low + 1);
    }
    constexpr bool chance(Ratio r) { return below(r.denominator) < r.numerator; }

  private:
    std::uint64_t state_ = 0;
};

}  // namespace cowlab
