#include "world/checkers/port_ledger.h"

#include <new>

#include "engine/snapshot.h"

namespace cowlab {
namespace {
constexpr std::uint64_t chunks_max = std::uint64_t{1} << 16;
}  // namespace

bool DiskLedger::reads_zero(Sectors start, Sectors length) const {
    for (std::uint64_t i = 0; i < length.value; ++i) {
        if (base->medium->raw_read(start + Sectors{i}) != zero_content) return false;
    }
    return true;
}

StoreLedger* StoreLedger::open(Arena& arena, Cells& cells, DiskLedger& disk,
                               const Snapshot& snapshot, Sectors origin_size) {
    StoreLedger fresh;
    fresh.chunk = snapshot.chunk_size();
    fresh.origin_size = origin_size;
    fresh.is_persistent = snapshot.store().letter() == 'P';
    fresh.chunk_count = fresh.chunk.chunk_floor(disk.base->spec.size).value;
    fresh.old_count = fresh.chunk.chunks_ceil(origin_size);
    if (fresh.chunk_count > chunks_max || fresh.old_count > chunks_max) return nullptr;
    auto* memory = static_cast<std::byte*>(arena.allocate(fresh.bytes()));
    if (memory == nullptr) return nullptr;
    auto& store = *new (memory) StoreLedger(fresh);
    store.data = new (memory + sizeof(StoreLedger)) DataChunk[store.chunk_count];
    store.olds = new (store.data + store.chunk_count) OldChunk[store.old_count];
    store.records = new (store.olds + store.old_count) Record[store.chunk_count];
    if (store.is_persistent) store.load(cells, disk);
    return &store;
}

void StoreLedger::close(Arena& arena) { arena.free(this, bytes()); }

// A list that no load would believe is not followed.
void StoreLedger::load(Cells& cells, DiskLedger& disk) {
    std::uint8_t bytes[sector_bytes];
    const auto read = [&](Sectors sector) {
        cells.bytes_of(disk.base->medium->raw_read(sector), bytes);
    };
    state = State::unknown;
    if (disk.base->spec.size.value == 0) return;
    read({0});
    const format::Header header = format::Header::read(bytes);
    if (header.magic != format::magic || Sectors{header.chunk_size} != chunk.sectors()) return;
    if (header.valid == 0) {
        state = State::invalid;
        return;
    }
    for (std::uint64_t area = 0;; ++area) {
        const ChunkIndex at = format::area_chunk(chunk, area);
        if (at.value >= chunk_count) break;
        for (std::uint64_t i = 0; i < per_area(); ++i) {
            if (i % format::records_per_sector == 0)
                read(chunk.start_of(at) + Sectors{i / format::records_per_sector});
            const format::Record r = format::Record::read(bytes, i % format::records_per_sector);
            if (r.ends_list()) {
                state = State::valid;
                for (std::uint64_t j = i; j < per_area() && !has_tail; ++j) {
                    if (j % format::records_per_sector == 0)
                        read(chunk.start_of(at) + Sectors{j / format::records_per_sector});
                    has_tail =
                        !format::Record::read(bytes, j % format::records_per_sector).ends_list();
                }
                return;
            }
            if (r.new_chunk.value >= chunk_count || record_count >= chunk_count) return;
            if (r.old_chunk.value >= old_count || olds[r.old_chunk.value].has_record) return;
            records[record_count++] = {static_cast<std::uint32_t>(r.old_chunk.value),
                                       static_cast<std::uint32_t>(r.new_chunk.value)};
            olds[r.old_chunk.value].has_record = true;
            DataChunk& d = data[r.new_chunk.value];
            d.record_of = static_cast<std::uint32_t>(r.old_chunk.value) + 1;
            d.covered = static_cast<std::uint32_t>(chunk.sectors().value);
        }
    }
    state = State::valid;  // the last area is full, and there is no room for another
}

}  // namespace cowlab
