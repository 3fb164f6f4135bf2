// What a sector holds, as the model sees it: a 64-bit content id. 0 is zeros, everything else is
// opaque; two sectors are equal when their ids are.
#pragma once

#include <cstdint>

#include "base/units.h"

namespace cowlab {

using ContentId = std::uint64_t;

inline constexpr ContentId zero_content = 0;

// The id of the sector pattern of the scenario language (`write DEV S N SEED`, `fill SEED`).
constexpr ContentId pattern_content(std::uint64_t seed, Sectors sector) {
    return std::uint64_t{0xD5} << 56 | (seed & 0xffffff) << 32 | (sector.value & 0xffffffff);
}

// What a run of sectors holds, without storing it sector by sector: what a disk holds at first
// (`sector` counts from the start of the disk), or what a request writes (`sector` counts on the
// volume written, `index` from the start of the request).
struct Content {
    enum class Kind : std::uint8_t { zero, pattern, table, function };
    using Function = ContentId (*)(void* context, Sectors sector, std::uint64_t index);

    Kind kind = Kind::zero;
    std::uint32_t seed = 0;
    const ContentId* ids = nullptr;  // table: one id for each index below `count`, then zeros
    std::uint64_t count = 0;
    Function function = nullptr;  // function: must answer the same each time
    void* context = nullptr;

    static constexpr Content zeros() { return {}; }
    static constexpr Content pattern(std::uint32_t seed) {
        return {Kind::pattern, seed, nullptr, 0, nullptr, nullptr};
    }
    // The table is not copied: it must outlive the request, or for a disk the model.
    static constexpr Content table(const ContentId* ids, std::uint64_t count) {
        return {Kind::table, 0, ids, count, nullptr, nullptr};
    }
    static constexpr Content from(Function function, void* context) {
        return {Kind::function, 0, nullptr, 0, function, context};
    }

    ContentId at(Sectors sector, std::uint64_t index) const {
        switch (kind) {
            case Kind::zero: return zero_content;
            case Kind::pattern: return pattern_content(seed, sector);
            case Kind::table: return index < count ? ids[index] : zero_content;
            case Kind::function: return function(context, sector, index);
        }
        return zero_content;
    }
};

// What a disk holds before anybody wrote to it; `index` is the sector.
using InitialContent = Content;

}  // namespace cowlab
