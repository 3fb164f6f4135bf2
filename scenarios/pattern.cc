#include "scenarios/pattern.h"

#include <cstring>

#include "base/bytes.h"
#include "base/check.h"
#include "base/hash.h"

namespace cowlab {
namespace {

constexpr std::size_t words_a_sector = sector_bytes / 8;

void fill_word(std::uint8_t* bytes, std::uint64_t word) {
    for (std::size_t i = 0; i + 1 < words_a_sector; ++i) store_le64(bytes + 8 * i, word);
    store_le64(bytes + 8 * (words_a_sector - 1), ~word);
}

bool is_pattern_sector(const std::uint8_t* bytes) {
    const std::uint64_t word = load_le64(bytes);
    if (!is_pattern(word)) return false;
    // Words 0 … 62 are equal exactly if words 1 … 62 are what stands one word before them.
    return std::memcmp(bytes, bytes + 8, sector_bytes - 16) == 0 &&
           load_le64(bytes + sector_bytes - 8) == ~word;
}

}  // namespace

void fill_pattern(std::uint8_t* bytes, std::uint64_t seed, std::uint64_t sector) {
    fill_word(bytes, pattern_word(seed, sector));
}

SectorContent recognise(const std::uint8_t* bytes) {
    if (is_pattern_sector(bytes)) return content_of(load_le64(bytes));
    if (all_zero(bytes, sector_bytes)) return content_of(zero_content);
    Fnv1a64 fnv;
    fnv.add(bytes, sector_bytes);
    SectorContent content{SectorContent::Kind::other};
    content.fnv = static_cast<std::uint32_t>(fnv.value());
    return content;
}

ContentId content_id(const std::uint8_t* bytes) {
    if (is_pattern_sector(bytes)) return load_le64(bytes);
    if (all_zero(bytes, sector_bytes)) return zero_content;
    constexpr std::uint64_t low_bytes = (std::uint64_t{1} << 56) - 1;
    return std::uint64_t{0xE1} << 56 | (hash64(bytes, sector_bytes) & low_bytes);
}

SectorContent content_of(ContentId id) {
    CHECK(id == zero_content || is_pattern(id), "only zeros and patterns are known by their id");
    if (id == zero_content) return {};
    SectorContent content{SectorContent::Kind::pattern};
    content.seed = static_cast<std::uint32_t>(id >> 32) & 0xffffff;
    content.sector = static_cast<std::uint32_t>(id);
    return content;
}

void materialise(ContentId id, std::uint8_t* bytes) {
    CHECK(id == zero_content || is_pattern(id), "only zeros and patterns are known by their id");
    if (id == zero_content) {
        std::memset(bytes, 0, sector_bytes);
    } else {
        fill_word(bytes, id);
    }
}

}  // namespace cowlab
