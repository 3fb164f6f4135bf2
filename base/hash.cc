#include "base/hash.h"

// Compiled in: a call into a library costs more than most of what is hashed here.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace cowlab {

std::uint64_t hash64(const void* data, std::size_t size, std::uint64_t seed) {
    return XXH3_64bits_withSeed(data, size, seed);
}

}  // namespace cowlab
