// The persistent exception store on the medium (spec §9.1–9.4): numbers and offsets, nothing else.
//
//     chunk 0                     header
//     chunk 1 + stride*a          metadata area a, stride = records per area + 1
//     every other chunk           data, from chunk 2 on
//
// All fields are little endian. docs/format.md works through an image byte by byte.
#pragma once

#include "base/bytes.h"
#include "base/units.h"

namespace cowlab::format {

inline constexpr std::uint32_t magic = 0x70416e53;  // bytes 'S' 'n' 'A' 'p'
inline constexpr std::uint32_t version = 1;
inline constexpr std::size_t record_bytes = 16;
inline constexpr std::uint64_t records_per_sector = sector_bytes / record_bytes;
inline constexpr ChunkIndex first_data_chunk{2};
// Run counts live in the top byte of the in-memory word, so a chunk number has 56 bits (spec §9.3).
inline constexpr std::uint64_t chunk_number_limit = std::uint64_t{1} << 56;
// floor(INT_MAX / 512): a chunk is smaller than 2 GiB (spec §1).
inline constexpr Sectors chunk_size_max{4194303};
inline constexpr Sectors chunk_size_default{32};

struct Header {
    std::uint32_t magic;
    std::uint32_t valid;  // 0: invalidated; anything else: usable
    std::uint32_t version;
    std::uint32_t chunk_size;  // sectors

    static Header read(const void* p) {
        const auto* b = static_cast<const unsigned char*>(p);
        return {load_le32(b), load_le32(b + 4), load_le32(b + 8), load_le32(b + 12)};
    }
    void write(void* p) const {
        auto* b = static_cast<unsigned char*>(p);
        store_le32(b, magic);
        store_le32(b + 4, valid);
        store_le32(b + 8, version);
        store_le32(b + 12, chunk_size);
    }
};
inline constexpr std::size_t header_bytes = 16;

struct Record {
    ChunkIndex old_chunk;
    ChunkIndex new_chunk;  // 0 ends the list: chunk 0 is the header

    static Record read(const void* area, std::uint64_t index) {
        const auto* b = static_cast<const unsigned char*>(area) + index * record_bytes;
        return {{load_le64(b)}, {load_le64(b + 8)}};
    }
    void write(void* area, std::uint64_t index) const {
        auto* b = static_cast<unsigned char*>(area) + index * record_bytes;
        store_le64(b, old_chunk.value);
        store_le64(b + 8, new_chunk.value);
    }
    bool ends_list() const { return new_chunk.value == 0; }
};

constexpr std::uint64_t records_per_area(ChunkSize c) { return c.bytes() / record_bytes; }
constexpr std::uint64_t area_stride(ChunkSize c) { return records_per_area(c) + 1; }
constexpr ChunkIndex area_chunk(ChunkSize c, std::uint64_t area) {
    return {1 + area_stride(c) * area};
}
constexpr bool is_metadata_chunk(ChunkSize c, ChunkIndex chunk) {
    return chunk.value == 0 || chunk.value % area_stride(c) == 1;
}

static_assert(area_chunk(ChunkSize(Sectors{8}), 0).value == 1);
static_assert(area_chunk(ChunkSize(Sectors{1}), 1).value == 34);

}  // namespace cowlab::format
