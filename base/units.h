// Sectors, bytes and chunks as different types: a chunk index is never a sector by accident.
//
// Conversions are named by their rounding. All quantities are 64 bits wide; arithmetic that would
// leave them is a bug of the caller (the biggest device is 2^55 sectors).
#pragma once

#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>

#include "base/check.h"

namespace cowlab {

inline constexpr std::uint64_t sector_bytes = 512;

// A count of 512-byte sectors, or a position counted in them from the start of a device.
struct Sectors {
    std::uint64_t value = 0;

    constexpr auto operator<=>(const Sectors&) const = default;
    constexpr std::uint64_t bytes() const { return value * sector_bytes; }
    constexpr Sectors operator+(Sectors o) const { return {value + o.value}; }
    constexpr Sectors operator-(Sectors o) const { return {value - o.value}; }
    constexpr Sectors& operator+=(Sectors o) {
        value += o.value;
        return *this;
    }
    constexpr Sectors& operator-=(Sectors o) {
        value -= o.value;
        return *this;
    }
};

constexpr Sectors min(Sectors a, Sectors b) { return a < b ? a : b; }
constexpr Sectors max(Sectors a, Sectors b) { return a < b ? b : a; }

// Whole sectors only: a byte count that is no multiple of 512 is a bug of the caller.
constexpr Sectors exact_sectors(std::uint64_t bytes) { return {bytes / sector_bytes}; }
constexpr Sectors sectors_ceil(std::uint64_t bytes) {
    return {(bytes + sector_bytes - 1) / sector_bytes};
}

// The number of a chunk on some device, counted from 0.
struct ChunkIndex {
    std::uint64_t value = 0;

    constexpr auto operator<=>(const ChunkIndex&) const = default;
    constexpr ChunkIndex operator+(std::uint64_t n) const { return {value + n}; }
    constexpr ChunkIndex operator-(std::uint64_t n) const { return {value - n}; }
    constexpr std::uint64_t operator-(ChunkIndex o) const { return value - o.value; }
};

// The size of a chunk: a power of two of sectors (spec §1), with the conversions that depend on it.
class ChunkSize {
  public:
    constexpr ChunkSize() = default;
    // REQUIRES: sectors is a power of two.
    constexpr explicit ChunkSize(Sectors sectors)
        : shift_(static_cast<unsigned>(std::countr_zero(sectors.value))), set_(true) {}

    // False for a size that is not known yet (a destination waiting for its handover).
    constexpr bool is_set() const { return set_; }
    constexpr Sectors sectors() const { return {set_ ? std::uint64_t{1} << shift_ : 0}; }
    constexpr std::uint64_t bytes() const { return sectors().bytes(); }

    constexpr ChunkIndex chunk_floor(Sectors s) const { return {s.value >> shift_}; }
    constexpr std::uint64_t chunks_ceil(Sectors s) const {
        return (s.value + sectors().value - 1) >> shift_;
    }
    constexpr Sectors start_of(ChunkIndex c) const { return {c.value << shift_}; }
    constexpr Sectors length_of(std::uint64_t chunks) const { return {chunks << shift_}; }
    constexpr Sectors offset_in_chunk(Sectors s) const { return {s.value & (sectors().value - 1)}; }
    constexpr bool operator==(const ChunkSize&) const = default;

  private:
    unsigned shift_ = 0;
    bool set_ = false;
};

constexpr bool is_multiple_of(Sectors s, Sectors unit) { return s.value % unit.value == 0; }

// A device as the kernel numbers it. Two names of one device have one number: identity is this.
struct DeviceNumber {
    std::uint32_t major = 0;
    std::uint32_t minor = 0;
    constexpr auto operator<=>(const DeviceNumber&) const = default;
};

// Time in a world's or a machine's own clock.
struct Milliseconds {
    std::uint64_t value = 0;
    constexpr auto operator<=>(const Milliseconds&) const = default;
    constexpr Milliseconds operator+(Milliseconds o) const { return {value + o.value}; }
};

}  // namespace cowlab
