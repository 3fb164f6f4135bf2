#include "model/model.h"

#include <algorithm>
#include <new>

#include "base/check.h"
#include "base/hash.h"
#include "model/volume.h"

namespace cowlab::model {

Model::Model(Arena& arena) : arena_(&arena) {}

// ---- the inside ----

Time Model::tick() {
    now_ += 2;
    CHECK(now_ < never, "the model's clock has room for the run");
    return now_;
}

// No read that is yet to end began before it.
Time Model::horizon() const {
    return oldest_read_ == none ? now_ + 1 : requests_[oldest_read_].began;
}

Model::Volume& Model::volume(VolumeId id) const {
    CHECK(id.value < volumes_.size(), "the volume was added");
    return *volumes_[id.value];
}

Model::Volume& Model::snapshot(SnapshotId id) const {
    Volume& v = volume(id);
    CHECK(!v.is_origin, "it names a snapshot");
    CHECK(v.state != SnapshotState::removed, "the snapshot was not removed");
    return v;
}

Model::Volume& Model::add_volume(Sectors size) {
    void* place = arena_->allocate(sizeof(Volume));
    CHECK(place != nullptr, "the world's arena has room for the model");
    auto* v = new (place) Volume{};
    v->id = {volumes_.size()};
    v->size = size;
    volumes_.push_back(*arena_, v);
    return *v;
}

Flushes Model::flushes_of(const Volume& v) const {
    return {v.flushed_to, v.is_origin ? v.flushed_to : v.origin->flushed_to};
}

// What an untouched sector holds: a disk's first content, or whatever a snapshot sees below it.
Version Model::first_version(const Volume& v, std::uint64_t sector) const {
    Version first;
    first.certain = 1;
    first.durable = 1;
    if (v.is_origin) {
        first.value = v.content.at({sector}, sector);
        first.survived = v.lost_power;
    } else {
        first.through = 1;
        first.base = 1;
        first.first = v.activated & never;
        first.last = v.activated & never;
    }
    return first;
}

Register& Model::register_at(Volume& v, std::uint64_t sector) {
    Page* page = v.find_page(sector);
    if (page == nullptr) {
        page = static_cast<Page*>(arena_->allocate(sizeof(Page)));
        CHECK(page != nullptr, "the world's arena has room for the model");
        new (page) Page{sector / 8, {}};
        v.page_of.add(*arena_, sector / 8, v.pages.size());
        v.pages.push_back(*arena_, page);
    }
    return page->sectors[sector % 8];
}

void Model::make_room(Volume& v, Register& r) {
    r.retire(horizon());
    for (Version& x : r.all()) x.wanted = 0;
    for (const Volume* b : v.snapshots) {
        if (!b->is_base_of_origin()) continue;
        // A write in flight at the activation that came after one which was still there, or yet to
        // come, later: it came after the activation. Nobody can tell once that other is forgotten.
        for (Version& x : r.all()) {
            if (!b->began_before_activation(x) || x.first <= b->activated) continue;
            const auto is_between = [&](const Version& w) {
                return &w != &x && w.certain && w.first < x.last && b->activated < w.last;
            };
            if (std::any_of(r.all().begin(), r.all().end(), is_between)) {
                x.epoch = b->active_epoch & 0xfffff;
            }
        }
        const Judge judge(r.all(), b->activation());
        const Survival survival(r.all(), flushes_of(v), b->active_epoch);
        const bool is_copied = b->shows_copy(r);
        for (Version& x : r.all()) {
            if (!b->began_before_activation(x)) continue;
            if (judge.may_return(x) || (!is_copied && survival.may_survive(x))) x.wanted = 1;
        }
    }
    r.forget(flushes_of(v));
    r.grow_if_crowded(*arena_);
}

void Model::append(Volume& v, Register& r, const Version& version) {
    if (r.is_full()) make_room(v, r);
    const std::uint32_t current = r.size() - r.retired();
    if (current >= 4 && (current & (current - 1)) == 0) r.retire(horizon());
    r.append(*arena_, version);
}

void Model::release_registers(Volume& v) {
    for (Page* page : v.pages) {
        for (Register& r : page->sectors) r.release(*arena_);
        arena_->free(page, sizeof(Page));
    }
    v.pages.release(*arena_);
    v.page_of.release(*arena_);
}

// ---- volumes ----

OriginId Model::add_origin(Sectors size, InitialContent content) {
    Volume& o = add_volume(size);
    o.is_origin = true;
    o.content = content;
    return OriginId{o.id};
}

SnapshotId Model::add_snapshot(OriginId origin, Sectors size) {
    Volume& o = volume(origin);
    CHECK(o.is_origin, "only an origin has snapshots");
    CHECK(o.epoch + 1 < 1u << 20, "an origin's snapshots can be counted");
    Volume& b = add_volume(size);
    b.origin = &o;
    b.activated = tick();
    b.active_epoch = ++o.epoch;
    o.snapshots.push_back(*arena_, &b);
    // It sees the origin itself, not the merge device above it (spec §18.8).
    for (const Volume::BelowMerge& below : o.below_merge) {
        if (below.sector >= size.value) continue;
        Scratch<ContentId> ids(*arena_);
        each_below_merge(o, below.sector, [&](ContentId id) { ids.add(id); });
        Register& r = register_at(b, below.sector);
        replace_by_either(b, r, *ids);
        for (Version& v : r.all()) v.base = v.flushed_by_origin = 1;
    }
    expose_to_discards(b);
    return SnapshotId{b.id};
}

// The snapshot is new; discards on their way to its origin will not be copied for it either.
void Model::expose_to_discards(Volume& b) {
    for (const Request& request : requests_) {
        if (request.live && request.passdown && request.volume->origin == b.origin) {
            add_versions(b, request, Content::zeros(), true);
        }
    }
}

void Model::remove_snapshot(SnapshotId id) {
    Volume& b = snapshot(id);
    Volume& o = *b.origin;
    tick();
    if (o.merging == &b) split_merge(o, nullptr);
    b.state = SnapshotState::removed;
    release_registers(b);
    std::uint32_t kept = 0;
    for (Volume* other : o.snapshots) {
        if (other != &b) o.snapshots[kept++] = other;
    }
    o.snapshots.truncate(kept);
}

void Model::deactivate_snapshot(SnapshotId id) {
    Volume& b = snapshot(id);
    CHECK(b.state != SnapshotState::merging, "a merging snapshot has no device to remove");
    CHECK(!b.is_inactive(), "the snapshot is active");
    b.inactive_since = tick();
}

void Model::reactivate_snapshot(SnapshotId id) {
    Volume& b = snapshot(id);
    CHECK(b.is_inactive(), "the snapshot was deactivated");
    Volume& o = *b.origin;
    b.shown_since = tick();
    o.each_register([&](std::uint64_t sector, Register& r) {
        bool changed = o.below_merge_of.find(sector) != NumberMap::none;
        for (const Version& v : r.all()) changed = changed || b.was_not_protected_from(v);
        if (changed) widen_base(b, sector);
    });
    // What the origin writes from now on is copied; `activated` stays: the base may be as old.
    b.inactive_since = never;
}

void Model::resize(VolumeId id, Sectors size) { volume(id).size = size; }

void Model::volatile_cache(VolumeId id, bool has_cache) { volume(id).has_cache = has_cache; }

void Model::invalidation_began(SnapshotId id) { snapshot(id).invalidation_began = true; }

void Model::snapshot_invalidated(SnapshotId id) {
    Volume& b = snapshot(id);
    if (b.origin->merging == &b) {
        tick();
        split_merge(*b.origin, nullptr);
        b.shown_since = never;
    }
    b.invalidation_began = true;
    b.state = SnapshotState::invalid;
}

void Model::snapshot_overflowed(SnapshotId id) { snapshot(id).overflowed = true; }

bool Model::must_be_invalid(SnapshotId id) const {
    return volume(id).state == SnapshotState::invalid;
}
bool Model::may_be_invalid(SnapshotId id) const { return volume(id).invalidation_began; }
bool Model::is_overflowed(SnapshotId id) const { return volume(id).overflowed; }
SnapshotState Model::state_of(SnapshotId id) const { return volume(id).state; }
Sectors Model::size_of(VolumeId id) const { return volume(id).size; }

// ---- requests ----

void Model::require_usable(const Volume& v, Sectors start, Sectors count) const {
    CHECK(start <= v.size, "a request begins inside its volume");
    CHECK(count <= v.size - start, "a request ends inside its volume");
    if (v.is_origin) {
        CHECK(v.merging == nullptr || v.merging->state == SnapshotState::merging,
              "an interrupted merge is resumed, handed back or removed before its origin is used");
    } else {
        CHECK(v.is_base_of_origin(), "a snapshot that is merging or removed is no volume");
        CHECK(!v.is_inactive(), "a deactivated snapshot is no volume");
    }
}

Op Model::begin_request(const Request& request) {
    std::uint32_t slot = free_request_;
    if (slot != none) {
        free_request_ = requests_[slot].newer;
    } else {
        slot = requests_.size();
        requests_.push_back(*arena_, {});
    }
    Request& r = requests_[slot];
    r = request;
    r.serial = ++serial_;
    r.live = true;
    r.older = r.newer = none;
    if (r.kind == Request::Kind::read) {
        r.older = newest_read_;
        (newest_read_ == none ? oldest_read_ : requests_[newest_read_].newer) = slot;
        newest_read_ = slot;
    }
    ++in_flight_;
    return {slot, r.serial};
}

Model::Request& Model::named(Op op) {
    CHECK(op.slot < requests_.size(), "the request was begun");
    Request& r = requests_[op.slot];
    CHECK(r.live, "the request has not ended");
    CHECK(r.serial == op.serial, "the request has not ended or been lost");
    return r;
}

Model::Request Model::take(Op op) {
    Request& r = named(op);
    if (r.kind == Request::Kind::read) {
        (r.older == none ? oldest_read_ : requests_[r.older].newer) = r.newer;
        (r.newer == none ? newest_read_ : requests_[r.newer].older) = r.older;
    }
    r.live = false;
    const Request ended = r;
    r.newer = free_request_;
    free_request_ = op.slot;
    --in_flight_;
    return ended;
}

void Model::add_versions(Volume& v, const Request& request, const Content& content, bool discard) {
    Version version;
    version.first = never;
    version.last = request.began & never;
    version.epoch = v.epoch & 0xfffff;
    version.in_flight = 1;
    version.copies_nothing = discard;
    // Zeros passed down change the origin below its snapshots: they become their base.
    version.base = request.passdown && !v.is_origin;
    version.flushed_by_origin = version.base && request.volume != &v;
    version.end = request.began & never;
    const std::uint64_t from = request.start.value;
    const std::uint64_t to = std::min(from + request.count.value, v.size.value);
    const bool merging = v.merging != nullptr;
    Page* page = nullptr;
    for (std::uint64_t s = from; s < to; ++s) {
        version.value = content.at({s}, s - from);
        if (merging) {
            const bool is_below = s < v.merging->size.value;
            if (is_below) note_below_merge(v, s, version.value);
            // It may have gone to the merging snapshot's store instead of the origin.
            version.copies_nothing = discard || is_below;
        }
        if (page == nullptr || s % 8 == 0) page = v.find_page(s);
        Register& r = page != nullptr ? page->sectors[s % 8] : register_at(v, s);
        if (!r.exists()) r.append(*arena_, first_version(v, s));
        if (version.flushed_by_origin && Volume::shows_own_write(r)) continue;
        append(v, r, version);
    }
}

void Model::end_versions(Volume& v, const Request& request, Errc result, bool discard) {
    const std::uint64_t from = request.start.value;
    const std::uint64_t to = from + request.count.value;
    Page* page = nullptr;
    for (std::uint64_t s = from; s < to; ++s) {
        if (s == from || s % 8 == 0) page = v.find_page(s);
        if (page == nullptr) continue;
        Register& r = page->sectors[s % 8];
        // What a merge or a removal has replaced meanwhile has no version any more.
        Version* x = r.of_request(request.began);
        if (x == nullptr) continue;
        const bool refused = result != Errc::ok && result != Errc::eio;
        if (refused && !x->certain) {
            r.remove(*x);
            continue;
        }
        x->in_flight = 0;
        x->first = std::min(Time{x->first}, now_) & never;
        // Zeros of a discard that was passed down are in the one cache or the other: no flush of
        // one volume covers them.
        const bool is_anywhere = request.passdown && &v == request.volume;
        const Volume& cached_by = x->flushed_by_origin ? *v.origin : v;
        x->end = result == Errc::ok && !is_anywhere ? now_ & never : never;
        if (result == Errc::ok) {
            x->durable = request.fua || (!cached_by.has_cache && !is_anywhere);
            if (!discard) x->certain = 1;
        }
    }
}

Op Model::begin_write(VolumeId id, Sectors start, Sectors count, const Content& content,
                      WriteKind kind) {
    Volume& v = volume(id);
    require_usable(v, start, count);
    Request request;
    request.kind = Request::Kind::write;
    request.fua = kind == WriteKind::fua;
    request.volume = &v;
    request.start = start;
    request.count = count;
    request.began = tick();
    add_versions(v, request, content, false);
    return begin_request(request);
}

void Model::end_write(Op op, Errc result) {
    const Request request = take(op);
    CHECK(request.kind == Request::Kind::write, "the request is a write");
    tick();
    end_versions(*request.volume, request, result, false);
}

Op Model::begin_discard(VolumeId id, Sectors start, Sectors count, DiscardKind kind) {
    Volume& v = volume(id);
    require_usable(v, start, count);
    Request request;
    request.kind = Request::Kind::discard;
    request.passdown = kind == DiscardKind::passdown;
    request.volume = &v;
    request.start = start;
    request.count = count;
    request.began = tick();
    add_versions(v, request, Content::zeros(), true);
    if (request.passdown) {
        CHECK(!v.is_origin, "only a snapshot passes a discard down");
        add_versions(*v.origin, request, Content::zeros(), true);
        for (Volume* other : v.origin->snapshots) {
            if (other != &v && other->is_base_of_origin()) {
                add_versions(*other, request, Content::zeros(), true);
            }
        }
    }
    return begin_request(request);
}

void Model::end_discard(Op op, Errc result) {
    const Request request = take(op);
    CHECK(request.kind == Request::Kind::discard, "the request is a discard");
    tick();
    Volume& v = *request.volume;
    end_versions(v, request, result, true);
    if (request.passdown) {
        end_versions(*v.origin, request, result, true);
        for (Volume* other : v.origin->snapshots) {
            if (other != &v) end_versions(*other, request, result, true);
        }
    }
}

Op Model::begin_flush(VolumeId id) {
    Volume& v = volume(id);
    require_usable(v, {}, {});
    Request request;
    request.kind = Request::Kind::flush;
    request.volume = &v;
    request.began = tick();
    return begin_request(request);
}

void Model::end_flush(Op op, Errc result) {
    const Request request = take(op);
    CHECK(request.kind == Request::Kind::flush, "the request is a flush");
    tick();
    Volume& v = *request.volume;
    if (result == Errc::ok) v.flushed_to = std::max(v.flushed_to, request.began);
}

Op Model::begin_read(VolumeId id, Sectors start, Sectors count) {
    Volume& v = volume(id);
    require_usable(v, start, count);
    Request request;
    request.kind = Request::Kind::read;
    request.volume = &v;
    request.start = start;
    request.count = count;
    request.began = tick();
    request.epoch = v.epoch;
    return begin_request(request);
}

void Model::end_read(Op op, Errc result) {
    const Request request = take(op);
    CHECK(request.kind == Request::Kind::read, "the request is a read");
    CHECK(result != Errc::ok, "a read that ended ok tells what it saw");
    tick();
}

std::optional<Violation> Model::end_read(Op op, std::span<const ContentId> observed) {
    const Request request = named(op);
    CHECK(request.kind == Request::Kind::read, "the request is a read");
    CHECK(observed.size() == request.count.value, "a read shows one id a sector");
    Volume& v = *request.volume;
    const Interval read{request.began, tick()};
    const bool is_volume = v.is_origin || (v.is_base_of_origin() && !v.is_inactive());
    if (!is_volume || read.begin < v.shown_since) {
        counters_.not_judged += request.count.value;
        take(op);
        return std::nullopt;
    }
    std::optional<Violation> first;
    Page* page = nullptr;
    const std::uint64_t from = request.start.value;
    for (std::uint64_t s = from; s < from + request.count.value; ++s) {
        if (s == from || s % 8 == 0) page = v.find_page(s);
        Register* r =
            page != nullptr && page->sectors[s % 8].exists() ? &page->sectors[s % 8] : nullptr;
        const ContentId id = observed[s - from];
        const Look look = judge(v, s, r, id, request, read);
        const Rule rule = look.is_base        ? Rule::snapshot_immutability
                          : look.has_survived ? Rule::durability
                                              : Rule::visibility;
        ++counters_.evaluated[static_cast<unsigned>(rule)];
        if (look.allowed) continue;
        ++counters_.violated[static_cast<unsigned>(rule)];
        if (!first) first = violation(v, {s}, id, read, rule);
    }
    take(op);  // not before: while it is in flight, what it may return is kept
    return first;
}

}  // namespace cowlab::model
