// Little-endian access to bytes at any alignment.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace cowlab {

static_assert(std::endian::native == std::endian::little,
              "a big-endian host would need byte swaps here");

inline std::uint32_t load_le32(const void* p) {
    std::uint32_t v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
inline std::uint64_t load_le64(const void* p) {
    std::uint64_t v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
inline void store_le32(void* p, std::uint32_t v) { std::memcpy(p, &v, sizeof v); }
inline void store_le64(void* p, std::uint64_t v) { std::memcpy(p, &v, sizeof v); }

inline bool all_zero(const void* p, std::size_t n) {
    const auto* b = static_cast<const unsigned char*>(p);
    return n == 0 || (b[0] == 0 && std::memcmp(b, b + 1, n - 1) == 0);
}

}  // namespace cowlab
