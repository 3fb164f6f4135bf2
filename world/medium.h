// A medium: the disk itself, under everything a test can do to the devices above it.
//
// World reads and writes it directly for `rawread`, `logreplay` and the final images; a power loss
// decides what of its cache survives. Requests come through BlockDevice like anybody's.
#pragma once

#include "engine/port/block_device.h"
#include "scenarios/pattern.h"
#include "scenarios/scenario.h"

namespace cowlab {

struct MediumSpec {
    Sectors size;
    DiskContent content = DiskContent::zero;
    std::uint64_t fill_seed = 0;
    Sectors logical_block{1};
    Sectors physical_block{8};
    bool write_cache = false;
    bool discard = false;
    Sectors atomic{1};
    LostSectors lost = LostSectors::as_before;
};

// A named fault: which requests it meets, and what it does to them.
struct Inject {
    RequestClass request_class = RequestClass::any;
    bool anywhere = true;
    Sectors start;
    Sectors count;
    InjectKind kind = InjectKind::eio;
    Milliseconds ms;
    InjectTimes times = InjectTimes::once;
    std::uint64_t nth = 1;
};

bool matches(RequestClass request_class, const Bio& bio);

// What becomes of sectors that no pin decides about.
using SurvivalDefault = decltype(PowerLossSpec::survival);

struct PowerLossCount {
    std::uint64_t sectors_undecided = 0;  // several versions could have survived
    std::uint64_t sectors_newer = 0;      // of these: not the durable one did
};

class Medium : public BlockDevice {
  public:
    // Past any cache: what a read would return now, and a durable write. Not while requests to
    // the same sectors are in flight.
    virtual ContentId raw_read(Sectors sector) = 0;
    virtual void raw_write(Sectors sector, ContentId id) = 0;
    virtual void add_inject(const Inject& rule) = 0;
    // Every rule, and everything lasting that one did, ends.
    virtual void heal() = 0;
    // Requests in flight are gone (their `done` never runs); the cache is decided sector by sector.
    virtual PowerLossCount lose_power(SurvivalDefault survival) = 0;
    // Of what a read of every sector would return; equal contents have equal digests.
    virtual std::uint64_t content_digest() const = 0;
    virtual std::uint64_t requests_in_flight() const = 0;
    // A completed write that a power loss could still take.
    virtual bool has_volatile_writes() const = 0;
};

}  // namespace cowlab
