// What the port of the disks has shown: books for the ordering monitor.
//
// A DiskLedger numbers the writes that a disk ended and knows up to which of them a later flush
// has made them durable. A StoreLedger knows one COW device in use: the records that were written
// (told ok), which chunk's data is complete, and how far a merge has come. Both know requests and
// bytes, nothing of the engine but where its volumes stand.
//
// Memory comes from the world's arena, once per store that is met; O(chunks of C and O).
#pragma once

#include "engine/store_format.h"
#include "world/world.h"

namespace cowlab {

// The n-th write a disk ended, from 1; 0: durable from the start.
using WriteTime = std::uint32_t;

struct StoreLedger;

struct DiskLedger {
    std::uint32_t actor = 0;
    BaseDisk* base = nullptr;
    DeviceNumber number;       // of the device that stands for the disk in tables
    bool is_tampered = false;  // somebody wrote to it behind the engine's back, or it lies
    WriteTime writes = 0;
    WriteTime durable_up_to = 0;
    // The latest zeroing of a metadata area that ended well.
    Sectors zeroed_start;
    Sectors zeroed_length;
    WriteTime zeroed_at = 0;
    StoreLedger* store = nullptr;

    bool is_durable(WriteTime t) const {
        return t == 0 || !base->spec.write_cache || t <= durable_up_to;
    }
    bool reads_zero(Sectors start, Sectors length) const;
    bool was_zeroed(Sectors start, Sectors length) const {
        return zeroed_length.value > 0 && zeroed_start <= start &&
               zeroed_start + zeroed_length >= start + length;
    }
    void forget_what_is_in_flight() {
        writes = durable_up_to = zeroed_at = 0;
        zeroed_length = {0};
    }
};

struct StoreLedger {
    // A chunk of C.
    struct DataChunk {
        std::uint32_t covered = 0;  // sectors of a copy or full write that ended well
        WriteTime written_at = 0;
        std::uint32_t record_of = 0;         // the old chunk that names it, plus 1
        std::uint16_t writes_in_flight = 0;  // of users, to an exception that is there
        bool being_merged = false;
    };
    // A chunk of O.
    struct OldChunk {
        bool has_record = false;
        bool being_copied = false;  // by this merge: sectors below count
        WriteTime record_at = 0;
        WriteTime erased_at = 0;   // the record that a merge took away
        std::uint32_t merged = 0;  // sectors written to O by a merge
        WriteTime merged_at = 0;   // on O
    };
    struct Record {
        std::uint32_t old_chunk;
        std::uint32_t new_chunk;
    };
    enum class State : std::uint8_t { valid, invalid, unknown };

    // nullptr: too large to be followed, or no memory. What is on the medium now counts as durable.
    static StoreLedger* open(Arena& arena, Cells& cells, DiskLedger& disk, const Snapshot& snapshot,
                             Sectors origin_size);
    void close(Arena& arena);

    std::uint64_t per_area() const { return format::records_per_area(chunk); }
    // Sectors of a copy of this old chunk: the last one may be short.
    Sectors copy_length(ChunkIndex old) const {
        const Sectors start = chunk.start_of(old);
        return start < origin_size ? min(chunk.sectors(), origin_size - start) : Sectors{0};
    }
    bool is_complete(const DataChunk& d, ChunkIndex old) const {
        return d.covered >= copy_length(old).value;
    }

    ChunkSize chunk;
    Sectors origin_size;
    bool is_persistent = true;
    State state = State::valid;
    bool has_tail = false;  // records behind the end of the list, as it was found
    WriteTime invalid_at = 0;
    std::uint64_t chunk_count = 0;
    std::uint64_t old_count = 0;
    std::uint64_t record_count = 0;
    DataChunk* data = nullptr;
    OldChunk* olds = nullptr;
    Record* records = nullptr;

  private:
    void load(Cells& cells, DiskLedger& disk);
    std::size_t bytes() const {
        return sizeof(StoreLedger) + chunk_count * (sizeof(DataChunk) + sizeof(Record)) +
               old_count * sizeof(OldChunk);
    }
};

}  // namespace cowlab
