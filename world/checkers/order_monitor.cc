#include "world/checkers/order_monitor.h"

#include <cstring>
#include <new>

#include "engine/snapshot.h"

namespace cowlab {
namespace {

// The chunks that a request touches.
struct Touched {
    ChunkIndex first;
    ChunkIndex end;
};
Touched touched(ChunkSize c, const Bio& bio) {
    return {c.chunk_floor(bio.start), {c.chunks_ceil(bio.end())}};
}
std::uint32_t overlap(ChunkSize c, ChunkIndex chunk, const Bio& bio) {
    const Sectors from = max(c.start_of(chunk), bio.start);
    const Sectors to = min(c.start_of(chunk + 1), bio.end());
    return from < to ? static_cast<std::uint32_t>((to - from).value) : 0;
}
bool is_users(const Bio& bio) {
    return bio.purpose == Purpose::forwarded || bio.purpose == Purpose::discard ||
           bio.purpose == Purpose::chunk_zeroing;
}
// A metadata write of a large chunk goes in two: what is in use, then zeros up to the end.
bool is_metadata_tail(const Bio& bio) { return bio.payload.kind() != Payload::Kind::bytes; }

std::string_view plural(std::uint64_t n) { return n == 1 ? "" : "s"; }

}  // namespace

// ---- Who is where -----------------------------------------------------------------------------

DiskLedger* OrderMonitor::disk(std::uint32_t actor) {
    for (std::uint32_t i = 0; i < disk_count_; ++i) {
        if (disks_[i]->actor == actor) return disks_[i];
    }
    return nullptr;
}

DiskLedger* OrderMonitor::disk(DeviceNumber number) {
    for (std::uint32_t i = 0; i < disk_count_; ++i) {
        if (disks_[i]->number == number) return disks_[i];
    }
    return nullptr;
}

void OrderMonitor::devices_changed() {
    for (BaseDisk& b : world().disks()) {
        DiskLedger* d = disk(b.actor);
        if (d == nullptr) {
            void* p = disk_count_ == disks_max ? nullptr : arena().allocate(sizeof(DiskLedger));
            if (p == nullptr) continue;
            d = disks_[disk_count_++] = new (p) DiskLedger();
            d->actor = b.actor;
            d->base = &b;
        }
        const MappedDevice* device = world().mapper().find(b.name_view());
        d->number = device == nullptr ? DeviceNumber{} : device->number();
        if (d->store == nullptr) continue;
        const Snapshot* user = user_of(*d);
        if (user == nullptr || user->chunk_size() != d->store->chunk) close(*d);
    }
}

void OrderMonitor::close(DiskLedger& cow) {
    if (cow.store != nullptr) cow.store->close(world().platform().arena());
    cow.store = nullptr;
}

// The one snapshot that keeps its exceptions here; a handover's other half has no chunk size.
const Snapshot* OrderMonitor::user_of(const DiskLedger& cow) const {
    const Snapshot* user = nullptr;
    bool shared = false;
    world().engine().origins.for_each_snapshot([&](const Snapshot& s) {
        if (s.cow_number() != cow.number || !s.chunk_size().is_set()) return;
        shared = user != nullptr;
        user = &s;
    });
    return shared ? nullptr : user;
}

StoreLedger* OrderMonitor::store_of(DiskLedger& cow) {
    if (cow.is_tampered) return nullptr;
    if (cow.store != nullptr) return cow.store;
    const Snapshot* user = user_of(cow);
    if (user == nullptr) return nullptr;
    const DiskLedger* origin = disk(user->origin_number());
    if (origin == nullptr) return nullptr;
    Platform& platform = world().platform();
    cow.store =
        StoreLedger::open(platform.arena(), platform.cells(), cow, *user, origin->base->spec.size);
    if (cow.store == nullptr) return nullptr;
    if (!cow.store->is_persistent) {
        // No records to read: what it has was copied before anybody looked.
        user->completed().for_each_run([&](const ExceptionTable::Run& run) {
            for (std::uint64_t i = 0; i < run.chunks; ++i) {
                const std::uint64_t chunk = run.new_chunk.value + i;
                if (chunk < cow.store->chunk_count)
                    cow.store->data[chunk].covered =
                        static_cast<std::uint32_t>(cow.store->chunk.sectors().value);
            }
        });
    }
    // What Linux allows: pieces that do not end where chunks do (L14), records behind a hole (L1).
    const bool unaligned = cow.store->chunk.offset_in_chunk(user->begin()).value != 0;
    if (unaligned || (cow.store->has_tail && !policy().d3_load_validates))
        cow.store->state = StoreLedger::State::unknown;
    return cow.store;
}

void OrderMonitor::power_lost() {
    for (std::uint32_t i = 0; i < disk_count_; ++i) {
        close(*disks_[i]);
        disks_[i]->forget_what_is_in_flight();
        disks_[i]->number = {};
    }
    flushes_.clear();
    reads_at_port_.clear();
    user_reads_.clear();
}

void OrderMonitor::disk_tampered(std::uint32_t actor) {
    if (DiskLedger* d = disk(actor); d != nullptr) d->is_tampered = true;
}

void OrderMonitor::raw_write(std::uint32_t actor, DeviceNumber device) {
    bool in_use = false;
    world().engine().origins.for_each_snapshot([&](const Snapshot& s) {
        in_use = in_use || s.origin_number() == device || s.cow_number() == device;
    });
    if (in_use) disk_tampered(actor);
}

const Snapshot* OrderMonitor::merging_onto(DeviceNumber origin) const {
    const Snapshot* merging = nullptr;
    world().engine().origins.for_each_snapshot([&](const Snapshot& s) {
        if (s.is_merge() && s.is_active() && s.origin_number() == origin &&
            s.chunk_size().is_set()) {
            merging = &s;
        }
    });
    return merging;
}

// ---- Requests ---------------------------------------------------------------------------------

void OrderMonitor::request_issued(std::uint32_t actor, const Bio& bio) {
    DiskLedger* d = disk(actor);
    if (d == nullptr) return;
    if (bio.op == Op::flush || bio.preflush) flush_issued(*d, bio);
    if (bio.op == Op::flush) return;
    if (bio.end() > d->base->spec.size) return;  // the disk refuses it
    if (bio.op == Op::read) {
        switch (bio.purpose) {
            case Purpose::header_read:
                // Somebody loads what is there now.
                close(*d);
                d->is_tampered = false;
                break;
            case Purpose::copy_read:
                if (StoreLedger* s = store_of(*d); s != nullptr && is_merged(*d)) {
                    const Touched t = touched(s->chunk, bio);
                    for (ChunkIndex c = t.first; c < t.end && c.value < s->chunk_count; c = c + 1) {
                        looked();
                        StoreLedger::DataChunk& data = s->data[c.value];
                        if (data.writes_in_flight > 0)
                            fail(29, "a chunk is merged while a write to its copy is in flight");
                        if (data.gave_up) forget_merged(*s, c);
                        data.gave_up = false;
                        data.being_merged = true;
                    }
                }
                break;
            case Purpose::forwarded:
                if (d->store == nullptr)
                    reads_at_port_.add(arena(), {&bio, actor, false, {}, bio.start, bio.end()});
                break;
            default: break;
        }
        return;
    }
    switch (bio.purpose) {
        case Purpose::header_write:
            if (!is_metadata_tail(bio)) check_header(*d, bio);
            return;
        case Purpose::area_zeroing: check_zeroing(*d, bio); return;
        case Purpose::area_write:
            if (is_metadata_tail(bio)) return;
            if (StoreLedger* s = store_of(*d)) check_area(*d, *s, bio);
            return;
        default: break;
    }
    if (StoreLedger* s = store_of(*d)) {
        if (is_users(bio)) {
            check_use_of_copy(*d, *s, bio);
        } else if (!is_merged_onto(*d)) {
            check_copy(*s, bio);
        }
    } else if (!d->is_tampered && bio.purpose != Purpose::discard) {
        check_origin_write(*d, bio);
    }
}

void OrderMonitor::request_done(std::uint32_t actor, const Bio& bio) {
    DiskLedger* d = disk(actor);
    if (d == nullptr) return;
    if (bio.op == Op::flush || bio.preflush) {
        const bool known = flush_done(bio);
        if (bio.status != Errc::ok) {
            if (bio.purpose == Purpose::header_write)
                if (StoreLedger* s = store_of(*d)) s->state = StoreLedger::State::unknown;
            if (bio.purpose == Purpose::merge_flush) merge_gave_up(d->number);
            if (bio.purpose == Purpose::area_write) merge_from_gave_up(*d);
        }
        if (!known) d->is_tampered = true;
    }
    if (bio.op == Op::flush || bio.end() > d->base->spec.size) return;
    if (bio.op == Op::read) {
        if (bio.purpose == Purpose::forwarded) {
            for (std::uint32_t i = 0; i < reads_at_port_.count; ++i) {
                if (reads_at_port_.items[i].who != &bio) continue;
                reads_at_port_.items[i] = reads_at_port_.items[--reads_at_port_.count];
                break;
            }
        } else if ((bio.purpose == Purpose::copy_read || bio.purpose == Purpose::area_read) &&
                   bio.status != Errc::ok && d->store != nullptr) {
            merge_from_gave_up(*d);
        }
        return;
    }
    const bool ok = bio.status == Errc::ok;
    ++d->writes;
    const WriteTime now = bio.fua || !d->base->spec.write_cache ? 0 : d->writes;
    StoreLedger* s = d->store;
    switch (bio.purpose) {
        case Purpose::header_write:
            if (s == nullptr || is_metadata_tail(bio)) return;
            if (!ok) {
                s->state = StoreLedger::State::unknown;
            } else if (format::Header::read(bio.payload.data()).valid == 0) {
                s->state = StoreLedger::State::invalid;
                s->invalid_at = now;
            }
            return;
        case Purpose::area_zeroing:
            d->zeroed_start = bio.start;
            d->zeroed_length = ok ? bio.length : Sectors{0};
            d->zeroed_at = now;
            return;
        case Purpose::area_write:
            if (s == nullptr || is_metadata_tail(bio)) return;
            if (ok) {
                area_written(*d, *s, bio);
            } else {
                merge_from_gave_up(*d);
            }
            return;
        default: break;
    }
    if (s == nullptr) {
        if (bio.purpose != Purpose::copy_write) return;
        if (ok) {
            origin_copied(*d, bio);
        } else {
            merge_gave_up(d->number);
        }
        return;
    }
    const Touched t = touched(s->chunk, bio);
    for (ChunkIndex c = t.first; c < t.end && c.value < s->chunk_count; c = c + 1) {
        StoreLedger::DataChunk& data = s->data[c.value];
        if (is_users(bio)) {
            if (data.writes_in_flight > 0) --data.writes_in_flight;
        } else if (ok) {
            data.covered += overlap(s->chunk, c, bio);
            data.written_at = now;
        }
    }
}

void OrderMonitor::flush_issued(DiskLedger& d, const Bio& bio) {
    flushes_.add(arena(), {&bio, &d, d.writes});
}

// False: it was not seen to begin.
bool OrderMonitor::flush_done(const Bio& bio) {
    for (std::uint32_t i = 0; i < flushes_.count; ++i) {
        const Flush f = flushes_.items[i];
        if (f.bio != &bio) continue;
        flushes_.items[i] = flushes_.items[--flushes_.count];
        if (bio.status == Errc::ok && f.writes > f.disk->durable_up_to)
            f.disk->durable_up_to = f.writes;
        return true;
    }
    return false;
}

// ---- Metadata ---------------------------------------------------------------------------------

void OrderMonitor::check_header(DiskLedger& d, const Bio& bio) {
    // A COW device may be a part of a disk; then this is somewhere in the middle.
    bool is_ours = false;
    world().engine().origins.for_each_snapshot(
        [&](const Snapshot& s) { is_ours = is_ours || s.cow_number() == d.number; });
    if (!is_ours) return;
    looked();
    const format::Header h = format::Header::read(bio.payload.data());
    const Sectors size{h.chunk_size};
    if (bio.start.value != 0 || h.magic != format::magic || h.version != format::version ||
        !std::has_single_bit(size.value)) {
        fail(13, "what is written to chunk 0 is not a header of ours");
        return;
    }
    if (d.store != nullptr && d.store->is_persistent && d.store->chunk.sectors() != size)
        fail(13, "the chunk size in the header changes");
    if (h.valid == 0) {
        store_of(d);  // so that what becomes of this write is known
        return;
    }
    if (!policy().d1_new_store_ordered || d.is_tampered) return;
    const ChunkSize c(size);
    const Sectors area = c.start_of(format::area_chunk(c, 0));
    if (area + size > d.base->spec.size) return;
    if (!d.reads_zero(area, size) || !d.was_zeroed(area, size) || !d.is_durable(d.zeroed_at))
        fail(13, "a new store's header is written before its first area is zeroed durably (D1)");
}

void OrderMonitor::check_zeroing(DiskLedger& d, const Bio& bio) {
    const StoreLedger* s = d.is_tampered ? nullptr : d.store;
    if (s == nullptr || s->state != StoreLedger::State::valid || !s->is_persistent) return;
    looked();
    const ChunkIndex chunk = s->chunk.chunk_floor(bio.start);
    if (!format::is_metadata_chunk(s->chunk, chunk) || chunk.value == 0) {
        fail(2, "what is zeroed for an area is not the place of one");
        return;
    }
    const std::uint64_t area = (chunk.value - 1) / format::area_stride(s->chunk);
    if (area * s->per_area() < s->record_count) fail(9, "an area with live records is zeroed");
}

void OrderMonitor::check_area(DiskLedger& d, StoreLedger& s, const Bio& bio) {
    if (s.state != StoreLedger::State::valid || !s.is_persistent) return;
    const ChunkIndex chunk = s.chunk.chunk_floor(bio.start);
    if (s.chunk.start_of(chunk) != bio.start || chunk.value == 0 ||
        !format::is_metadata_chunk(s.chunk, chunk)) {
        fail(9, "an area is written where no area is");
        return;
    }
    const std::uint64_t area = (chunk.value - 1) / format::area_stride(s.chunk);
    const std::uint64_t base = area * s.per_area();
    const std::uint64_t present = bio.length.value * format::records_per_sector;
    std::uint64_t live = s.record_count > base ? s.record_count - base : 0;
    if (live > s.per_area()) live = s.per_area();
    std::uint64_t i = 0;
    format::Record r{};
    for (; i < present; ++i) {
        r = format::Record::read(bio.payload.data(), i);
        if (r.ends_list()) break;
        if (i < live) {
            const StoreLedger::Record& before = s.records[base + i];
            if (r.old_chunk.value == before.old_chunk && r.new_chunk.value == before.new_chunk)
                continue;
            fail(9, "an area write changes a record that is live");
            return;
        }
        looked();
        if (base + i >= s.record_count + (i - live) + 1 || base + live != s.record_count) {
            fail(9, "records are written behind the end of the list");
            return;
        }
        check_new_record(d, s, r);
        if (i > live) {
            const format::Record before = format::Record::read(bio.payload.data(), i - 1);
            if (r.new_chunk <= before.new_chunk)
                fail(6, "records are not in the order of allocation");
        } else if (base + i > 0 && r.new_chunk.value <= s.records[base + i - 1].new_chunk) {
            fail(6, "a record is older than the one before it");
        }
    }
    if (i < live) check_erase(s, d, base + i, live - i);
    if (policy().d3_load_validates) {
        const auto* bytes = reinterpret_cast<const unsigned char*>(bio.payload.data());
        const std::size_t from = i * format::record_bytes;
        const std::size_t size = bio.length.bytes();
        // Equal to itself one byte further, and the first is zero: all are.
        const bool zero =
            from >= size ||
            (bytes[from] == 0 && std::memcmp(bytes + from, bytes + from + 1, size - from - 1) == 0);
        if (!zero) fail(9, "an area write has something behind the end of its list");
    }
    if (i != s.per_area() || live == i) return;
    // This write fills the area.
    const Sectors next = s.chunk.start_of(format::area_chunk(s.chunk, area + 1));
    if (next + s.chunk.sectors() > d.base->spec.size) return;
    looked();
    if (!d.was_zeroed(next, s.chunk.sectors()) || !d.is_durable(d.zeroed_at) ||
        !d.reads_zero(next, s.chunk.sectors())) {
        fail(10, "an area is filled before the next one is zeroed, durably");
    }
}

void OrderMonitor::check_new_record(DiskLedger& d, StoreLedger& s, format::Record r) {
    Text<160> text;
    text << "the record " << r.old_chunk.value << " -> " << r.new_chunk.value << " ";
    if (r.new_chunk.value >= s.chunk_count || r.new_chunk < format::first_data_chunk ||
        format::is_metadata_chunk(s.chunk, r.new_chunk)) {
        text << "points at no data chunk";
        fail(2, text.view());
        return;
    }
    if (r.old_chunk.value >= s.old_count) return;  // a snapshot longer than its origin
    const StoreLedger::DataChunk& data = s.data[r.new_chunk.value];
    if (s.olds[r.old_chunk.value].has_record || data.record_of != 0) {
        text << "is the second of its chunk";
        fail(1, text.view());
    } else if (!s.is_complete(data, r.old_chunk)) {
        text << "is written before its data";
        fail(11, text.view());
    } else if (!d.is_durable(data.written_at)) {
        text << "is written before its data was flushed";
        fail(11, text.view());
    }
}

void OrderMonitor::check_erase(StoreLedger& s, DiskLedger& cow, std::uint64_t first,
                               std::uint64_t count) {
    looked();
    Text<160> text;
    const Snapshot* user = user_of(cow);
    if (user == nullptr || !user->is_merge()) {
        text << "an area write drops " << count << " live record" << plural(count);
        fail(9, text.view());
        return;
    }
    if (first + count != s.record_count) {
        fail(31, "records are erased, and not at the end of the list");
        return;
    }
    const DiskLedger* origin = disk(user->origin_number());
    if (origin == nullptr || origin->is_tampered) return;
    for (std::uint64_t i = first; i < first + count; ++i) {
        const ChunkIndex old{s.records[i].old_chunk};
        const StoreLedger::OldChunk& o = s.olds[old.value];
        const std::uint64_t length = s.copy_length(old).value;
        text << "the record of chunk " << old.value << " is erased before its data is ";
        if (o.merged < length) {
            text << "on the origin";
            fail(30, text.view());
            return;
        }
        if (length > 0 && !origin->is_durable(o.merged_at)) {
            text << "flushed on the origin";
            fail(30, text.view());
            return;
        }
        text.clear();
    }
}

void OrderMonitor::area_written(DiskLedger& d, StoreLedger& s, const Bio& bio) {
    if (s.state != StoreLedger::State::valid || !s.is_persistent) return;
    const ChunkIndex chunk = s.chunk.chunk_floor(bio.start);
    const std::uint64_t area = (chunk.value - 1) / format::area_stride(s.chunk);
    const std::uint64_t base = area * s.per_area();
    const std::uint64_t present = bio.length.value * format::records_per_sector;
    const WriteTime now = bio.fua || !d.base->spec.write_cache ? 0 : d.writes;
    std::uint64_t n = 0;
    for (; n < present; ++n) {
        const format::Record r = format::Record::read(bio.payload.data(), n);
        if (r.ends_list()) break;
        if (base + n < s.record_count) continue;
        if (base + n >= s.chunk_count || r.old_chunk.value >= s.old_count ||
            r.new_chunk.value >= s.chunk_count) {
            s.state = StoreLedger::State::unknown;
            return;
        }
        s.records[base + n] = {static_cast<std::uint32_t>(r.old_chunk.value),
                               static_cast<std::uint32_t>(r.new_chunk.value)};
        StoreLedger::OldChunk& o = s.olds[r.old_chunk.value];
        o = {};
        o.has_record = true;
        o.record_at = now;
        s.data[r.new_chunk.value].record_of = static_cast<std::uint32_t>(r.old_chunk.value) + 1;
        s.record_count = base + n + 1;
    }
    while (s.record_count > base + n) {
        const StoreLedger::Record r = s.records[--s.record_count];
        s.olds[r.old_chunk] = {};
        s.olds[r.old_chunk].erased_at = now;
        s.data[r.new_chunk] = {};
    }
}

// ---- Data on C --------------------------------------------------------------------------------

void OrderMonitor::check_copy(StoreLedger& s, const Bio& bio) {
    const Touched t = touched(s.chunk, bio);
    for (ChunkIndex c = t.first; c < t.end && c.value < s.chunk_count; c = c + 1) {
        looked();
        StoreLedger::DataChunk& data = s.data[c.value];
        if (s.is_persistent && format::is_metadata_chunk(s.chunk, c)) {
            fail(2, "data is copied onto a metadata chunk");
        } else if (data.record_of != 0) {
            fail(2, "data is copied onto a chunk that a record names");
        }
        // Copied anew (a place given back by a merge, another life of a transient store).
        if (data.covered + overlap(s.chunk, c, bio) > s.chunk.sectors().value) data.covered = 0;
    }
}

void OrderMonitor::check_use_of_copy(DiskLedger& d, StoreLedger& s, const Bio& bio) {
    const Touched t = touched(s.chunk, bio);
    for (ChunkIndex c = t.first; c < t.end && c.value < s.chunk_count; c = c + 1) {
        StoreLedger::DataChunk& data = s.data[c.value];
        ++data.writes_in_flight;
        if (s.state != StoreLedger::State::valid) continue;
        // Linux lets a discard spill into the next chunk (L15).
        if (bio.purpose != Purpose::forwarded && !policy().d13_discard_at_chunks) continue;
        looked();
        if (data.being_merged) fail(29, "a write goes to a copy that is being merged");
        if (!s.is_persistent) {
            if (data.covered == 0) fail(12, "a write goes to a copy that was not made yet");
            continue;
        }
        if (format::is_metadata_chunk(s.chunk, c)) {
            fail(2, "a user's write goes to a metadata chunk");
        } else if (data.record_of == 0 || !d.is_durable(s.olds[data.record_of - 1].record_at)) {
            fail(12, "a write goes to a copy whose record is not durable");
        }
    }
}

// ---- Writes to O ------------------------------------------------------------------------------

void OrderMonitor::check_origin_write(DiskLedger& d, const Bio& bio) {
    world().engine().origins.for_each_snapshot([&](const Snapshot& snapshot) {
        if (snapshot.origin_number() != d.number || !snapshot.is_active() ||
            !snapshot.chunk_size().is_set())
            return;
        DiskLedger* cow = disk(snapshot.cow_number());
        StoreLedger* s = cow == nullptr ? nullptr : store_of(*cow);
        if (s == nullptr || s->chunk != snapshot.chunk_size() || !is_judged(snapshot.origin()))
            return;
        if (snapshot.is_merge()) {
            check_merging(snapshot, *cow, *s, bio);
        } else if (bio.start < snapshot.protected_size()) {
            check_protected(snapshot, *cow, *s, bio);
        }
    });
}

void OrderMonitor::check_protected(const Snapshot& snapshot, DiskLedger& cow, StoreLedger& s,
                                   const Bio& bio) {
    // Linux: a boundary that is not current (L13), active only after the origin goes on.
    if (!policy().d15_boundary_current || !policy().d17_active_before_origin) return;
    if (s.state == StoreLedger::State::unknown) return;
    looked();
    if (s.state == StoreLedger::State::invalid) {
        if (policy().d2_invalid_header_durable && !cow.is_durable(s.invalid_at)) {
            fail(25, "the origin is written before the header that says invalid is durable");
        }
        return;
    }
    if (!s.is_persistent && !snapshot.is_valid()) return;
    const Touched t = touched(s.chunk, bio);
    for (ChunkIndex c = t.first; c < t.end && c.value < s.old_count; c = c + 1) {
        if (s.chunk.start_of(c) >= snapshot.protected_size()) break;
        Text<160> text;
        text << "the origin is written, and disk " << cow.base->name_view();
        if (!s.is_persistent) {
            const auto copy = snapshot.completed().lookup(c);
            if (!copy || copy->value >= s.chunk_count || !s.is_complete(s.data[copy->value], c)) {
                text << " has no copy of chunk " << c.value;
                fail(16, text.view());
            }
        } else if (!s.olds[c.value].has_record) {
            text << " has no record of chunk " << c.value;
            fail(16, text.view());
        } else if (!cow.is_durable(s.olds[c.value].record_at)) {
            text << " has no durable record of chunk " << c.value;
            fail(12, text.view());
        }
    }
    if (reads_at_port_.count > 0) check_readers(snapshot, *disk(snapshot.origin_number()), s, bio);
}

// A read at the port comes from a user's read that is under way; if only this snapshot's can be
// it, the old content is being read.
void OrderMonitor::check_readers(const Snapshot& snapshot, const DiskLedger& origin, StoreLedger& s,
                                 const Bio& bio) {
    if (user_reads_.overran || reads_at_port_.overran) return;
    const Touched t = touched(s.chunk, bio);
    const Sectors from = s.chunk.start_of(t.first);
    const Sectors to = s.chunk.start_of(t.end);
    for (std::uint32_t i = 0; i < reads_at_port_.count; ++i) {
        const Read& read = reads_at_port_.items[i];
        if (read.actor != origin.actor || read.start >= to || read.end <= from) continue;
        bool ours = false;
        bool others = false;
        for (std::uint32_t u = 0; u < user_reads_.count; ++u) {
            const Read& user = user_reads_.items[u];
            if (user.start >= read.end || user.end <= read.start) continue;
            (user.volume == snapshot.device().number() ? ours : others) = true;
        }
        looked();
        if (ours && !others)
            fail(17,
                 "the origin is written while a snapshot's read of the old content is in flight");
    }
}

void OrderMonitor::user_read_begins(const UserRequest& r) {
    user_reads_.add(arena(), {&r, 0, true, r.device->number(), r.start, r.start + r.count});
}

void OrderMonitor::user_read_ended(const UserRequest& r) {
    for (std::uint32_t i = 0; i < user_reads_.count; ++i) {
        if (user_reads_.items[i].who != &r) continue;
        user_reads_.items[i] = user_reads_.items[--user_reads_.count];
        return;
    }
}

// ---- Merging ----------------------------------------------------------------------------------

void OrderMonitor::check_merging(const Snapshot& snapshot, DiskLedger& cow, StoreLedger& s,
                                 const Bio& bio) {
    if (s.state != StoreLedger::State::valid || !policy().d4_merge_rolls_back) return;
    const bool is_copy = bio.purpose == Purpose::copy_write;
    // With a snapshot-origin beside the merge device its writes may go anywhere.
    if (!is_copy && world().engine().origins.live_origin(snapshot.origin_number()) != nullptr)
        return;
    const Touched t = touched(s.chunk, bio);
    for (ChunkIndex c = t.first; c < t.end && c.value < s.old_count; c = c + 1) {
        looked();
        StoreLedger::OldChunk& o = s.olds[c.value];
        if (is_copy) {
            if (!o.has_record) fail(33, "a merge writes to a chunk that has no record");
        } else if (o.has_record || !cow.is_durable(o.erased_at)) {
            fail(32, "a write reaches the origin before the record that shadows it is erased");
        }
    }
}

void OrderMonitor::origin_copied(DiskLedger& origin, const Bio& bio) {
    const Snapshot* merging = merging_onto(origin.number);
    if (merging == nullptr) return;
    DiskLedger* cow = disk(merging->cow_number());
    StoreLedger* s = cow == nullptr ? nullptr : store_of(*cow);
    if (s == nullptr) return;
    const Touched t = touched(s->chunk, bio);
    for (ChunkIndex c = t.first; c < t.end && c.value < s->old_count; c = c + 1) {
        s->olds[c.value].merged += overlap(s->chunk, c, bio);
        s->olds[c.value].merged_at = origin.writes;
    }
}

// A copy of this chunk begins: what an earlier attempt wrote, some of it after that attempt was
// given up, does not count.
void OrderMonitor::forget_merged(StoreLedger& s, ChunkIndex new_chunk) {
    for (std::uint64_t i = 0; i < s.record_count; ++i) {
        const std::uint64_t old = s.records[i].old_chunk;
        if (s.records[i].new_chunk == new_chunk.value && old < s.old_count) s.olds[old].merged = 0;
    }
}

// Somebody copies from here: the merge, if there is one, for a snapshot's snapshot copies too. Not
// where the origin's table fails requests before the port sees them: it may give up unseen.
bool OrderMonitor::is_merged(const DiskLedger& cow) {
    const Snapshot* user = user_of(cow);
    if (user == nullptr || !user->is_merge()) return false;
    const DiskLedger* origin = disk(user->origin_number());
    return origin != nullptr && !origin->is_tampered;
}

// The snapshot whose store this is stands below a merge: what that copies, it writes to the
// snapshot as a user does.
bool OrderMonitor::is_merged_onto(const DiskLedger& cow) {
    const Snapshot* user = user_of(cow);
    return user != nullptr && merging_onto(user->device().number()) != nullptr;
}

void OrderMonitor::merge_from_gave_up(const DiskLedger& cow) {
    const Snapshot* user = user_of(cow);
    if (user != nullptr && user->is_merge()) merge_gave_up(user->origin_number());
}

// The run is left as it is; what shadows it is written to again.
void OrderMonitor::merge_gave_up(DeviceNumber origin) {
    const Snapshot* merging = merging_onto(origin);
    DiskLedger* cow = merging == nullptr ? nullptr : disk(merging->cow_number());
    if (cow == nullptr || cow->store == nullptr) return;
    for (std::uint64_t i = 0; i < cow->store->chunk_count; ++i) {
        cow->store->data[i].being_merged = false;
        cow->store->data[i].gave_up = true;
    }
    for (std::uint64_t i = 0; i < cow->store->old_count; ++i) cow->store->olds[i].merged = 0;
    // Linux goes on from where it failed, whatever the medium says by then (L5, L6).
    if (!policy().d4_merge_rolls_back) cow->store->state = StoreLedger::State::unknown;
}

}  // namespace cowlab
