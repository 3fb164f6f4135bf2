// For tests: the format once more, in code that shares no line with the one under test, for sound
// stores only.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace cowlab::store::test {

// A sound store: the given records in order, and in each byte of a data chunk the chunk's number.
inline std::vector<std::byte> make_store(
    std::uint32_t chunk_size, std::uint64_t chunks,
    const std::vector<std::pair<std::uint64_t, std::uint64_t>>& records, std::uint32_t valid = 1) {
    const std::uint64_t chunk = std::uint64_t{chunk_size} * 512;
    std::vector<std::byte> image(chunks * chunk);
    const auto put = [&](std::uint64_t at, std::uint64_t v, std::size_t n) {
        std::memcpy(&image[at], &v, n);
    };
    for (std::uint64_t c = 0; c < chunks; ++c) {
        const bool metadata = c == 0 || c % (chunk / 16 + 1) == 1;
        std::memset(&image[c * chunk], metadata ? 0 : static_cast<int>(c & 0xff), chunk);
    }
    put(0, 0x70416e53, 4);
    put(4, valid, 4);
    put(8, 1, 4);
    put(12, chunk_size, 4);
    for (std::uint64_t i = 0; i < records.size(); ++i) {
        const std::uint64_t area = i / (chunk / 16);
        const std::uint64_t at = (1 + area * (chunk / 16 + 1)) * chunk + i % (chunk / 16) * 16;
        put(at, records[i].first, 8);
        put(at + 8, records[i].second, 8);
    }
    return image;
}

// What a sound store says.
struct PlainStore {
    struct Record {
        std::uint64_t old_chunk, new_chunk, byte;
    };
    std::uint32_t magic = 0, valid = 0, version = 0, chunk_size = 0;
    std::vector<Record> records;
    std::vector<std::uint64_t> area_bytes;    // where each area begins
    std::vector<std::uint64_t> area_records;  // how many records it has
    std::uint64_t terminator = 0;             // byte

    static std::uint64_t number(std::span<const std::byte> image, std::uint64_t at, int size) {
        std::uint64_t v = 0;
        for (int i = size; i-- > 0;)
            v = v << 8 | static_cast<std::uint64_t>(image[at + static_cast<unsigned>(i)]);
        return v;
    }
    static PlainStore of(std::span<const std::byte> image) {
        PlainStore s;
        if (image.size() < 16) return s;
        s.magic = static_cast<std::uint32_t>(number(image, 0, 4));
        s.valid = static_cast<std::uint32_t>(number(image, 4, 4));
        s.version = static_cast<std::uint32_t>(number(image, 8, 4));
        s.chunk_size = static_cast<std::uint32_t>(number(image, 12, 4));
        const std::uint64_t chunk = std::uint64_t{s.chunk_size} * 512;
        if (s.magic != 0x70416e53 || chunk == 0) return s;
        for (std::uint64_t at = chunk; at + chunk <= image.size(); at += chunk * (chunk / 16 + 1)) {
            s.area_bytes.push_back(at);
            s.area_records.push_back(0);
            for (std::uint64_t r = at; r < at + chunk; r += 16) {
                s.terminator = r;
                if (number(image, r + 8, 8) == 0) return s;
                s.records.push_back({number(image, r, 8), number(image, r + 8, 8), r});
                ++s.area_records.back();
            }
        }
        s.terminator = 0;
        return s;
    }
};

}  // namespace cowlab::store::test
