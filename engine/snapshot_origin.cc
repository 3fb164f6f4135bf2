#include "engine/snapshot_origin.h"

#include "engine/words.h"

namespace cowlab {

SnapshotOrigin::SnapshotOrigin(const TargetContext& c, BlockDevice& origin)
    : Target(c.engine, c.device, c.begin, c.length), origin_(origin) {}

Sectors SnapshotOrigin::split_boundary() {
    if (!engine_.policy.d15_boundary_current) return boundary_at_resume_;
    const Sectors now = engine_.origins.minimum_chunk_size(origin_number());
    if (now < boundary_at_resume_) engine_.deviate(device_.number(), 15);
    return now;
}

MapResult SnapshotOrigin::map(TargetBio& bio, MapMay may) {
    bio.destination = &origin_;
    if (bio.op == Op::flush) {
        engine_.mark(Mark::origin_flush);
        return MapResult::remapped;
    }
    if (bio.op == Op::read) {
        engine_.mark(Mark::origin_read);
        return MapResult::remapped;
    }
    // A walk looks at the first sector only; that is enough for a write that does not cross the
    // smallest chunk, and larger chunks are multiples of it.
    const Sectors boundary = split_boundary();
    const Sectors available = boundary - Sectors{bio.start.value % boundary.value};
    if (available < bio.length) {
        engine_.mark(Mark::origin_write_split);
        MappedDevice::accept_prefix(bio, available);
    }
    switch (engine_.origins.walk(origin_number(), bio.start, &bio, may, Origins::Door::limited)) {
        case WalkResult::must_wait: return MapResult::must_wait;
        case WalkResult::queued: return MapResult::submitted;
        case WalkResult::nothing_needed: break;
    }
    return MapResult::remapped;
}

void SnapshotOrigin::resume() {
    engine_.origins.write_lock();
    boundary_at_resume_ = engine_.origins.minimum_chunk_size(origin_number());
    engine_.origins.insert_origin_target(*this);
    engine_.origins.write_unlock();
}

void SnapshotOrigin::postsuspend() {
    engine_.origins.write_lock();
    engine_.origins.remove_origin_target(*this);
    engine_.origins.write_unlock();
}

void SnapshotOrigin::status(StatusKind kind, TextSink& out) const {
    if (kind == StatusKind::table) out << words::device(origin_);
}

void SnapshotOrigin::for_each_device(DeviceVisitor& visitor) const {
    visitor.visit(origin_, {0}, length_);
}

void SnapshotOrigin::destroy() {
    CHECK(!static_cast<ListNode<LiveOriginTag>&>(*this).is_linked(),
          "an origin target is suspended before it is destroyed");
    engine_.memory.destroy(this, MemoryUse::target);
}

Constructed construct_snapshot_origin(const TargetContext& c) {
    if (c.arg_count != 1) {
        return Constructed::failed(Errc::einval, "origin: incorrect number of arguments");
    }
    BlockDevice* origin = nullptr;
    if (const Errc e = c.open(c.args[0], origin); e != Errc::ok) {
        return Constructed::failed(e, "Cannot get target device");
    }
    auto* t = c.engine.memory.create<SnapshotOrigin>(MemoryUse::target, c, *origin);
    if (t == nullptr) {
        return Constructed::failed(Errc::enomem, "Cannot allocate private origin structure");
    }
    return {t, Errc::ok, {}};
}

}  // namespace cowlab
