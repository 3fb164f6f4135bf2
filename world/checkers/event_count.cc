#include "world/checkers/event_count.h"

namespace cowlab {

const MappedDevice* EventCount::find(DeviceNumber number) const {
    for (const MappedDevice& d : world().mapper().devices()) {
        if (d.number() == number) return &d;
    }
    return nullptr;
}

// nullptr: more devices than anybody counts.
EventCount::Counts* EventCount::of(DeviceNumber device) {
    for (std::uint32_t i = 0; i < count_; ++i) {
        if (devices_[i].device == device) return &devices_[i];
    }
    if (count_ == devices_max || !devices_.make_room(world().platform().arena(), count_))
        return nullptr;
    Counts& c = devices_[count_++];
    c = {};
    c.device = device;
    const MappedDevice* d = find(device);
    if (d != nullptr) c.name = actor_id_of(d->name());
    return &c;
}

void EventCount::devices_changed() {
    for (std::uint32_t i = 0; i < count_;) {
        if (find(devices_[i].device) != nullptr) {
            ++i;
        } else {
            devices_[i] = devices_[--count_];
        }
    }
    for (const MappedDevice& d : world().mapper().devices()) {
        // Most devices never raise an event: only those with snapshots are counted from the start.
        if (world().find_disk(d.name()) == nullptr) of(d.number());
    }
}

void EventCount::engine_event(const Event& e) {
    switch (e.kind) {
        case EventKind::snapshot_invalidated:
            if (Counts* c = of(e.device)) {
                ++c->causes;
                ++c->invalidations;
            }
            return;
        case EventKind::snapshot_overflowed:
            if (Counts* c = of(e.device)) {
                c->causes += policy().d8_more_events ? 1 : 0;
                ++c->overflows;
            }
            return;
        case EventKind::merge_failed:
        case EventKind::merge_finished:
            if (Counts* c = of(e.device)) c->causes += policy().d8_more_events ? 1 : 0;
            return;
        case EventKind::table_event: break;
        default: return;
    }
    Counts* c = of(e.device);
    const MappedDevice* d = find(e.device);
    if (c == nullptr || d == nullptr) return;
    looked();
    if (const std::uint32_t name = actor_id_of(d->name()); name != c->name) {
        c->name = name;
        ++c->causes;
    }
    ++c->raised;
    if (e.a != c->raised) fail(36, "an event number was left out, or came twice");
    if (c->raised > c->causes) fail(36, "an event was raised and nothing had happened");
}

void EventCount::became_invalid(FollowedSnapshot& f) {
    Counts* c = of(f.device);
    if (c == nullptr) return;
    looked();
    if (++c->invalid_edges > c->invalidations)
        fail(36, "a snapshot became invalid, and nobody was told why");
}

void EventCount::became_overflowed(FollowedSnapshot& f) {
    Counts* c = of(f.device);
    if (c == nullptr) return;
    looked();
    if (++c->overflow_edges > c->overflows) fail(36, "a snapshot overflowed, and nobody was told");
}

void EventCount::after_step(const Step& step) {
    // Between cause and event may stand a header write.
    if (step.verb == Verb::lane || step.verb == Verb::power_loss || world().has_unfinished_work())
        return;
    for (std::uint32_t i = 0; i < count_; ++i) {
        const Counts& c = devices_[i];
        if (c.raised == c.causes) continue;
        looked();
        bool under_way = false;
        for (const BaseDisk& d : world().disks()) {
            const MappedDevice* device = world().mapper().find(d.name_view());
            under_way = under_way || device == nullptr || device->is_suspended();
            if (under_way) break;
            // `fault … delay` holds the header write back while nobody lets time pass.
            under_way = under_way || device->live() == nullptr ||
                        device->live()->targets().front().type_name() != "linear";
        }
        if (!under_way) fail(36, "something happened that raises an event, and none was raised");
    }
}

}  // namespace cowlab
