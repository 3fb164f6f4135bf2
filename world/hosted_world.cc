#include "world/hosted_world.h"

#include <new>

namespace cowlab {

void HostedWorld::build_world(const WorldOptions& options) {
    void* p = arena_.allocate(sizeof(World));
    CHECK(p != nullptr, "an arena has room for a world");
    guarded([&] { world_ = new (p) World(*this, options); });
}

void HostedWorld::check_failed(const CheckFailure& failure) {
    if (!check_failed_) failure_ = failure;
    check_failed_ = true;
    stop_requested_ = true;
    if (world_ != nullptr) world_->note_check_failure();
    if (fibers().on_fiber()) fibers().leave_for_good();
    throw Ended{};
}

}  // namespace cowlab
