// A block device under (or above) the engine, and the request it takes.
//
// Order: requests complete in any order. A completed write is durable only after a later flush of
// the same device that was submitted after the write completed has itself completed, or if the
// write carried `fua`. A request that was in flight at a power loss may be durable whole, in part
// (sector by sector), or not at all.
// Lifetime: the caller keeps the Bio and its payload alive until `done` runs.
// Turns: submit() never waits, and `done` never runs inside submit(); it runs on a later turn of
// the Executor, in its main context (so `done` must not wait either).
// Errors: a write that ended with an error may have changed any of its sectors, or none.
#pragma once

#include "base/errc.h"
#include "base/intrusive_list.h"
#include "base/units.h"
#include "engine/port/payload.h"

namespace cowlab {

enum class Op : std::uint8_t { read, write, flush, discard };

// Why a request was made. Devices do not act on it; faults, pins, checkers and reports name it.
enum class Purpose : std::uint8_t {
    forwarded,   // a user's request on its way down
    copy_read,   // the copier reads the chunk it copies (exception or merge)
    copy_write,  // … and writes it
    full_write,  // a user's whole-chunk write that replaces a copy
    header_read,
    header_write,
    area_read,
    area_write,     // one metadata area, records changed
    area_zeroing,   // the next metadata area, before it is needed
    chunk_zeroing,  // discard with discard_zeroes_cow
    merge_flush,    // the origin's flush between a merge copy and the erase of its records
    flush,          // a user's flush on its way down
    discard,
};
inline constexpr std::size_t purpose_count = 13;

constexpr const char* name_of(Op op) {
    constexpr const char* names[] = {"read", "write", "flush", "discard"};
    return names[static_cast<int>(op)];
}
constexpr const char* name_of(Purpose p) {
    constexpr const char* names[purpose_count] = {
        "forwarded",    "copy-read", "copy-write", "full-write",   "header-read",
        "header-write", "area-read", "area-write", "area-zeroing", "chunk-zeroing",
        "merge-flush",  "flush",     "discard"};
    return names[static_cast<int>(p)];
}

struct Bio : ListNode<> {
    Op op = Op::read;
    Purpose purpose = Purpose::forwarded;
    // On a write: flush the device's cache before, and make this write durable before it completes.
    bool preflush = false;
    bool fua = false;
    Errc status = Errc::ok;
    Sectors start;    // a flush keeps the position of the request it was split from
    Sectors length;   // 0 for a flush
    Payload payload;  // reads and writes; a write may carry zeros
    void (*done)(Bio& bio) = nullptr;
    void* owner = nullptr;  // the submitter's

    Sectors end() const { return start + length; }
};

struct DeviceLimits {
    Sectors logical_block{1};  // requests are aligned to it
    Sectors physical_block{1};
    Sectors io_min{1};
    bool write_cache = false;  // false: a flush is not needed and need not be sent
    bool discard = false;
    bool read_only = false;
    std::uint32_t memory_alignment = 512;  // of metadata payloads
};

class BlockDevice : public ListNode<BlockDevice> {
  public:
    virtual ~BlockDevice() = default;
    // REQUIRES: bio.done is set; a device refuses (EIO) what does not fit it, it never trusts.
    virtual void submit(Bio& bio) = 0;
    // May change when a table is swapped, never while a request is in flight on this device.
    virtual Sectors capacity() const = 0;
    virtual const DeviceLimits& limits() const = 0;
    // Two names of one device share it.
    virtual DeviceNumber number() const = 0;
};

}  // namespace cowlab
