#include "sim/sim_world.h"

#include <cstring>
#include <new>

#include "sim/pin_point.h"

namespace cowlab {

SimWorld& SimWorld::create(SimHost& host, const SimOptions& options) {
    host.arena().reset();
    void* p = host.arena().allocate(sizeof(SimWorld));
    CHECK(p != nullptr, "an arena has room for a world");
    auto& world = *new (p) SimWorld(host, options);
    world.build_world(options.world);
    return world;
}

SimWorld::SimWorld(SimHost& host, const SimOptions& options)
    : RunningWorld(host.arena(), options.cells, options.turns_max),
      chooser_(arena_),
      executor_(arena_, host.stacks(), chooser_, options.recording),
      memory_(arena_, options.memory_limit, &chooser_) {}

Medium* SimWorld::create_medium(const MediumSpec& spec, DeviceNumber number, std::uint32_t actor,
                                DiskObserver* observer) {
    void* p = arena_.allocate(sizeof(SimDisk));
    CHECK(p != nullptr, "an arena has room for a disk");
    return new (p) SimDisk(arena_, executor_, chooser_, cells_, observer, spec, number, actor);
}

void SimWorld::abandon_work() {
    executor_.abandon_everything();
    memory_.forget();
    stop_requested_ = false;
}

// ---- Pins -------------------------------------------------------------------------------------

void SimWorld::add_pin(const PinSpec& pin, std::uint32_t actor) {
    const auto choice = static_cast<std::uint32_t>(pin.choice);
    const auto nth = static_cast<std::uint32_t>(pin.nth);
    PinPoint point;
    if (!parse_pin_point(pin.point, point)) return;
    if (point.kind == ChoiceKind::yield || point.kind == ChoiceKind::memory ||
        point.kind == ChoiceKind::rest)
        actor = 0;
    chooser_.add_pin({{point.kind, actor, point.value}, nth, choice});
}

// ---- Save and restore -------------------------------------------------------------------------

namespace {

// A stack holds red zones that a sanitizer guards; copying the whole of it is what is meant here.
#ifdef COWLAB_BIG_FRAMES
#if defined(__clang__)
__attribute__((no_sanitize("address")))
#else
__attribute__((no_sanitize_address))
#endif
void copy_stack(std::byte* to, const std::byte* from, std::size_t size) {
    auto* t = reinterpret_cast<volatile std::uint64_t*>(to);
    const auto* f = reinterpret_cast<const volatile std::uint64_t*>(from);
    for (std::size_t i = 0; i < size / 8; ++i) t[i] = f[i];
}
#else
void copy_stack(std::byte* to, const std::byte* from, std::size_t size) {
    std::memcpy(to, from, size);
}
#endif

}  // namespace

void SavedWorld::save(SimHost& host, const SimWorld& world) {
    const Arena& arena = host.arena();
    arena_.resize(arena.used());
    std::memcpy(arena_.data(), arena.base(), arena.used());
    index_.clear();
    std::size_t size = 0;
    const Fibers& fibers = const_cast<SimWorld&>(world).sim_executor().fibers();
    fibers.for_each_live_stack([&](const Fibers::LiveStack& s) {
        index_.push_back({s.low, s.size, size});
        size += s.size;
    });
    stacks_.resize(size);
    for (const Stack& s : index_) copy_stack(stacks_.data() + s.at, s.low, s.size);
}

void SavedWorld::restore(SimHost& host, const SimWorld& world) const {
    std::memcpy(host.arena().base(), arena_.data(), arena_.size());
    const_cast<SimWorld&>(world).sim_executor().fibers().forget_sanitizer_state();
    for (const Stack& s : index_) copy_stack(s.low, stacks_.data() + s.at, s.size);
}

}  // namespace cowlab
