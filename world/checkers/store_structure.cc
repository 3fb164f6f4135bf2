#include "world/checkers/store_structure.h"

#include <algorithm>

#include "engine/store_format.h"

namespace cowlab {
namespace {

class StoreReader {
  public:
    StoreReader(Cells& cells, Medium& medium) : cells_(cells), medium_(medium) {}
    // The sector that holds byte `at`; valid until the next call.
    const std::uint8_t* sector_of(std::uint64_t at) {
        const std::uint64_t sector = at / sector_bytes;
        if (sector != loaded_) {
            loaded_ = sector;
            cells_.bytes_of(medium_.raw_read({sector}), bytes_);
        }
        return bytes_;
    }
    format::Record record(std::uint64_t at) {
        return format::Record::read(sector_of(at), at % sector_bytes / format::record_bytes);
    }

  private:
    Cells& cells_;
    Medium& medium_;
    std::uint64_t loaded_ = UINT64_MAX;
    std::uint8_t bytes_[sector_bytes];
};

}  // namespace

void check_store_structure(Arena& arena, Cells& cells, Medium& medium, const ExceptionTable* table,
                           StructureFinding& finding) {
    const auto found = [&](std::uint32_t invariant) -> TextSink& {
        finding.found = true;
        finding.invariant = invariant;
        return finding.text;
    };
    if (medium.capacity().value == 0) return;
    StoreReader reader(cells, medium);
    const format::Header header = format::Header::read(reader.sector_of(0));
    if (header.magic == 0) return;  // no snapshot here (yet)
    const Sectors size{header.chunk_size};
    if (header.magic != format::magic || header.version != format::version) {
        found(13) << "chunk 0 is not a header of ours";
        return;
    }
    if (size.value == 0 || !std::has_single_bit(size.value) || size > format::chunk_size_max) {
        found(13) << "the header's chunk size is " << size.value;
        return;
    }
    if (header.valid == 0) return;  // nothing below is believed any more
    const ChunkSize c(size);
    const std::uint64_t chunks = medium.capacity().value / size.value;
    // Every old chunk once: collected, sorted, looked at in pairs.
    const std::uint64_t capacity = chunks + 1;
    auto* olds = static_cast<std::uint64_t*>(arena.allocate(capacity * sizeof(std::uint64_t)));
    if (olds == nullptr) return;
    std::uint64_t count = 0;
    std::uint64_t last_new = 1;
    for (std::uint64_t area = 0; !finding.found; ++area) {
        const ChunkIndex chunk = format::area_chunk(c, area);
        if (chunk.value >= chunks) {
            if (area == 0) break;  // a store that never got its first area
            found(10) << "area " << (area - 1)
                      << " is full and the next one lies outside the device";
            break;
        }
        bool ended = false;
        for (std::uint64_t i = 0; i < format::records_per_area(c); ++i) {
            const std::uint64_t at = c.start_of(chunk).bytes() + i * format::record_bytes;
            const format::Record r = reader.record(at);
            if (r.ends_list()) {
                ended = true;
                break;
            }
            if (r.new_chunk.value >= chunks || format::is_metadata_chunk(c, r.new_chunk)) {
                found(2) << "area " << area << " record " << i << " points at chunk "
                         << r.new_chunk.value;
                break;
            }
            if (r.new_chunk.value <= last_new) {
                found(2) << "area " << area << " record " << i << ": chunk " << r.new_chunk.value
                         << " was not allocated after " << last_new;
                break;
            }
            last_new = r.new_chunk.value;
            if (table != nullptr && table->lookup(r.old_chunk) != r.new_chunk) {
                found(14) << "area " << area << " record " << i << ": chunk " << r.old_chunk.value
                          << " -> " << r.new_chunk.value << " is on the disk and not in the table";
                break;
            }
            CHECK(count < capacity, "more records than chunks were found already");
            olds[count++] = r.old_chunk.value;
        }
        if (ended) break;
    }
    if (!finding.found) {
        std::sort(olds, olds + count);
        for (std::uint64_t i = 1; i < count; ++i) {
            if (olds[i] == olds[i - 1]) found(1) << "chunk " << olds[i] << " has two records";
        }
    }
    if (!finding.found && table != nullptr && table->exception_count() != count) {
        found(14) << table->exception_count() << " exceptions in the table, " << count
                  << " on the disk";
    }
    arena.free(olds, capacity * sizeof(std::uint64_t));
}

}  // namespace cowlab
