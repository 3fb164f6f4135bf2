// The three ways a whole volume changes its meaning at once: a power loss, a merge, and the end of
// a merge half way.
#include <algorithm>

#include "base/check.h"
#include "model/model.h"
#include "model/volume.h"

namespace cowlab::model {
namespace {

// A version on its way into another register.
struct Candidate {
    Version version;
    bool is_readable;
};

// Of several candidates for one content at one moment: the readable ones stand side by side at
// that moment, the others just before it: superseded, unless a power loss brings them back. (A
// readable one that did not come after all of those must not, by being durable, rule them out.)
void line_up(GrowArray<Candidate>& candidates, Time moment) {
    for (Candidate& c : candidates) {
        if (!c.is_readable) continue;
        bool is_after_all = true;
        for (const Candidate& other : candidates) {
            if (!other.is_readable && other.version.first >= c.version.last) is_after_all = false;
        }
        c.version.last = (is_after_all ? moment : moment - 1) & never;
    }
    for (Candidate& c : candidates) {
        c.version.first = (c.is_readable ? moment : moment - 1) & never;
        if (!c.is_readable) c.version.last = c.version.first;
    }
}

}  // namespace

// Replaces "whatever the origin showed at the activation" by copies of the origin's versions, as
// the origin's register is about to change its meaning. From here on what is learnt about one
// of them is no longer known of the other.
void Model::detach(Volume& b, std::uint64_t sector) {
    if (sector >= b.size.value) return;
    Register& r = register_at(b, sector);
    if (!r.exists()) r.append(*arena_, first_version(b, sector));
    Version* found = nullptr;
    for (Version& v : r.all()) {
        if (v.through) found = &v;
    }
    if (found == nullptr) return;
    const Version through = *found;
    r.remove(*found);

    Scratch<Candidate> bases(*arena_);
    std::uint32_t readable = 0;
    each_base(b, sector, [&](const Version& candidate, bool is_readable) {
        Version v = candidate;
        v.epoch = 0;
        if (!v.certain || v.in_flight) v.end = never;
        v.certain = v.base = v.flushed_by_origin = 1;
        v.in_flight = v.copies_nothing = 0;
        if (is_readable) ++readable;
        bases.add({v, is_readable});
    });
    line_up(*bases, b.activated);
    for (Candidate& c : *bases) {
        if (c.is_readable && readable == 1) {
            c.version.first = through.first;
            c.version.last = through.last;
        }
        r.append(*arena_, c.version);
    }
}

void Model::detach_others(Volume& o, const Volume* except, std::uint64_t sector) {
    for (Volume* b : o.snapshots) {
        if (b == except) continue;
        if (b->state == SnapshotState::valid) detach(*b, sector);
        if (b->state == SnapshotState::invalid) b->shown_since = never;
    }
}

// The snapshot was inactive when the origin changed: its base may also be what the origin holds
// now.
void Model::widen_base(Volume& b, std::uint64_t sector) {
    if (sector >= b.size.value) return;
    const Volume& o = *b.origin;
    Register& r = register_at(b, sector);
    // Did it follow the origin until now? (Not if zeros passed down have shown.)
    bool follows = !r.exists();
    for (const Version& v : r.all()) follows = follows || v.through;
    for (const Version& v : r.all()) {
        if (v.base && v.certain && !v.through) follows = false;
    }
    detach(b, sector);
    if (Volume::shows_own_write(r)) return;
    if (follows && o.below_merge_of.find(sector) == NumberMap::none) return;  // detach() did it
    // All candidates stand side by side: what was read of the base before says no more what it is.
    // As in line_up(), what the origin could show only after a power loss stands just before.
    Time earliest = never;
    Time latest = 0;
    const Judge judge(r.all(), {now_, now_});
    for (const Version& v : r.all()) {
        if (!v.base || v.in_flight || !judge.may_return(v)) continue;
        earliest = std::min(earliest, Time{v.first});
        latest = std::max(latest, Time{v.first});
    }
    if (earliest == never) return;  // a discard that was seen: its store has the sector, too
    for (Version& v : r.all()) {
        if (!v.in_flight && v.last >= earliest) v.last = (earliest - 1) & never;
    }
    const auto add = [&](ContentId id, bool is_readable) {
        Version v;
        v.value = id;
        v.first = (is_readable ? latest : earliest - 1) & never;
        v.last = (is_readable ? earliest : earliest - 1) & never;
        v.certain = v.base = 1;
        v.end = never;  // a flush of the origin would say nothing about what the store may have
        r.append(*arena_, v);
    };
    each_only_below_merge(o, sector, [&](ContentId id) { add(id, true); });
    if (follows) return;
    each_allowed(o, sector, {now_, now_}, [&](ContentId id) { add(id, true); });
    each_survivor(o, sector, [&](ContentId id) { add(id, false); });
}

// ---- power loss ----

// The register after the loss: each survivor, any of which a read may show.
void Model::collapse(Volume& v, Register& r) {
    if (r.size() == 1) {  // as most are: nothing could survive in its place
        Version& x = r.all()[0];
        if (x.in_flight) x.first = now_ & never;
        x.end = now_ & never;
        if (!x.certain) x.copies_nothing = 1;
        x.certain = x.durable = x.survived = 1;
        x.in_flight = x.flushed_by_origin = 0;
        r.make_current();
        return;
    }
    Scratch<Version> left(*arena_);
    const Survival survival(r.all(), flushes_of(v));
    for (const Version& x : r.all()) {
        if (survival.may_survive(x)) left.add(x);
    }
    CHECK(!left->empty(), "something survives at every sector");
    std::sort(left->begin(), left->end(), [](const Version& a, const Version& b) {
        return a.value != b.value ? a.value < b.value : a.epoch < b.epoch;
    });
    std::uint32_t kept = 0;
    for (const Version& x : *left) {
        if (kept != 0 && (*left)[kept - 1].value == x.value) {
            (*left)[kept - 1].epoch = x.epoch;
            (*left)[kept - 1].base = (*left)[kept - 1].base || x.base;
        } else {
            (*left)[kept++] = x;
        }
    }
    left->truncate(kept);
    r.clear();
    for (Version x : *left) {
        if (kept > 1) x.first = x.last = now_ & never;
        if (x.in_flight) x.first = now_ & never;
        x.end = now_ & never;
        if (!x.certain) x.copies_nothing = 1;
        x.certain = x.durable = x.survived = 1;
        x.in_flight = x.flushed_by_origin = 0;
        r.append(*arena_, x);
    }
}

void Model::settle_after_loss(Volume& o) {
    o.each_register([&](std::uint64_t sector, Register& r) {
        const Survival survival(r.all(), flushes_of(o));
        const Version* alone = nullptr;
        std::uint32_t survivors = 0;
        for (const Version& x : r.all()) {
            if (!survival.may_survive(x)) continue;
            alone = &x;
            ++survivors;
        }
        for (Volume* b : o.snapshots) {
            if (b->state != SnapshotState::valid) continue;
            // What was there before the activation and is the only survivor is there for both.
            const bool is_same = survivors == 1 && b->began_before_activation(*alone) &&
                                 alone->first <= b->activated && !b->was_not_protected_from(*alone);
            if (!is_same) detach(*b, sector);
        }
    });
    for (Volume* b : o.snapshots) {
        if (b->state != SnapshotState::valid) {
            // Merging: it has no registers. Invalid: it must not show anything again.
            release_registers(*b);
            if (b->state == SnapshotState::invalid) b->shown_since = never;
            continue;
        }
        b->each_register([&](std::uint64_t sector, Register& r) {
            detach(*b, sector);
            collapse(*b, r);
        });
    }
    o.each_register([&](std::uint64_t sector, Register& r) {
        // The merging snapshot's store may have kept what the origin below it has lost.
        if (o.merging != nullptr && sector < o.merging->size.value) {
            Scratch<ContentId> left(*arena_);
            each_survivor(o, sector, [&](ContentId id) { left.add(id); });
            if (left->size() > 1) {
                for (const ContentId id : *left) note_below_merge(o, sector, id);
            }
        }
        collapse(o, r);
    });
}

void Model::power_loss() {
    tick();
    ++counters_.power_losses;
    for (Volume* v : volumes_) {
        if (v->is_origin) settle_after_loss(*v);
    }
    for (Volume* v : volumes_) {
        v->lost_power = true;
        v->overflowed = false;  // it is not stored (spec N6)
        if (v->state == SnapshotState::merging) v->state = SnapshotState::merge_interrupted;
    }
    free_request_ = oldest_read_ = newest_read_ = none;
    for (std::uint32_t i = requests_.size(); i-- > 0;) {
        requests_[i].live = false;
        requests_[i].newer = free_request_;
        free_request_ = i;
    }
    in_flight_ = 0;
    tick();
}

// ---- merge ----

// Everything that may be read from the register now or that a power loss may leave in it.
void Model::view_of(const Volume& v, const Register& r, GrowArray<Version>& view) const {
    const Survival survival(r.all(), flushes_of(v));
    for (const Version& x : r.all()) {
        if (!survival.may_survive(x)) continue;
        Version seen = x;
        seen.durable = survival.is_durable(x);
        view.push_back(*arena_, seen);
    }
}

// The register begins anew with this view, now. Requests in flight on it may still take effect.
void Model::replace(Volume& v, Register& r, const GrowArray<Version>& view) {
    Scratch<Version> in_flight(*arena_);
    for (const Version& x : r.all()) {
        if (x.in_flight && !x.certain) in_flight.add(x);
    }
    r.clear();
    const Judge judge({view.begin(), view.size()}, {now_, now_});
    Scratch<Candidate> candidates(*arena_);
    for (const Version& x : view) {
        Version y = x;
        y.epoch = v.epoch & 0xfffff;
        y.certain = 1;
        y.in_flight = y.base = y.flushed_by_origin = y.copies_nothing = 0;
        y.end = now_ & never;
        candidates.add({y, judge.may_return(x)});
    }
    line_up(*candidates, now_);
    for (const Candidate& c : *candidates) r.append(*arena_, c.version);
    for (const Version& x : *in_flight) r.append(*arena_, x);
}

// One of these is there, in a cache or not; nobody knows which of them are on the medium, so
// until a flush any of them may come back.
void Model::replace_by_either(Volume& v, Register& r, const GrowArray<ContentId>& ids) {
    Scratch<ContentId> set(*arena_);
    for (const ContentId id : ids) set.add(id);
    std::sort(set->begin(), set->end());
    Scratch<Version> view(*arena_);
    for (std::uint32_t i = 0; i < set->size(); ++i) {
        if (i != 0 && (*set)[i] == (*set)[i - 1]) continue;
        Version x;
        x.value = (*set)[i];
        x.certain = 1;
        view.add(x);
    }
    replace(v, r, *view);
    for (Version x : *view) {
        x.first = x.last = (now_ - 1) & never;
        x.epoch = v.epoch & 0xfffff;
        x.durable = 1;
        r.append(*arena_, x);
    }
}

void Model::note_below_merge(Volume& o, std::uint64_t sector, ContentId id) {
    std::uint32_t i = o.below_merge_of.find(sector);
    if (i == NumberMap::none) {
        i = o.below_merge.size();
        o.below_merge_of.add(*arena_, sector, i);
        o.below_merge.push_back(*arena_, {sector, {}});
        each_survivor(o, sector, [&](ContentId c) { o.below_merge[i].ids.push_back(*arena_, c); });
    }
    GrowArray<ContentId>& ids = o.below_merge[i].ids;
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(*arena_, id);
}

// The origin's sector becomes what the snapshot shows there.
void Model::adopt(Volume& o, Volume& b, std::uint64_t sector) {
    if (sector >= b.size.value) return;
    if (b.find(sector) == nullptr) {
        const Register& below = *o.find(sector);
        const auto is_new = [&](const Version& v) { return v.first > b.activated; };
        if (std::none_of(below.all().begin(), below.all().end(), is_new)) return;
    }
    detach_others(o, &b, sector);
    detach(b, sector);
    Register& above = *b.find(sector);
    each_survivor(b, sector, [&](ContentId id) { note_below_merge(o, sector, id); });
    Scratch<Version> view(*arena_);
    view_of(b, above, *view);
    replace(o, register_at(o, sector), *view);
}

void Model::begin_merge(SnapshotId id) {
    Volume& b = snapshot(id);
    Volume& o = *b.origin;
    CHECK(o.merging == nullptr || o.merging == &b, "one merge of an origin at a time");
    o.shown_since = tick();
    if (b.state == SnapshotState::invalid) return;
    if (o.merging == &b) {
        b.state = SnapshotState::merging;
        return;
    }
    CHECK(!b.is_inactive(), "a deactivated snapshot is reactivated before it is merged");
    o.merging = &b;
    o.each_register([&](std::uint64_t sector, Register&) { adopt(o, b, sector); });
    b.each_register([&](std::uint64_t sector, Register&) {
        if (o.find(sector) == nullptr) adopt(o, b, sector);
    });
    release_registers(b);
    b.state = SnapshotState::merging;
}

void Model::end_of_merge(Volume& o) {
    for (Volume* b : o.snapshots) {
        if (b->state != SnapshotState::valid || !b->is_inactive()) continue;
        for (const Volume::BelowMerge& below : o.below_merge) widen_base(*b, below.sector);
    }
    for (Volume::BelowMerge& below : o.below_merge) below.ids.release(*arena_);
    o.below_merge.release(*arena_);
    o.below_merge_of.release(*arena_);
    o.merging = nullptr;
}

void Model::end_merge(SnapshotId id, MergeEnd end) {
    Volume& b = snapshot(id);
    Volume& o = *b.origin;
    if (b.state == SnapshotState::invalid) return;
    CHECK(o.merging == &b, "the snapshot is merging");
    tick();
    if (end == MergeEnd::interrupted) {
        b.state = SnapshotState::merge_interrupted;
        return;
    }
    end_of_merge(o);
    remove_snapshot(id);
}

// The merge is over half way: at each sector it may have changed the origin holds one of what it
// may hold below. The snapshot, if it lives on, shows what the merge device showed: where the
// record is still there its store has it, and where it is erased the origin has it.
void Model::split_merge(Volume& o, Volume* give_to) {
    for (Volume::BelowMerge& below : o.below_merge) {
        detach_others(o, give_to, below.sector);
        Register& r = register_at(o, below.sector);
        Scratch<ContentId> ids(*arena_);
        each_below_merge(o, below.sector, [&](ContentId id) { ids.add(id); });
        if (give_to != nullptr) {
            Scratch<Version> view(*arena_);
            view_of(o, r, *view);
            Register& above = register_at(*give_to, below.sector);
            replace(*give_to, above, *view);
            // Nobody knows whose cache it lies in: no flush of one of them makes it durable. Where
            // the record is erased, it is the origin's content at the handover.
            for (Version& x : above.all()) {
                x.end = never;
                x.base = 1;
            }
        }
        replace_by_either(o, r, *ids);
    }
    end_of_merge(o);
    o.shown_since = now_;
}

void Model::merge_handed_back(SnapshotId id) {
    Volume& b = snapshot(id);
    Volume& o = *b.origin;
    CHECK(o.merging == &b, "the snapshot is merging");
    b.activated = b.shown_since = tick();
    split_merge(o, &b);
    CHECK(o.epoch + 1 < 1u << 20, "an origin's snapshots can be counted");
    b.active_epoch = ++o.epoch;
    b.state = SnapshotState::valid;
    expose_to_discards(b);
}

}  // namespace cowlab::model
