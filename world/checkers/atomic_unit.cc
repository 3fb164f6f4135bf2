#include "world/checkers/atomic_unit.h"

#include <new>

namespace cowlab {

BaseDisk* AtomicUnits::disk_with_units(std::uint32_t actor) {
    for (BaseDisk& d : world().disks()) {
        if (d.actor != actor) continue;
        // A disk that fills what it lost with something else promises nothing.
        const bool promises = d.spec.atomic.value > 1 && d.spec.lost == LostSectors::as_before;
        return promises ? &d : nullptr;
    }
    return nullptr;
}

void AtomicUnits::drop(Write& w) {
    w.unlink();
    world().platform().arena().free(&w, bytes(w));
}

void AtomicUnits::request_issued(std::uint32_t actor, const Bio& bio) {
    if (bio.op == Op::read) return;
    BaseDisk* disk = disk_with_units(actor);
    if (disk == nullptr) return;
    Arena& arena = world().platform().arena();
    if (bio.op == Op::flush || bio.preflush) {
        void* p = arena.allocate(sizeof(Flush));
        if (p == nullptr) return;
        auto& flush = *new (p) Flush();
        flush.bio = &bio;
        flush.disk = disk;
        flush.number = completed_;
        flushes_.push_back(flush);
    }
    if (bio.op == Op::flush || bio.end() > disk->spec.size) return;
    const std::uint64_t unit = disk->spec.atomic.value;
    Write w;
    w.start = {bio.start.value / unit * unit};
    w.length = min({(bio.end().value + unit - 1) / unit * unit}, disk->spec.size) - w.start;
    void* p = arena.allocate(bytes(w));
    if (p == nullptr) return;
    auto& write = *new (p) Write();
    write.bio = &bio;
    write.disk = disk;
    write.start = w.start;
    write.length = w.length;
    const std::uint64_t n = w.length.value;
    write.below = reinterpret_cast<ContentId*>(&write + 1);
    write.ids = write.below + n;
    write.writes = reinterpret_cast<bool*>(write.ids + n);
    Cells& cells = world().platform().cells();
    for (std::uint64_t i = 0; i < n; ++i) {
        const Sectors sector = write.start + Sectors{i};
        write.below[i] = disk->medium->raw_read(sector);
        write.writes[i] = sector >= bio.start && sector < bio.end();
        write.ids[i] = zero_content;
        if (write.writes[i] && bio.op == Op::write && bio.payload.kind() != Payload::Kind::zeros)
            write.ids[i] = cells.content(bio.payload, (sector - bio.start).value);
    }
    // Below a write that is not durable yet lies what is durable, not what a read shows.
    for (const Write& o : writes_) {
        if (o.disk != disk) continue;
        for (std::uint64_t i = 0; i < n; ++i) {
            const Sectors sector = write.start + Sectors{i};
            if (sector >= o.start && sector < o.start + o.length)
                write.below[i] = o.below[(sector - o.start).value];
        }
    }
    writes_.push_back(write);
}

void AtomicUnits::request_done(std::uint32_t actor, const Bio& bio) {
    if (bio.op == Op::read) return;
    BaseDisk* disk = disk_with_units(actor);
    if (disk == nullptr) return;
    if (bio.op == Op::flush || bio.preflush) {
        for (Flush& f : flushes_) {
            if (f.bio != &bio) continue;
            const std::uint64_t up_to = bio.status == Errc::ok ? f.number : 0;
            f.unlink();
            world().platform().arena().free(&f, sizeof(Flush));
            for (auto it = writes_.begin(); it != writes_.end();) {
                Write& w = *it;
                ++it;
                if (w.disk == disk && w.number > 0 && w.number <= up_to && !w.failed)
                    made_durable(w);
            }
            break;
        }
    }
    if (bio.op == Op::flush) return;
    for (Write& w : writes_) {
        if (w.bio != &bio) continue;
        w.bio = nullptr;
        w.number = ++completed_;
        w.failed = bio.status != Errc::ok;
        if (!w.failed && (bio.fua || !disk->spec.write_cache)) made_durable(w);
        return;
    }
}

void AtomicUnits::made_durable(Write& w) {
    for (Write& o : writes_) {
        if (&o == &w || o.disk != w.disk) continue;
        for (std::uint64_t i = 0; i < w.length.value; ++i) {
            const Sectors sector = w.start + Sectors{i};
            if (!w.writes[i] || sector < o.start || sector >= o.start + o.length) continue;
            const std::uint64_t at = (sector - o.start).value;
            o.below[at] = w.ids[i];
            if (o.number > 0 && o.number < w.number) o.writes[at] = false;
        }
    }
    drop(w);
}

void AtomicUnits::disk_tampered(std::uint32_t actor) {
    for (Write& w : writes_) w.failed = w.failed || w.disk->actor == actor;
}

void AtomicUnits::power_lost() {
    lost_power_ = true;
    while (!flushes_.empty()) world().platform().arena().free(&flushes_.pop_front(), sizeof(Flush));
}

// The first change of devices after a power loss: nobody has written to the disks since.
void AtomicUnits::devices_changed() {
    if (!lost_power_) return;
    lost_power_ = false;
    for (const Write& w : writes_) {
        for (Sectors unit = w.start; unit < w.start + w.length; unit += w.disk->spec.atomic)
            check_unit(w, unit);
    }
    while (!writes_.empty()) drop(writes_.front());
}

// `first`: asked for by each write to the unit; the one issued first does it for all.
void AtomicUnits::check_unit(const Write& first, Sectors unit) {
    const BaseDisk& disk = *first.disk;
    const Write* touching[touching_max];
    std::uint32_t count = 0;
    for (const Write& w : writes_) {
        if (w.disk != &disk || unit < w.start || unit >= w.start + w.length) continue;
        if (count == 0 && &w != &first) return;
        if (w.failed || count == touching_max) return;
        // Ended ones as they ended, then those in flight as they were issued.
        std::uint32_t at = count++;
        for (; at > 0 && w.number > 0; --at) {
            const std::uint64_t before = touching[at - 1]->number;
            if (before > 0 && before < w.number) break;
            touching[at] = touching[at - 1];
        }
        touching[at] = &w;
    }
    looked();
    for (std::uint32_t k = 0; k <= count; ++k) {
        if (is_prefix(first, unit, touching, k)) return;
    }
    Text<160> text;
    text << "disk " << disk.name_view() << " sector " << unit.value
         << ": the unit is a mixture that no prefix of its writes gives";
    fail(40, text.view());
}

// What was durable, and the first `count` of those above it.
bool AtomicUnits::is_prefix(const Write& first, Sectors unit, const Write* const* writes,
                            std::uint32_t count) const {
    const BaseDisk& disk = *first.disk;
    const Sectors end = min(unit + disk.spec.atomic, disk.spec.size);
    for (Sectors sector = unit; sector < end; sector += Sectors{1}) {
        ContentId expected = first.below[(sector - first.start).value];
        for (std::uint32_t i = 0; i < count; ++i) {
            const std::uint64_t at = (sector - writes[i]->start).value;
            if (writes[i]->writes[at]) expected = writes[i]->ids[at];
        }
        if (disk.medium->raw_read(sector) != expected) return false;
    }
    return true;
}

}  // namespace cowlab
