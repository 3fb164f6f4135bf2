#include "world/model_judge.h"

namespace cowlab {
namespace {
// Sectors of an origin whose first content is copied into the model; larger ones go by their spec.
constexpr std::uint64_t table_sectors_max = std::uint64_t{1} << 20;

// What a read has read, as content ids: where they are, or turned into them.
class IdsRead {
  public:
    IdsRead(Arena& arena, Cells& cells, const UserRequest& r)
        : arena_(arena), count_(r.judged_count.value) {
        if (r.data.bytes_per_sector() == sizeof(ContentId)) {
            ids_ = reinterpret_cast<const ContentId*>(r.data.data());
            return;
        }
        own_ = static_cast<ContentId*>(arena.allocate(count_ * sizeof(ContentId)));
        CHECK(own_ != nullptr, "a world's arena has room for what was read");
        for (std::uint64_t i = 0; i < count_; ++i) own_[i] = cells.content(r.data, i);
        ids_ = own_;
    }
    ~IdsRead() { arena_.free(own_, own_ == nullptr ? 0 : count_ * sizeof(ContentId)); }
    IdsRead(const IdsRead&) = delete;
    std::span<const ContentId> ids() const { return {ids_, count_}; }

  private:
    Arena& arena_;
    std::uint64_t count_;
    const ContentId* ids_ = nullptr;
    ContentId* own_ = nullptr;
};
}  // namespace

ModelJudge::ModelJudge(World& world)
    : world_(world),
      arena_(world.platform().arena()),
      model_(arena_),
      oracles_({world, verdict_, *this}) {}

// ---- Who is who -------------------------------------------------------------------------------

BaseDisk* ModelJudge::disk_of(const BlockDevice& device) {
    const DeviceNumber number = device.number();
    for (std::uint32_t i = 0; i < named_count_; ++i) {
        if (named_[i].number == number) return named_[i].disk;
    }
    return nullptr;
}

void ModelJudge::name_disks() {
    forget_places();
    named_count_ = 0;
    for (const MappedDevice& d : world_.mapper().devices()) {
        BaseDisk* disk = world_.find_disk(d.name());
        if (disk != nullptr && named_count_ < disks_max)
            named_[named_count_++] = {d.number(), disk};
    }
    // Linear devices that begin where their disk begins (a COW device that can grow) are it too.
    for (MappedDevice& d : world_.mapper().devices()) {
        if (d.live() == nullptr || d.live()->target_count() != 1) continue;
        Target& target = d.live()->targets().front();
        if (target.type_name() != "linear" || disk_of(d) != nullptr) continue;
        struct Below final : DeviceVisitor {
            BlockDevice* device = nullptr;
            Sectors start;
            void visit(BlockDevice& b, Sectors s, Sectors) override {
                device = &b;
                start = s;
            }
        } below;
        target.for_each_device(below);
        BaseDisk* disk = below.device == nullptr ? nullptr : disk_of(*below.device);
        if (disk != nullptr && below.start.value == 0 && named_count_ < disks_max)
            named_[named_count_++] = {d.number(), disk};
    }
}

bool ModelJudge::is_judged(const BlockDevice& origin) {
    const BaseDisk* disk = disk_of(origin);
    if (disk == nullptr) return false;
    for (std::uint32_t i = 0; i < origin_count_; ++i) {
        if (origins_[i].actor == disk->actor) return !origins_[i].unjudged;
    }
    return true;
}

// A table is loaded in one verb and live in a later one, or its device is new; each verb ends in
// devices_changed(), which forgets. So a device and its live table name one place in between.
ModelJudge::Place ModelJudge::place_of(MappedDevice& device) {
    if (device.live() == nullptr) return {};
    Place place = known_place(device);
    if (place.snapshot == nullptr) return place;
    const Snapshot& snapshot = *place.snapshot;
    // A snapshot that was handed over is nobody; a merge that was passes everything to the origin.
    const bool is_somebody = !snapshot.is_active() || snapshot.chunk_size().is_set();
    place.settled = snapshot.is_active();
    if (!is_somebody && snapshot.is_merge() && place.origin_disk != nullptr) {
        place.role = Place::Role::origin;
        return place;
    }
    if (place.origin_disk != nullptr && place.cow_disk != nullptr && is_somebody) {
        place.role = snapshot.is_merge() ? Place::Role::merge : Place::Role::snapshot;
    }
    return place;
}

ModelJudge::Place ModelJudge::learn_place(MappedDevice& device) {
    Place place;
    if (device.live()->target_count() != 1) return place;
    Target& target = device.live()->targets().front();
    const std::string_view type = target.type_name();
    if (type.front() != 's') return place;  // most devices are disks
    if (type == "snapshot-origin") {
        struct First final : DeviceVisitor {
            BlockDevice* device = nullptr;
            void visit(BlockDevice& d, Sectors, Sectors) override { device = &d; }
        } first;
        target.for_each_device(first);
        place.origin_disk = disk_of(*first.device);
        if (place.origin_disk != nullptr) place.role = Place::Role::origin;
        return place;
    }
    if (type != "snapshot" && type != "snapshot-merge") return place;
    auto& snapshot = static_cast<Snapshot&>(target);
    place.origin_disk = disk_of(snapshot.origin());
    place.cow_disk = disk_of(snapshot.cow());
    place.snapshot = &snapshot;
    return place;
}

std::uint32_t ModelJudge::origin_index(BaseDisk& disk) {
    for (std::uint32_t i = 0; i < origin_count_; ++i) {
        if (origins_[i].actor == disk.actor) return i;
    }
    CHECK(origin_count_ < origins_max, "a judged world has few origins");
    OriginEntry& entry = origins_[origin_count_];
    entry.actor = disk.actor;
    const std::uint64_t size = disk.spec.size.value;
    Content content = disk.spec.content == DiskContent::fill
                          ? Content::pattern(static_cast<std::uint32_t>(disk.spec.fill_seed))
                          : Content::zeros();
    if (size <= table_sectors_max) {
        auto* ids = static_cast<ContentId*>(arena_.allocate(size * sizeof(ContentId)));
        CHECK(ids != nullptr, "a world's arena has room for what its disks held at first");
        for (std::uint64_t i = 0; i < size; ++i) ids[i] = disk.medium->raw_read({i});
        content = Content::table(ids, size);
    }
    entry.id = model_.add_origin(disk.spec.size, content);
    model_.volatile_cache(entry.id, disk.spec.write_cache);
    return origin_count_++;
}

ModelJudge::SnapshotEntry* ModelJudge::find(const Place& place) {
    for (std::uint32_t i = snapshot_count_; i-- > 0;) {
        SnapshotEntry& e = snapshots_[i];
        if (e.origin_actor == place.origin_disk->actor && e.cow_actor == place.cow_disk->actor &&
            e.state != State::merged) {
            return &e;
        }
    }
    return nullptr;
}

ModelJudge::SnapshotEntry& ModelJudge::add(const Place& place) {
    // The place of one that is gone for good, or another.
    std::uint32_t free = 0;
    while (free < snapshot_count_ && snapshots_[free].state != State::merged) ++free;
    CHECK(free < snapshots_max, "a judged world has few snapshots at a time");
    if (free == snapshot_count_) ++snapshot_count_;
    SnapshotEntry& e = snapshots_[free];
    e = SnapshotEntry{};
    e.origin_actor = place.origin_disk->actor;
    e.cow_actor = place.cow_disk->actor;
    e.origin_index = origin_index(*place.origin_disk);
    e.transient = place.snapshot->store().letter() == 'N';
    e.may_die = !place.snapshot->is_valid();  // it was found like that
    // … or died before anybody looked, and its header may not say so.
    e.header_write_failed = e.may_die && world_.errors_of(Purpose::header_write) > 0;
    e.id = model_.add_snapshot(origins_[e.origin_index].id, place.snapshot->protected_size());
    model_.volatile_cache(e.id, place.cow_disk->spec.write_cache);
    learn_exceptions(place, e);
    return e;
}

// A store that was there before we looked: what it holds is the snapshot's own.
void ModelJudge::learn_exceptions(const Place& place, SnapshotEntry& entry) {
    // What a power loss could still take back is not known as well as this wants to know it.
    if (place.cow_disk->medium->has_volatile_writes() &&
        (stores_written_ || place.snapshot->completed().exception_count() > 0)) {
        origins_[entry.origin_index].unjudged = true;
    }
    const ChunkSize c = place.snapshot->chunk_size();
    const Sectors end = place.snapshot->protected_size();
    place.snapshot->completed().for_each_run([&](const ExceptionTable::Run& run) {
        const Sectors start = c.start_of(run.old_chunk);
        if (start >= end) return;
        struct Source {
            Medium* medium;
            Sectors first;
        } source{place.cow_disk->medium, c.start_of(run.new_chunk)};
        const Sectors count = min(c.length_of(run.chunks), end - start);
        const auto read = [](void* context, Sectors, std::uint64_t index) {
            const auto& s = *static_cast<Source*>(context);
            return s.medium->raw_read(s.first + Sectors{index});
        };
        const model::Op op = model_.begin_write(
            entry.id, start, count, Content::from(read, &source), model::WriteKind::fua);
        model_.end_write(op, Errc::ok);
    });
}

bool ModelJudge::volume_of(const Place& place, model::VolumeId& out) {
    switch (place.role) {
        case Place::Role::none: return false;
        case Place::Role::origin:
        case Place::Role::merge:
            out = origins_[origin_index(*place.origin_disk)].id;
            if (origins_[origin_index(*place.origin_disk)].unjudged) return false;
            for (std::uint32_t i = 0; i < snapshot_count_; ++i) {
                const SnapshotEntry& e = snapshots_[i];
                if (place.role == Place::Role::origin && e.state == State::merging &&
                    e.origin_actor == place.origin_disk->actor) {
                    // Somebody looks past a merge that goes on (against the user's contract).
                    origins_[e.origin_index].unjudged = true;
                    return false;
                }
                const bool half_merged =
                    e.origin_actor == place.origin_disk->actor &&
                    model_.state_of(e.id) == model::SnapshotState::merge_interrupted;
                if (half_merged) return false;
            }
            return true;
        case Place::Role::snapshot: {
            const SnapshotEntry* e = find(place);
            if (e == nullptr || e->state != State::active || origins_[e->origin_index].unjudged)
                return false;
            const model::SnapshotState s = model_.state_of(e->id);
            if (s != model::SnapshotState::valid && s != model::SnapshotState::invalid)
                return false;
            out = e->id;
            return true;
        }
    }
    return false;
}

// ---- Following the devices --------------------------------------------------------------------

void ModelJudge::devices_changed() {
    name_disks();
    oracles_.devices_changed();
    bool seen[snapshots_max] = {};
    for (MappedDevice& d : world_.mapper().devices()) {
        const Place place = place_of(d);
        if (place.role == Place::Role::none) continue;
        origin_index(*place.origin_disk);
        if (place.role == Place::Role::origin || !place.settled) continue;
        if (SnapshotEntry* e = find(place)) seen[e - snapshots_] = true;
    }
    // First who went, then who came: a merge may only begin when the one before it has ended.
    for (std::uint32_t i = 0; i < snapshot_count_; ++i) {
        if (!seen[i]) note_missing(snapshots_[i]);
    }
    for (MappedDevice& d : world_.mapper().devices()) {
        const Place place = place_of(d);
        if (place.role == Place::Role::origin) give_up_interrupted_merges(*place.origin_disk);
        if (!place.settled) continue;
        if (place.role == Place::Role::snapshot || place.role == Place::Role::merge) follow(place);
    }
    give_up_stacks();
}

// A snapshot that is another's origin is written to by that one's device too, past what we see.
void ModelJudge::give_up_stacks() {
    struct Below final : DeviceVisitor {
        ModelJudge* judge = nullptr;
        void visit(BlockDevice& b, Sectors, Sectors) override {
            for (MappedDevice& d : judge->world_.mapper().devices()) {
                if (d.number() != b.number()) continue;
                const Place place = judge->place_of(d);
                if (place.role != Place::Role::snapshot) continue;
                judge->origins_[judge->origin_index(*place.origin_disk)].unjudged = true;
            }
        }
    } below;
    below.judge = this;
    for (MappedDevice& d : world_.mapper().devices()) {
        if (d.live() == nullptr || world_.find_disk(d.name()) != nullptr) continue;
        for (Target& target : d.live()->targets()) target.for_each_device(below);
    }
}

// The origin is used again although a merge onto it was never finished: it holds, sector by sector,
// the one or the other.
void ModelJudge::give_up_interrupted_merges(const BaseDisk& origin) {
    for (std::uint32_t i = 0; i < snapshot_count_; ++i) {
        SnapshotEntry& e = snapshots_[i];
        if (e.origin_actor != origin.actor) continue;
        if (model_.state_of(e.id) != model::SnapshotState::merge_interrupted) continue;
        model_.remove_snapshot(e.id);
        e.state = State::merged;
    }
}

void ModelJudge::note_missing(SnapshotEntry& e) {
    if (e.after_loss && !reload_ended_) return;  // nobody has tried to bring it back yet
    switch (e.state) {
        case State::active:
            if (e.transient) {
                model_.remove_snapshot(e.id);
                e.state = State::merged;
            } else {
                model_.deactivate_snapshot(e.id);
                e.state = State::gone;
            }
            break;
        case State::merging: {
            // Finished if the store has no record left; its bytes say so.
            model_.end_merge(
                e.id, e.merge_done ? model::MergeEnd::complete : model::MergeEnd::interrupted);
            e.state = e.merge_done ? State::merged : State::gone;
            restore_cache(e);
            break;
        }
        case State::dead:
            if (e.transient) e.state = State::merged;  // the next one on this disk is another
            break;
        case State::gone:
        case State::merged: break;
    }
}

void ModelJudge::restore_cache(const SnapshotEntry& e) {
    for (const BaseDisk& d : world_.disks()) {
        if (d.actor == e.origin_actor) {
            model_.volatile_cache(origins_[e.origin_index].id, d.spec.write_cache);
        }
    }
}

void ModelJudge::follow(const Place& place) {
    SnapshotEntry* e = find(place);
    if (e == nullptr) e = &add(place);
    const bool is_merge = place.role == Place::Role::merge;
    if (e->after_loss) {
        e->after_loss = false;
        if (place.snapshot->is_valid()) {
            if (model_.must_be_invalid(e->id)) {
                if (!e->header_write_failed && !origins_[e->origin_index].unjudged) {
                    fail("durability", 25,
                         "a snapshot that was told invalid is valid after the power loss");
                }
                // Its header could not be written: it comes back with what it should not show, and
                // a merge would spread that. Nothing about this origin can be told any more.
                origins_[e->origin_index].unjudged = true;
            }
        } else if (has_other_merge(*e) && is_nearly_full(*place.snapshot)) {
            e->may_die = true;  // a merge was faster: what it copies out has no room
        } else if (!model_.may_be_invalid(e->id) && !origins_[e->origin_index].unjudged) {
            fail("durability", 24, "a valid snapshot is invalid after the power loss");
        } else {
            e->may_die = true;  // the reason went with the power
        }
    }
    if (e->state == State::dead && place.snapshot->is_valid()) {
        // Its header could not be written, and it was loaded again.
        if (!e->header_write_failed && !origins_[e->origin_index].unjudged) {
            fail("containment", 24, "an invalid snapshot became valid again");
        }
        origins_[e->origin_index].unjudged = true;
    }
    follow_validity(*e, *place.snapshot);
    if (e->state == State::dead) return;
    if (is_merge) {
        if (e->state != State::merging && has_other_merge(*e)) {
            // Linux lets two merges loose on one origin (L7): nothing can be said about it.
            origins_[e->origin_index].unjudged = true;
            return;
        }
        if (e->state != State::merging && has_absent_sibling(*e)) {
            origins_[e->origin_index].unjudged = true;
            return;
        }
        if (e->state != State::merging && ends_inside_a_chunk(place, *e)) {
            // The rest of that chunk is merged as well, and no model without chunks can say of
            // what.
            origins_[e->origin_index].unjudged = true;
            return;
        }
        if (e->state != State::merging) {
            if (e->state == State::gone && model_.state_of(e->id) == model::SnapshotState::valid)
                model_.reactivate_snapshot(e->id);
            model_.begin_merge(e->id);
            e->state = State::merging;
            // What is not merged yet is written to the COW device.
            if (place.cow_disk->spec.write_cache) {
                model_.volatile_cache(origins_[e->origin_index].id, true);
            }
        }
        e->merge_done = place.snapshot->completed().exception_count() == 0;
        return;
    }
    if (e->state == State::merging) {
        model_.end_merge(e->id, model::MergeEnd::interrupted);
        model_.merge_handed_back(e->id);
        restore_cache(*e);
    } else if (e->state == State::gone) {
        if (model_.state_of(e->id) == model::SnapshotState::merge_interrupted) {
            model_.merge_handed_back(e->id);
        } else {
            model_.reactivate_snapshot(e->id);
        }
    }
    e->state = State::active;
}

bool ModelJudge::has_unjudged_origin() const {
    for (std::uint32_t i = 0; i < origin_count_; ++i) {
        if (origins_[i].unjudged) return true;
    }
    return false;
}

bool ModelJudge::ends_inside_a_chunk(const Place& place, const SnapshotEntry& e) const {
    const Sectors size = model_.size_of(e.id);
    const ChunkSize c = place.snapshot->chunk_size();
    return size < place.origin_disk->spec.size && c.is_set() && c.offset_in_chunk(size).value != 0;
}

bool ModelJudge::has_other_merge(const SnapshotEntry& e) const {
    for (std::uint32_t i = 0; i < snapshot_count_; ++i) {
        const SnapshotEntry& o = snapshots_[i];
        if (&o == &e || o.origin_index != e.origin_index || o.state == State::merged) continue;
        if (o.state == State::merging) return true;
        // One that a power loss interrupted, and that nobody has brought back.
        if (model_.state_of(o.id) == model::SnapshotState::merge_interrupted) return true;
    }
    return false;
}

// A snapshot that nobody has brought back from a power loss is not protected from what a merge
// writes to their origin (against the user's contract).
bool ModelJudge::has_absent_sibling(const SnapshotEntry& e) {
    for (std::uint32_t i = 0; i < snapshot_count_; ++i) {
        const SnapshotEntry& o = snapshots_[i];
        if (&o == &e || o.origin_index != e.origin_index || o.state != State::active) continue;
        if (o.after_loss && !is_live(o)) return true;
    }
    return false;
}

bool ModelJudge::has_reason_to_die(const Snapshot& snapshot) const {
    return world_.troubles() > 0 || is_nearly_full(snapshot);
}

// Full, or so near to it that the next area would not fit.
bool ModelJudge::is_nearly_full(const Snapshot& snapshot) {
    const StoreUsage u = snapshot.usage();
    return u.allocated.value + 2 * snapshot.chunk_size().sectors().value > u.total.value;
}

void ModelJudge::follow_validity(SnapshotEntry& e, Snapshot& snapshot) {
    ++evaluations_.containment;
    note_header_errors();
    if (snapshot.is_overflowed()) model_.snapshot_overflowed(e.id);
    if (snapshot.is_valid() || e.state == State::dead) return;
    if (origins_[e.origin_index].unjudged) e.may_die = true;
    if (!e.may_die && !has_reason_to_die(snapshot)) {
        fail("containment", 24,
             "a snapshot became invalid, but no disk failed and its COW device has room");
    }
    if (e.state == State::gone && model_.state_of(e.id) == model::SnapshotState::valid) {
        model_.reactivate_snapshot(e.id);
    }
    model_.snapshot_invalidated(e.id);
    e.state = State::dead;
}

void ModelJudge::note_header_errors() {
    if (world_.errors_of(Purpose::header_write) <= header_errors_seen_ &&
        world_.failing_tables() == 0)
        return;
    header_errors_seen_ = world_.errors_of(Purpose::header_write);
    for (std::uint32_t i = 0; i < snapshot_count_; ++i) snapshots_[i].header_write_failed = true;
}

// A merge may be far, or at its end, although the verb that began it is not: whoever resumed the
// device was not woken yet. Only a scheduler does that.
void ModelJudge::follow_early_merges() {
    for (MappedDevice& d : world_.mapper().devices()) {
        if (d.live() == nullptr || known_place(d).snapshot == nullptr) continue;
        const Place place = place_of(d);
        if (place.role != Place::Role::merge || !place.settled) continue;
        const SnapshotEntry* e = find(place);
        if (e != nullptr && e->state == State::merging) continue;
        devices_changed();
        return;
    }
}

void ModelJudge::engine_event(const Event& event) {
    oracles_.engine_event(event);
    if (event.kind == EventKind::merge_run_erased || event.kind == EventKind::merge_failed)
        follow_early_merges();
}

void ModelJudge::power_lost() {
    forget_places();
    note_header_errors();
    reload_ended_ = false;
    follow_early_merges();
    // What is not back from the loss before may not go together with what came instead.
    for (std::uint32_t i = 0; i < snapshot_count_; ++i)
        tables_of_two_lives_ = tables_of_two_lives_ || snapshots_[i].after_loss;
    oracles_.power_lost();
    errors_at_loss_ = world_.troubles();
    // All that are registered, also one whose table is just being replaced.
    world_.engine().origins.for_each_snapshot([this](const Snapshot& s) {
        if (s.is_valid() && !s.is_invalidating()) return;
        const BaseDisk* origin = disk_of(s.origin());
        const BaseDisk* cow = disk_of(s.cow());
        if (origin == nullptr || cow == nullptr) return;
        // It may have been on its way out, and its header written or not.
        for (std::uint32_t i = 0; i < snapshot_count_; ++i) {
            SnapshotEntry& e = snapshots_[i];
            if (e.origin_actor == origin->actor && e.cow_actor == cow->actor &&
                e.state == State::active) {
                model_.invalidation_began(e.id);
                // Nothing on the medium says that it died, and the origin went on.
                if (e.header_write_failed) origins_[e.origin_index].unjudged = true;
            }
        }
    });
    model_.power_loss();
    for (std::uint32_t i = 0; i < snapshot_count_; ++i) {
        SnapshotEntry& e = snapshots_[i];
        if (e.state == State::merged || e.state == State::gone) continue;
        if (e.transient) {
            if (e.state != State::dead) model_.remove_snapshot(e.id);
            e.state = State::merged;
            continue;
        }
        if (e.state == State::merging) {
            model_.end_merge(e.id, model::MergeEnd::interrupted);
            e.state = State::gone;
        }
        e.after_loss = true;
    }
}

// ---- Requests ---------------------------------------------------------------------------------

// Somebody writes to a disk under our snapshots. Over the header of a store that nobody uses: what
// it held is gone, and what is loaded from it later is taken as it is found. Anywhere else it is
// the end of what can be told about that origin.
void ModelJudge::note_raw_write(const MappedDevice& device, Sectors start) {
    const BaseDisk* disk = disk_of(device);
    if (disk == nullptr) return;
    oracles_.raw_write(*disk, device);
    stores_written_ = true;
    for (std::uint32_t i = 0; i < origin_count_; ++i) {
        if (origins_[i].actor == disk->actor) origins_[i].unjudged = true;
    }
    for (std::uint32_t i = 0; i < snapshot_count_; ++i) {
        SnapshotEntry& e = snapshots_[i];
        if (e.cow_actor != disk->actor || e.state == State::merged) continue;
        const bool unused =
            (e.state == State::gone || e.state == State::dead || e.after_loss) && !is_live(e);
        if (!unused || start.value != 0) {
            origins_[e.origin_index].unjudged = true;
            continue;
        }
        if (model_.state_of(e.id) != model::SnapshotState::removed) model_.remove_snapshot(e.id);
        e.state = State::merged;
    }
}

bool ModelJudge::is_live(const SnapshotEntry& e) {
    for (MappedDevice& d : world_.mapper().devices()) {
        const Place place = place_of(d);
        if (place.snapshot != nullptr && place.cow_disk != nullptr &&
            place.cow_disk->actor == e.cow_actor)
            return true;
    }
    return false;
}

// A discard that is passed down changes the origin under copies that are being made: what a reader
// saw before such a copy is done and what it sees afterwards need not agree (spec §18.9), and that
// cannot be told. Equal sums at its beginning and end, and nothing pending: there was no such copy.
std::uint64_t ModelJudge::copies_so_far(const BaseDisk& origin, bool& pending) {
    std::uint64_t sum = 0;
    world_.engine().origins.for_each_snapshot([&](const Snapshot& s) {
        if (disk_of(s.origin()) != &origin) return;
        sum += s.start_sequence();
        pending = pending || s.pending_live() > 0;
    });
    return sum;
}

void ModelJudge::disk_tampered(std::string_view name) {
    if (const BaseDisk* disk = world_.find_disk(name)) oracles_.disk_tampered(disk->actor);
}

void ModelJudge::request_begins(UserRequest& r) {
    model::VolumeId volume;
    oracles_.request_begins(r);
    r.judged = false;
    if (r.op == Op::write || r.op == Op::discard) note_raw_write(*r.device, r.start);
    if (verdict_.failed) return;
    const Place where = place_of(*r.device);
    // A request may come between the moment a device goes live and the end of the verb.
    const SnapshotEntry* known = where.role == Place::Role::snapshot ? find(where) : nullptr;
    if (where.role == Place::Role::snapshot && (known == nullptr || known->state == State::gone)) {
        if (where.settled) {
            follow(where);
        } else if (r.op != Op::read && r.op != Op::flush) {
            origins_[origin_index(*where.origin_disk)].unjudged = true;
        }
    }
    if (!volume_of(where, volume)) return;
    // Of a range that crosses the end of what the model knows the part that fits is judged.
    const Sectors size = model_.size_of(volume);
    if (r.op != Op::flush && r.start >= size) return;
    const Sectors count = r.op == Op::flush ? Sectors{0} : min(r.count, size - r.start);
    r.judged_count = count;
    model::Op op;
    switch (r.op) {
        case Op::read: op = model_.begin_read(volume, r.start, count); break;
        case Op::flush: op = model_.begin_flush(volume); break;
        case Op::discard: {
            const Place place = place_of(*r.device);
            const bool down = place.snapshot != nullptr && place.snapshot->discard_copies() == 2 &&
                              place.role == Place::Role::snapshot;
            if (down) {
                bool pending = false;
                r.note = copies_so_far(*place.origin_disk, pending) + 1;
                if (pending) origins_[origin_index(*place.origin_disk)].unjudged = true;
            }
            op = model_.begin_discard(
                volume, r.start, count,
                down ? model::DiscardKind::passdown : model::DiscardKind::volume_only);
            break;
        }
        case Op::write: {
            // Cells, ids or bytes: the same content ids.
            struct Source {
                Cells* cells;
                Payload data;
            } source{&world_.platform().cells(), r.data};
            const auto id_at = [](void* context, Sectors, std::uint64_t index) {
                const auto& from = *static_cast<Source*>(context);
                return from.cells->content(from.data, index);
            };
            const bool zeros = r.data.kind() != Payload::Kind::cells;
            op = model_.begin_write(volume, r.start, count,
                                    zeros ? Content::zeros() : Content::from(id_at, &source),
                                    r.fua ? model::WriteKind::fua : model::WriteKind::plain);
            break;
        }
    }
    r.judged = true;
    r.ticket = std::uint64_t{op.serial} << 32 | op.slot;
}

void ModelJudge::request_ends(UserRequest& r, Errc status) {
    devices_changed_validity_only();
    oracles_.request_ends(r, status);
    if (!r.judged) return;
    const model::Op op{static_cast<std::uint32_t>(r.ticket),
                       static_cast<std::uint32_t>(r.ticket >> 32)};
    ++evaluations_.containment;
    if (status != Errc::ok && world_.troubles() == 0) {
        const Place place = place_of(*r.device);
        const bool explained = place.snapshot != nullptr &&
                               (!place.snapshot->is_valid() || place.snapshot->is_overflowed() ||
                                has_reason_to_die(*place.snapshot));
        if (!explained)
            fail("containment", 21, "a request failed, but no disk did and nothing is full");
    }
    switch (r.op) {
        case Op::read: {
            if (status != Errc::ok) {
                model_.end_read(op, status);
                break;
            }
            // It was judged when it began; what was written since then nobody told the model.
            if (has_unjudged_origin()) {
                model_.end_read(op, Errc::eio);
                break;
            }
            const IdsRead read(arena_, world_.platform().cells(), r);
            const std::span<const ContentId> ids = read.ids();
            if (const auto v = model_.end_read(op, ids)) {
                Text<200> text;
                const SectorContent got = world_.platform().cells().describe(v->observed);
                text << r.device->name() << " sector " << v->sector.value << " shows ";
                describe(text, got);
                text << ", allowed:";
                for (std::uint32_t i = 0; i < v->allowed_count && i < 4; ++i) {
                    text << " ";
                    describe(text, world_.platform().cells().describe(v->allowed[i]));
                }
                fail(model::name_of(v->rule),
                     v->rule == model::Rule::snapshot_immutability ? 16 : 15, text.view());
            }
            break;
        }
        case Op::write: model_.end_write(op, status); break;
        case Op::flush: model_.end_flush(op, status); break;
        case Op::discard: {
            model_.end_discard(op, status);
            if (r.note == 0) break;
            const Place place = place_of(*r.device);
            bool pending = false;
            if (place.origin_disk == nullptr ||
                copies_so_far(*place.origin_disk, pending) + 1 != r.note || pending) {
                for (std::uint32_t i = 0; i < origin_count_; ++i) origins_[i].unjudged = true;
            }
            break;
        }
    }
}

void ModelJudge::describe(TextSink& out, const SectorContent& c) {
    switch (c.kind) {
        case SectorContent::Kind::zero: out << "zeros"; break;
        case SectorContent::Kind::pattern: out << c.seed << "@" << c.sector; break;
        case SectorContent::Kind::other: out << "?" << c.fnv; break;
    }
}

// The part of devices_changed() that can happen without a verb: a snapshot died, a merge ended.
void ModelJudge::devices_changed_validity_only() {
    for (MappedDevice& d : world_.mapper().devices()) {
        if (d.live() == nullptr || known_place(d).snapshot == nullptr) continue;
        const Place place = place_of(d);
        if (place.role != Place::Role::snapshot && place.role != Place::Role::merge) continue;
        if (!place.settled) continue;
        SnapshotEntry* e = find(place);
        if (e == nullptr || e->after_loss) continue;
        follow_validity(*e, *place.snapshot);
        if (place.role == Place::Role::merge) {
            e->merge_done = place.snapshot->completed().exception_count() == 0;
        }
    }
}

// `fault`: a table that drops or corrupts writes lies. Nothing can be told then.
void ModelJudge::note_fault_table(const FaultSpec& fault, std::string_view features) {
    if (fault.table != FaultTable::flakey) return;
    if (features.find("drop_writes") == std::string_view::npos &&
        features.find("corrupt") == std::string_view::npos)
        return;
    for (std::uint32_t i = 0; i < origin_count_; ++i) origins_[i].unjudged = true;
}

void ModelJudge::after_step(const Step& step, const Answer& answer) {
    if (step.verb == Verb::fault) note_fault_table(step.fault, step.text);
    devices_changed_validity_only();
    // What is made between a power loss and its `reload` may not go together with what comes back.
    const bool makes = step.verb == Verb::create || step.verb == Verb::create_ro ||
                       step.verb == Verb::load || step.verb == Verb::rename;
    if (makes && world_.power_losses() > 0 && !reload_ended_) tables_of_two_lives_ = true;
    // (A handover that was vetoed is vetoed again: that is an answer, not a loss.)
    if (step.verb == Verb::reload && !answer.empty() &&
        answer.front().find("(load)") != std::string::npos && !stores_written_ &&
        !tables_of_two_lives_ && has_all_disks() && world_.troubles() == errors_at_loss_) {
        fail("structure", 14, "after the power loss a device could not be created again");
    }
    if (step.verb == Verb::reload && !answer.empty() && answer.front() != "= lost") {
        // Who is not there now (a load failed, or another device has the name) is not watched over
        // while the others are used.
        reload_ended_ = true;
        devices_changed();
    }
    if (step.verb == Verb::power_loss || world_.power_losses() != losses_checked_) {
        losses_checked_ = world_.power_losses();
        check_structure(false);
    }
    if (step.verb == Verb::check) check_structure(true);
    oracles_.after_step(step);
}

// Nobody has removed a disk's device.
bool ModelJudge::has_all_disks() const {
    for (const BaseDisk& d : world_.disks()) {
        if (world_.mapper().find(d.name_view()) == nullptr) return false;
    }
    return true;
}

void ModelJudge::check_structure(bool quiet) {
    for (std::uint32_t i = 0; i < snapshot_count_; ++i) {
        SnapshotEntry& e = snapshots_[i];
        if (e.transient || e.state == State::merged || origins_[e.origin_index].unjudged) continue;
        for (BaseDisk& d : world_.disks()) {
            if (d.actor != e.cow_actor) continue;
            const ExceptionTable* table = nullptr;
            for (MappedDevice& m : world_.mapper().devices()) {
                const Place place = place_of(m);
                const bool is_it = place.role == Place::Role::snapshot && place.cow_disk == &d &&
                                   place.snapshot->is_valid() &&
                                   place.snapshot->pending().size() == 0;
                if (quiet && is_it) table = &place.snapshot->completed();
            }
            StructureFinding finding;
            ++evaluations_.structure;
            check_store_structure(arena_, world_.platform().cells(), *d.medium, table, finding);
            if (finding.found) {
                Text<240> text;
                text << "disk " << d.name_view() << ": " << finding.text.view();
                fail("structure", finding.invariant, text.view());
            }
        }
    }
}

std::uint64_t ModelJudge::digest() const {
    Digest d;
    d.add(model_.digest());
    for (std::uint32_t i = 0; i < origin_count_; ++i)
        d.add(std::uint64_t{origins_[i].actor} << 1 | std::uint64_t{origins_[i].unjudged});
    for (std::uint32_t i = 0; i < snapshot_count_; ++i) {
        const SnapshotEntry& e = snapshots_[i];
        d.add(std::uint64_t{e.origin_actor} << 32 | e.cow_actor);
        d.add(static_cast<std::uint64_t>(e.state) << 8 | std::uint64_t{e.transient} |
              std::uint64_t{e.after_loss} << 1 | std::uint64_t{e.header_write_failed} << 2 |
              std::uint64_t{e.merge_done} << 3 | std::uint64_t{e.may_die} << 4);
    }
    d.add(std::uint64_t{reload_ended_} | std::uint64_t{tables_of_two_lives_} << 1 |
          std::uint64_t{stores_written_} << 2 | std::uint64_t{world_.troubles() > 0} << 3);
    return d.value();
}

}  // namespace cowlab
