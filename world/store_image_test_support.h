// For tests: a persistent store put straight onto a medium, without an engine, a million records in
// a fraction of a second.
#pragma once

#include <cstring>

#include "engine/store_format.h"
#include "world/cells.h"
#include "world/medium.h"

namespace cowlab {

// The i-th exception of a store as an engine would place it: data chunks in order, areas left out.
constexpr ChunkIndex nth_data_chunk(ChunkSize c, std::uint64_t i) {
    const std::uint64_t per_area = format::records_per_area(c);
    return {2 + i + i / per_area};
}
// Sectors that a COW device needs for so many exceptions, the area after the last one included.
constexpr Sectors store_size(ChunkSize c, std::uint64_t exceptions) {
    return c.start_of(nth_data_chunk(c, exceptions) + 2);
}

// Header and areas for `count` exceptions; old_of(i) is the old chunk of the i-th. Chunks of data
// keep what the medium holds.
template <class OldOf>
void write_store(Cells& cells, Medium& medium, ChunkSize c, std::uint64_t count, OldOf&& old_of) {
    std::uint8_t sector[sector_bytes] = {};
    format::Header{format::magic, 1, format::version, static_cast<std::uint32_t>(c.sectors().value)}
        .write(sector);
    medium.raw_write({0}, cells.keep(sector));
    const std::uint64_t per_area = format::records_per_area(c);
    // One sector of records after the other; the one after the last is zeros and ends the list.
    for (std::uint64_t first = 0; first <= count; first += format::records_per_sector) {
        std::memset(sector, 0, sizeof sector);
        for (std::uint64_t i = first; i < first + format::records_per_sector && i < count; ++i) {
            format::Record{ChunkIndex{old_of(i)}, nth_data_chunk(c, i)}.write(sector, i - first);
        }
        const Sectors area = c.start_of(format::area_chunk(c, first / per_area));
        medium.raw_write(area + Sectors{first % per_area / format::records_per_sector},
                         cells.keep(sector));
    }
    // The rest of the last area (and of a header's chunk nothing is read).
    const std::uint64_t used =
        (count % per_area + format::records_per_sector) / format::records_per_sector;
    const Sectors last = c.start_of(format::area_chunk(c, count / per_area));
    for (std::uint64_t s = used; s < c.sectors().value; ++s)
        medium.raw_write(last + Sectors{s}, zero_content);
}

}  // namespace cowlab
