#include "device/device_world.h"

#include <new>

namespace cowlab {
namespace {

Arena& emptied(Arena& arena) {
    arena.reset();
    return arena;
}

}  // namespace

DeviceWorld::DeviceWorld(WorldHost& host, const DiskFiles& files, const DeviceOptions& options)
    : RunningWorld(emptied(host.arena()), CellMode::bytes, options.turns_max),
      files_(files),
      executor_(arena_, host.stacks(), ring_, options.repeated),
      memory_(arena_, options.memory_limit) {
    build_world(options.world);
}

DeviceWorld::~DeviceWorld() {
    for (const BaseDisk& d : world_->disks()) {
        // A disk of a world that has ended can no longer say what went wrong with it.
        guarded([&] { static_cast<DeviceDisk*>(d.medium)->write_back(); });
    }
}

Medium* DeviceWorld::create_medium(const MediumSpec& spec, DeviceNumber number, std::uint32_t actor,
                                   DiskObserver* observer) {
    const auto file = files_.find(actor);
    CHECK(file != files_.end(), "every disk of a scenario has a file before it runs");
    void* p = arena_.allocate(sizeof(DeviceDisk));
    CHECK(p != nullptr, "an arena has room for a disk");
    return new (p) DeviceDisk(arena_, executor_, ring_, cells_, observer, *file->second, spec,
                              number, actor, trouble_);
}

void DeviceWorld::abandon_work() {
    CHECK(false, "power losses are the simulator's: such a line is refused before");
}

void DeviceWorld::add_memory_fault(AllocationUse, InjectTimes, std::uint64_t) {
    CHECK(false, "faults are the simulator's: such a line is refused before");
}

}  // namespace cowlab
