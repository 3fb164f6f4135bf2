// Hashes: xxHash for digests and tables of content, FNV-1a-64 where golden's answers ask for it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cowlab {

// XXH3, 64 bits.
std::uint64_t hash64(const void* data, std::size_t size, std::uint64_t seed = 0);

// A digest over a sequence of 64-bit words; its state is one word, so that it may be copied with
// the memory of a world. Order matters; an empty sequence has the digest of its seed.
class Digest {
  public:
    constexpr void add(std::uint64_t word) {
        state_ = (state_ ^ word) * 0x9fb21c651e98df25ULL;
        state_ ^= state_ >> 32;
    }
    void add_bytes(const void* data, std::size_t size) { add(hash64(data, size)); }
    constexpr std::uint64_t value() const { return state_; }

  private:
    std::uint64_t state_ = 0x243f6a8885a308d3ULL;
};

class Fnv1a64 {
  public:
    void add(const void* data, std::size_t size) {
        const auto* p = static_cast<const unsigned char*>(data);
        for (std::size_t i = 0; i < size; ++i) state_ = (state_ ^ p[i]) * 0x100000001b3ULL;
    }
    std::uint64_t value() const { return state_; }

  private:
    std::uint64_t state_ = 0xcbf29ce484222325ULL;
};

}  // namespace cowlab
