// The device world, whole: our engine over files and block devices.
//
// As a SimWorld it lives in a host's arena, one at a time; the ring and the files are the
// process's. The files must outlive it. When it ends it waits for what is in flight, so that
// nothing is written to the arena afterwards.
#pragma once

#include <map>

#include "device/device_disk.h"
#include "world/hosted_world.h"
#include "world/limited_memory.h"

namespace cowlab {

// Where the disks of a scenario lie, by actor_id_of() their names.
using DiskFiles = std::map<std::uint32_t, const DirectFile*>;

struct DeviceOptions {
    WorldOptions world;
    std::uint64_t memory_limit = std::uint64_t{1} << 40;
    std::uint64_t turns_max = UINT64_MAX;
    Schedule* repeated = nullptr;  // lockstep
};

class DeviceWorld final : public RunningWorld<DeviceExecutor> {
  public:
    // REQUIRES: !Uring::why_not().
    DeviceWorld(WorldHost& host, const DiskFiles& files, const DeviceOptions& options);
    ~DeviceWorld();
    DeviceWorld(const DeviceWorld&) = delete;

    DeviceExecutor& device_executor() { return executor_; }
    const LimitedMemory& limited_memory() const { return memory_; }
    const Uring& ring() const { return ring_; }
    const HostTrouble& host_trouble() const { return trouble_; }

    // Platform
    Executor& executor() override { return executor_; }
    Memory& memory() override { return memory_; }
    Medium* create_medium(const MediumSpec& spec, DeviceNumber number, std::uint32_t actor,
                          DiskObserver* observer) override;
    void add_pin(const PinSpec&, std::uint32_t) override {
    }  // lockstep takes its choices from a run
    void abandon_work() override;
    std::uint64_t now_us() const override { return executor_.now_us(); }
    void add_memory_fault(AllocationUse use, InjectTimes times, std::uint64_t nth) override;
    std::uint64_t allocations_failed() const override { return memory_.refused(); }
    void hold_back_faults(bool) override {}
    void count_power_loss(Purpose) override {}

  private:
    DeviceExecutor& scheduler() override { return executor_; }

    const DiskFiles& files_;
    Uring ring_;
    DeviceExecutor executor_;
    LimitedMemory memory_;
    HostTrouble trouble_;
};

}  // namespace cowlab
