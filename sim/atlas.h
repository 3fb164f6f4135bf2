// The fault atlas: within which faults every guarantee must hold (spec §12.1), as data.
//
// A row allows one kind of fault on requests of some purposes, so often a run. What is drawn by
// swarm stays inside (a disk that vanished, shrank or is read-only fails whatever comes; the rows
// name what a campaign must have seen of it); `unlimited` runs leave it, and then only safety is
// judged: no crash, no hang, no broken invariant. Faults that a scenario names itself are not held
// against it: who writes `inject` knows why. A lie of the device (a flush that does nothing, a
// write that went elsewhere) is in no row: nothing can be promised then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>

#include "engine/port/block_device.h"
#include "engine/port/memory.h"

namespace cowlab {

enum class FaultKind : std::uint8_t {
    eio,          // nothing reached the medium
    eio_written,  // all of it did
    eio_partly,   // some sectors of it did
    latent,       // a sector is bad until it is rewritten
    flush,        // a flush, or the flush of a write with PREFLUSH, fails
    slow,         // one request late
    stall,        // a disk that answers nothing for a while
    vanish,       // a disk that fails everything
    shrink,       // sectors from somewhere on are gone
    read_only,    // writes fail
    no_memory,    // an allocation that can fail does (columns: MemoryUse)
    power_loss,   // armed on a request of this purpose
    lost_fill,    // zeros or garbage where a power loss took the newest content
    lie,          // the answer is ok, and it is not true (scenarios/verb.h: which)
};
inline constexpr std::size_t fault_kind_count = static_cast<std::size_t>(FaultKind::lie) + 1;
constexpr const char* name_of(FaultKind k) {
    constexpr const char* names[] = {
        "eio",    "eio-written", "eio-partly", "latent",    "flush-fails", "slow",      "stall",
        "vanish", "shrink",      "read-only",  "no-memory", "power-loss",  "lost-fill", "lie"};
    static_assert(std::size(names) == fault_kind_count, "a name for every kind of fault");
    return names[static_cast<std::size_t>(k)];
}
constexpr const char* name_of(MemoryUse use) {
    constexpr const char* names[] = {"request",
                                     "device",
                                     "target",
                                     "store",
                                     "exception-table",
                                     "completed-exception",
                                     "pending-exception",
                                     "copy-job",
                                     "origin"};
    static_assert(std::size(names) == static_cast<std::size_t>(MemoryUse::count_));
    return names[static_cast<std::size_t>(use)];
}

// What was delivered: plain numbers, a column a purpose (no_memory: a use).
using Delivered = std::uint32_t[fault_kind_count][purpose_count];

// On which disks a purpose is seen; forwarded requests, flushes and copies go to both.
enum class DeviceRole : std::uint8_t { origin, cow, either, memory };

struct AtlasRow {
    FaultKind kind;
    DeviceRole role;
    std::uint32_t purposes;   // bit p: Purpose p; no_memory: bit u: MemoryUse u
    std::uint32_t a_run_max;  // more than so many in one run are beyond the atlas
    const char* why;          // what makes the guarantees hold, or which of them is given up
};

constexpr std::uint32_t bit(Purpose p) { return 1u << static_cast<unsigned>(p); }
constexpr std::uint32_t bit(MemoryUse u) { return 1u << static_cast<unsigned>(u); }

inline constexpr std::uint32_t reads_of_stores =
    bit(Purpose::header_read) | bit(Purpose::area_read);
inline constexpr std::uint32_t writes_of_stores =
    bit(Purpose::header_write) | bit(Purpose::area_write) | bit(Purpose::area_zeroing);
inline constexpr std::uint32_t data_reads = bit(Purpose::forwarded) | bit(Purpose::copy_read);
inline constexpr std::uint32_t data_writes = bit(Purpose::forwarded) | bit(Purpose::copy_write) |
                                             bit(Purpose::full_write) | bit(Purpose::chunk_zeroing);

inline constexpr AtlasRow atlas[] = {
    {FaultKind::eio, DeviceRole::either,
     data_reads | data_writes | reads_of_stores | writes_of_stores | bit(Purpose::discard), 10'000,
     "a failed copy or commit invalidates its snapshot only; a failed header write gives up I25"},
    {FaultKind::eio_written, DeviceRole::either, data_writes | writes_of_stores, 10'000,
     "whoever was told of an error counts on neither content"},
    {FaultKind::eio_partly, DeviceRole::either, data_writes | writes_of_stores, 10'000,
     "sector by sector the one or the other; records never share a torn sector"},
    {FaultKind::latent, DeviceRole::either, data_reads | reads_of_stores, 64,
     "a store whose records cannot be read does not load; nothing wrong is shown"},
    {FaultKind::flush, DeviceRole::either,
     bit(Purpose::flush) | bit(Purpose::merge_flush) | bit(Purpose::area_write) |
         bit(Purpose::header_write),
     10'000, "what was not flushed is not counted on; a merge run that cannot flush fails"},
    {FaultKind::slow, DeviceRole::either,
     data_reads | data_writes | reads_of_stores | writes_of_stores | bit(Purpose::discard) |
         bit(Purpose::flush) | bit(Purpose::merge_flush),
     1'000'000, "time is no promise"},
    {FaultKind::stall, DeviceRole::either,
     data_reads | data_writes | writes_of_stores | reads_of_stores | bit(Purpose::discard) |
         bit(Purpose::flush) | bit(Purpose::merge_flush),
     1'000, "time is no promise"},
    {FaultKind::vanish, DeviceRole::either,
     bit(Purpose::forwarded) | bit(Purpose::copy_read) | bit(Purpose::copy_write) |
         bit(Purpose::header_read) | bit(Purpose::header_write) | bit(Purpose::flush),
     10'000, "every request of the disk fails, as with eio"},
    {FaultKind::shrink, DeviceRole::either,
     bit(Purpose::forwarded) | bit(Purpose::copy_read) | bit(Purpose::copy_write), 10'000,
     "what lies beyond fails, as with eio"},
    {FaultKind::read_only, DeviceRole::either,
     bit(Purpose::forwarded) | bit(Purpose::copy_write) | bit(Purpose::header_write) |
         bit(Purpose::area_write),
     10'000, "every write fails, as with eio"},
    {FaultKind::no_memory, DeviceRole::memory,
     bit(MemoryUse::device) | bit(MemoryUse::target) | bit(MemoryUse::store) |
         bit(MemoryUse::exception_table) | bit(MemoryUse::completed_exception) |
         bit(MemoryUse::pending_exception) | bit(MemoryUse::origin),
     10'000, "a table that cannot be built is refused; a copy nobody can remember invalidates"},
    {FaultKind::power_loss, DeviceRole::either,
     data_reads | data_writes | reads_of_stores | writes_of_stores | bit(Purpose::flush) |
         bit(Purpose::merge_flush),
     1'000, "docs/guarantees.md"},
    // lost_fill has no row: a disk that loses what it once kept durably keeps no promise. Nor has
    // lie.
};

constexpr const AtlasRow* atlas_row(FaultKind kind) {
    for (const AtlasRow& row : atlas) {
        if (row.kind == kind) return &row;
    }
    return nullptr;
}
constexpr bool atlas_allows(FaultKind kind, std::uint32_t column, std::uint32_t delivered) {
    const AtlasRow* row = atlas_row(kind);
    return row != nullptr && (row->purposes >> column & 1) != 0 && delivered < row->a_run_max;
}

}  // namespace cowlab
