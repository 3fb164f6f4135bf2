// The pattern golden writes into a sector: it names who wrote the sector and where.
//
// A sector is 64 little-endian words; words 0..62 are W(seed, sector), word 63 is its complement.
// W = 0xD5 << 56 | (seed & 0xffffff) << 32 | (sector & 0xffffffff). A *content id* says the same
// in 64 bits, for disks that keep no bytes: W itself for a pattern sector, 0 for zeros, and for
// anything else a hash of the bytes whose top byte is 0xE1, so that the three never meet.
#pragma once

#include <cstdint>

#include "base/units.h"
#include "model/content.h"

namespace cowlab {

constexpr std::uint64_t pattern_word(std::uint64_t seed, std::uint64_t sector) {
    return pattern_content(seed, Sectors{sector});
}

struct SectorContent {
    enum class Kind : std::uint8_t { zero, pattern, other };
    Kind kind = Kind::zero;
    std::uint32_t seed = 0;    // pattern: 24 bits
    std::uint32_t sector = 0;  // pattern: the low 32 bits of the number
    std::uint32_t fnv = 0;     // other: the low 32 bits of its FNV-1a-64
    constexpr bool operator==(const SectorContent&) const = default;
};

// `bytes` is one sector: 512 bytes, of any alignment.
void fill_pattern(std::uint8_t* bytes, std::uint64_t seed, std::uint64_t sector);
SectorContent recognise(const std::uint8_t* bytes);

ContentId content_id(const std::uint8_t* bytes);
constexpr bool is_pattern(ContentId id) { return id >> 56 == 0xD5; }
constexpr bool is_other(ContentId id) { return id >> 56 == 0xE1; }

// What an id of zeros or of a pattern stands for. REQUIRES: zero_content or is_pattern(id).
SectorContent content_of(ContentId id);
// The 512 bytes of such an id. REQUIRES: as above.
void materialise(ContentId id, std::uint8_t* bytes);

}  // namespace cowlab
