#include "world/checkers/leak.h"

#include "engine/snapshot.h"

namespace cowlab {

bool LeakOracle::is_quiet() const {
    if (world().has_unfinished_work() || world().is_stuck()) return false;
    // A throttled copier sleeps between its pieces while nobody lets time pass.
    if (world().engine().limits.copy_throttle_percent < 100) return false;
    for (const BaseDisk& d : world().disks()) {
        const MappedDevice* device = world().mapper().find(d.name_view());
        if (device == nullptr || device->is_suspended()) return false;
        if (d.medium->requests_in_flight() > 0) return false;
        // `fault … delay` holds requests back while nobody lets time pass.
        if (device->live() == nullptr || device->live()->targets().front().type_name() != "linear")
            return false;
    }
    return true;
}

void LeakOracle::check_snapshot(const Snapshot& s) {
    looked();
    const char* what = nullptr;
    if (s.pending().size() > 0) what = "an exception is pending";
    if (s.pending_live() > 0) what = "a pending exception was not given back";
    if (s.start_sequence() != s.complete_sequence()) what = "an exception is parked";
    if (s.copies_in_progress() > 0) what = "a copy is counted as under way";
    if (s.has_tracked_chunks()) what = "a chunk is tracked";
    if (!s.merge_is_running() && s.merging_chunks() > 0) what = "a run is published";
    if (s.is_invalidating()) what = "an invalidation is under way";
    if (what == nullptr) return;
    Text<120> text;
    text << what << " although nothing goes on";
    fail(s.pending_live() > 0 || s.copies_in_progress() > 0 ? 5 : 20, text.view());
}

// It has merged everything, or has said that it failed.
void LeakOracle::check_merges(const MappedDevice& device) {
    if (device.live() == nullptr || device.is_suspended()) return;
    for (Target& target : device.live()->targets()) {
        if (target.type_name() != "snapshot-merge") continue;
        const auto& s = static_cast<const Snapshot&>(target);
        if (!s.is_active() || !s.is_valid() || s.merge_is_running() || s.has_merge_failed())
            continue;
        looked();
        const std::uint64_t left = s.completed().exception_count();
        if (left == 0) continue;
        Text<160> text;
        text << "the merge " << device.name() << " stands still with " << left
             << " exceptions left, and has not failed";
        fail(34, text.view());
    }
}

void LeakOracle::after_step(const Step& step) {
    if ((step.verb != Verb::join && step.verb != Verb::check) || !is_quiet()) return;
    for (const MappedDevice& d : world().mapper().devices()) {
        looked();
        if (d.requests_in_flight() > 0) {
            Text<200> text;
            text << "a request is inside " << d.name() << " although nothing goes on";
            fail(20, text.view());
        }
        check_merges(d);
    }
    world().engine().origins.for_each_snapshot([&](const Snapshot& s) { check_snapshot(s); });
}

void LeakOracle::memory_held(std::uint64_t held) {
    if (tampered_) return;
    std::uint32_t devices = 0;
    for (const MappedDevice& d : world().mapper().devices()) {
        if (world().find_disk(d.name()) == nullptr || d.inactive() != nullptr) return;
        ++devices;
    }
    if (devices == 0 || !is_quiet()) return;
    if (devices != disks_at_rest_) {
        disks_at_rest_ = devices;
        held_at_rest_ = held;
        return;
    }
    looked();
    if (held == held_at_rest_) return;
    Text<160> text;
    text << "with all devices gone the engine holds " << held << " bytes, and held "
         << held_at_rest_ << " before there were any";
    fail(39, text.view());
}

}  // namespace cowlab
