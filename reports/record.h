// Records: what happened in a run, as fixed-size entries that describe themselves.
//
// Producers write entries and the table that explains them (kind -> name, columns); a reader needs
// that table and nothing else, so that old runs stay readable (decision 6). Writing an entry costs
// a few stores; text is made when somebody wants to look.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cowlab {

struct Record {
    std::uint64_t time_us = 0;
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    std::uint64_t c = 0;
    std::uint32_t actor = 0;  // actor_id() of a disk's or device's name; 0: the world itself
    std::uint16_t kind = 0;   // index into the table
    std::uint16_t detail = 0;
};
static_assert(sizeof(Record) == 40);

struct RecordColumn {
    const char* name;
    const char* unit;  // "sectors", "chunk", "us", "", …
};

struct RecordKind {
    const char* name;
    RecordColumn detail, a, b, c;
};

// Kinds written by the laboratory; engine events follow from `engine_event` on, in their order.
enum class RecordType : std::uint16_t {
    request_issued,  // detail: purpose << 2 | op; a: start, b: length, c: flags (1 preflush, 2 fua)
    request_done,    // detail: purpose << 2 | op; a: start, b: length, c: errno
    verb_begins,     // a: step number
    verb_ends,       // a: step number, b: answer digest
    power_lost,      // a: number of sectors that could differ, b: that kept a newer version
    check_failed,    // a: step number
    engine_event,
};

}  // namespace cowlab
