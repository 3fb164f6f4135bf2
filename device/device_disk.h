// A disk of the device world: a medium over a file or block device, through the ring.
//
// What a scenario says of the disk (size, logical block, write cache, discard) is what it is; the
// file below may be larger, never smaller, and is not touched beyond the disk's end. A disk without
// a write cache writes durably (RWF_DSYNC), one with a cache is flushed by fdatasync. A discard is
// a hole, so it reads zeros afterwards.
//
// Real requests end short, begin at addresses a device does not like, and are asked to do two
// things at once (flush, then write). Each is a small state machine: one operation in the ring at a
// time, the next one when it has ended. No links, no drain: what orders requests is the engine.
#pragma once

#include "device/device_executor.h"
#include "device/direct_file.h"
#include "world/cells.h"
#include "world/disk_observer.h"
#include "world/medium.h"

namespace cowlab {

// The host under us has no more to give (its disk is full, a device has gone): what a scenario then
// answers says nothing about the engine. The first such error.
struct HostTrouble {
    int error = 0;  // an errno; 0: none
    const DirectFile* file = nullptr;
};

class DeviceDisk final : public Medium {
  public:
    DeviceDisk(Arena& arena, DeviceExecutor& executor, Uring& ring, Cells& cells,
               DiskObserver* observer, const DirectFile& file, const MediumSpec& spec,
               DeviceNumber number, std::uint32_t actor, HostTrouble& trouble);
    DeviceDisk(const DeviceDisk&) = delete;

    // BlockDevice
    void submit(Bio& bio) override;
    Sectors capacity() const override { return spec_.size; }
    const DeviceLimits& limits() const override { return limits_; }
    DeviceNumber number() const override { return number_; }

    // Medium. Faults and power losses are the simulator's: whoever runs a scenario here has refused
    // those lines.
    ContentId raw_read(Sectors sector) override;
    void raw_write(Sectors sector, ContentId id) override;
    void add_inject(const Inject& rule) override;
    void heal() override {}
    PowerLossCount lose_power(SurvivalDefault survival) override;
    std::uint64_t content_digest() const override;
    std::uint64_t requests_in_flight() const override { return in_flight_; }
    bool has_volatile_writes() const override { return false; }

    // Everything that was written past the requests is on the medium.
    void write_back();

  private:
    enum class Phase : std::uint8_t { preflush, data, zeros };
    struct Request : Task, RingOperation {
        DeviceDisk* disk = nullptr;
        Bio* bio = nullptr;
        Phase phase = Phase::data;
        bool ended = false;           // for real
        bool waits_for_turn = false;  // lockstep, contended: begins when its turn comes
        Errc result = Errc::ok;
        std::uint64_t bytes_done = 0;
        std::byte* bounce = nullptr;  // as long as the payload
    };
    static void completed(Task& task);
    static void operation_ended(RingOperation& operation, int result);
    void begin(Request& request);
    void go_on(Request& request);
    void transfer(Request& request);
    void took(Request& request, int result);
    void end(Request& request, Errc result);
    Errc errc_of(int error);
    bool fits(const Bio& bio) const;
    bool is_aligned(const void* memory) const;

    // A piece of the medium for raw_read() and raw_write(), which go sector by sector.
    static constexpr Sectors window_sectors{128};
    void move_window_to(Sectors sector) const;
    void close_window();

    Arena& arena_;
    DeviceExecutor& executor_;
    Uring& ring_;
    Cells& cells_;
    DiskObserver* observer_;
    const DirectFile& file_;
    MediumSpec spec_;
    DeviceLimits limits_;
    DeviceNumber number_;
    std::uint32_t actor_;
    HostTrouble& trouble_;
    std::uint64_t in_flight_ = 0;
    mutable std::byte* window_ = nullptr;
    mutable Sectors window_start_;
    mutable Sectors window_length_;  // 0: closed
    bool window_changed_ = false;
};

}  // namespace cowlab
