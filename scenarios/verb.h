// The words of the scenario language, as enumerations: verbs and the choices inside a line.
//
// Every enumerator has exactly one spelling in a file, given by name_of(); what each verb does is
// told in scenario.h (the laboratory's) and golden/README.md (dmsetup's and a disk user's).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cowlab {

enum class Verb : std::uint8_t {
    unknown,  // golden form only: a line whose first word is no verb; a world answers ENOSYS
    // golden/README.md
    disk,
    nosave,
    create,
    create_ro,
    new_,
    load,
    inactive,
    suspend,
    resume,
    clear,
    remove,
    rename,
    status,
    table,
    info,
    message,
    write,
    read,
    flush,
    discard,
    zeroout,
    limits,
    hex,
    writebytes,
    rawread,
    fault,
    bg,
    poll,
    wait,
    mergewait,
    loglist,
    logreplay,
    sleep,
    save,
    say,
    sys,
    crash,
    // the laboratory's
    lane,
    join,
    inject,
    power_loss,
    reload,
    pin,
    check,
};
inline constexpr std::size_t verb_count = static_cast<std::size_t>(Verb::check) + 1;

std::string_view name_of(Verb verb);     // "?" for unknown
Verb verb_named(std::string_view word);  // unknown if there is none
constexpr bool is_laboratory(Verb verb) { return verb >= Verb::lane; }
// What bg and lane may carry: write read flush discard zeroout limits hex writebytes.
constexpr bool is_io(Verb verb) { return verb >= Verb::write && verb <= Verb::writebytes; }

// disk: what is on the medium at first; unstated = zeros.
enum class DiskContent : std::uint8_t { unstated, zero, fill, image };
// disk: unstated = as golden: a cache on a disk with `lbs`, none on another.
enum class WriteCache : std::uint8_t { unstated, on, off };

// fault: the table that is swapped in.
enum class FaultTable : std::uint8_t { linear, error, bad, flakey, delay };

// inject, power-loss: which requests at the port are meant. The first five are operations (flush
// and discard: whatever their purpose), the others are the engine's purposes by name.
enum class RequestClass : std::uint8_t {
    any,
    read,
    write,
    flush,
    discard,
    forwarded,
    copy_read,
    copy_write,
    full_write,
    header_read,
    header_write,
    area_read,
    area_write,
    area_zeroing,
    chunk_zeroing,
    merge_flush,
};
inline constexpr std::size_t request_class_count =
    static_cast<std::size_t>(RequestClass::merge_flush) + 1;

// inject: what happens to the request; from `stall` on: to the disk, from that request on.
enum class InjectKind : std::uint8_t {
    eio,          // EIO, and nothing reached the medium
    eio_written,  // EIO although all of it reached the medium
    slow,         // completes MS later than it would have
    eio_partly,   // EIO, and the first or the last sectors of it reached the medium
    latent,       // its first sector is bad: it, and reads of that sector, fail until it is written
    stall,        // nothing of this disk completes for MS
    vanish,       // everything fails
    shrink,       // sectors from WHERE on (any: the second half) are gone
    read_only,    // writes and discards fail
    // Lies: the answer is ok.
    lying_flush,        // a flush, or a write's preflush, makes nothing durable
    ignored_fua,        // a write with FUA stays in the cache
    phantom_write,      // nothing reaches the medium
    misdirected_write,  // it goes to the place behind its own
    misdirected_read,   // what stands behind its own place is returned
    bit_rot,            // the first sector read holds garbage from here on, until it is written
    bit_flip,           // the first sector read is returned as garbage, this once
};
inline constexpr std::size_t inject_kind_count = static_cast<std::size_t>(InjectKind::bit_flip) + 1;
constexpr bool is_lie(InjectKind kind) { return kind >= InjectKind::lying_flush; }
constexpr bool takes_ms(InjectKind kind) {
    return kind == InjectKind::slow || kind == InjectKind::stall;
}

// inject engine: allocations of the engine, by use (engine/port/memory.h, in the same order).
enum class AllocationUse : std::uint8_t {
    request,
    device,
    target,
    store,
    exception_table,
    completed_exception,
    pending_exception,
    copy_job,
    origin,
    any,
};
inline constexpr std::size_t allocation_use_count =
    static_cast<std::size_t>(AllocationUse::any) + 1;

// disk: what a sector holds whose newest content was lost with the power.
enum class LostSectors : std::uint8_t { as_before, zero, garbage };
// inject: which of the matching requests, counted from the line on.
enum class InjectTimes : std::uint8_t { once, sticky, nth };

// power-loss after …: the request has been issued (is in flight), or has completed.
enum class Moment : std::uint8_t { done, issued };
// power-loss: what becomes of sectors that the disk's cache was free to keep or to lose. Pins on
// the points `survive.SECTOR` decide about single ones.
enum class Survivors : std::uint8_t { losing_everything, keeping_everything };

// The engine's policy (cli.md): the correct engine, the golden kernel, or Linux 4.12.
enum class Policy : std::uint8_t { correct, kernel, v4_12 };

std::string_view name_of(DiskContent content);  // "" for unstated
std::string_view name_of(FaultTable table);
std::string_view name_of(RequestClass request_class);
std::string_view name_of(InjectKind kind);
std::string_view name_of(AllocationUse use);
std::string_view name_of(LostSectors lost);  // "" for as_before
std::string_view name_of(InjectTimes times);
std::string_view name_of(Moment moment);
std::string_view name_of(Survivors survival);  // "losing everything": two words
std::string_view name_of(Policy policy);       // "default" for correct

}  // namespace cowlab
