// What the model keeps for each volume and each request: the inside of Model, for its own .cc
// files.
#pragma once

#include <algorithm>

#include "model/model.h"

namespace cowlab::model {

// Neighbours are written together: eight registers share one look-up.
struct Model::Page {
    std::uint64_t number;
    Register sectors[8];
};

struct Model::Volume {
    // What the origin itself may hold at a sector below the merge device: content before the merge,
    // merged content, and everything written since, as nobody knows how far the merge has come.
    struct BelowMerge {
        std::uint64_t sector;
        GrowArray<ContentId> ids;
    };

    VolumeId id;
    Sectors size;
    bool is_origin = false;
    bool has_cache = true;
    bool lost_power = false;
    Time flushed_to = 0;   // the beginning of the last flush that ended ok
    Time shown_since = 0;  // reads that began before it are not judged: the view was exchanged
    NumberMap page_of;
    GrowArray<Page*> pages;  // in the order they were touched

    // An origin.
    InitialContent content;
    GrowArray<Volume*> snapshots;  // not removed
    std::uint32_t epoch = 0;
    Volume* merging = nullptr;  // also while the merge is interrupted
    NumberMap below_merge_of;
    GrowArray<BelowMerge> below_merge;

    // A snapshot. Versions of the origin of an epoch before `active_epoch` began before
    // `activated`; nothing was copied for it before one that took effect after `inactive_since`.
    Volume* origin = nullptr;
    SnapshotState state = SnapshotState::valid;
    Time activated = 0;
    std::uint32_t active_epoch = 0;
    Time inactive_since = never;
    bool invalidation_began = false;
    bool overflowed = false;

    Page* find_page(std::uint64_t sector) const {
        const std::uint32_t i = page_of.find(sector / 8);
        return i == NumberMap::none ? nullptr : pages[i];
    }
    // nullptr if the sector was never touched.
    Register* find(std::uint64_t sector) const {
        Page* page = find_page(sector);
        if (page == nullptr) return nullptr;
        Register& r = page->sectors[sector % 8];
        return r.exists() ? &r : nullptr;
    }
    // As a read it is a point. Two points at one time may lie on both sides of a write, though, and
    // all reads of a base are one: so we say that what was there then still was just after.
    Interval activation() const { return {activated + 1, activated}; }
    bool began_before_activation(const Version& v) const { return v.epoch < active_epoch; }
    bool was_not_protected_from(const Version& v) const {
        return is_inactive() && v.first > inactive_since;
    }
    bool is_inactive() const { return inactive_since != never; }
    // A protected origin write that took effect shows that the base is safe in the snapshot's
    // store.
    bool shows_copy(const Register& r) const {
        for (const Version& v : r.all()) {
            if (!v.certain || v.copies_nothing) continue;
            if (!began_before_activation(v) && !was_not_protected_from(v)) return true;
        }
        return false;
    }
    // The snapshot has written there: whatever happens to the origin, its store has the sector.
    static bool shows_own_write(const Register& r) {
        for (const Version& v : r.all()) {
            if (v.certain && !v.base && !v.copies_nothing) return true;
        }
        return false;
    }
    bool is_base_of_origin() const {
        return state == SnapshotState::valid || state == SnapshotState::invalid;
    }
    // visit(sector, register) for every touched sector; pages added meanwhile are visited too.
    template <class F>
    void each_register(F visit) {
        for (std::uint32_t p = 0; p < pages.size(); ++p) {
            for (std::uint64_t s = 0; s < 8; ++s) {
                Register& r = pages[p]->sectors[s];
                if (r.exists()) visit(pages[p]->number * 8 + s, r);
            }
        }
    }
};

struct Model::Request {
    enum class Kind : std::uint8_t { read, write, flush, discard };
    Kind kind = Kind::read;
    bool fua = false;
    bool passdown = false;
    bool live = false;
    std::uint32_t serial = 0;
    Volume* volume = nullptr;
    Sectors start;
    Sectors count;
    Time began = 0;
    std::uint32_t epoch = 0;     // of the volume, then
    std::uint32_t older = none;  // reads only: in the order they began
    std::uint32_t newer = none;  // also the next free one
};

// What one sector of a read says.
struct Model::Look {
    bool allowed = false;
    bool is_base = false;  // a version that might have been returned is the snapshot's base …
    bool has_survived = false;  // … or came through a power loss
};

// An array for the time of a scope.
template <class T>
class Scratch {
  public:
    explicit Scratch(Arena& arena) : arena_(arena) {}
    ~Scratch() { array_.release(arena_); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    void add(const T& value) { array_.push_back(arena_, value); }
    GrowArray<T>& operator*() { return array_; }
    GrowArray<T>* operator->() { return &array_; }

  private:
    Arena& arena_;
    GrowArray<T> array_;
};

// What the origin may have given the snapshot: visit(version, readable). `readable` ones were what
// a reader saw at the activation; the others may stand there after a power loss in their place.
template <class F>
void Model::each_base(const Volume& b, std::uint64_t sector, F visit) const {
    const Volume& o = *b.origin;
    const Register* r = o.find(sector);
    if (r == nullptr) {
        visit(first_version(o, sector), true);
        return;
    }
    if (r->size() == 1 && b.began_before_activation(r->all()[0])) {
        visit(r->all()[0], true);
        return;
    }
    const bool is_copied = b.shows_copy(*r);
    const Interval now{now_ + 1, now_ + 1};
    const Judge then(r->all(), b.activation());
    const Judge today(r->current(), now);
    const Survival survival_then(r->all(), flushes_of(o), b.active_epoch);
    const Survival survival(r->all(), flushes_of(o));
    for (std::uint32_t i = 0; i < r->size(); ++i) {
        const Version& v = r->all()[i];
        Version candidate = v;
        candidate.durable = is_copied || survival.is_durable(v);
        const bool is_early = b.began_before_activation(v);
        const bool is_late = !is_copied && b.was_not_protected_from(v);
        const bool is_there_now = i >= r->retired() && today.may_return(v);
        if ((is_early && then.may_return(v)) || (is_late && is_there_now)) {
            visit(candidate, true);
        } else if ((is_early && !is_copied && survival_then.may_survive(v)) ||
                   (is_late && survival.may_survive(v))) {
            visit(candidate, false);
        }
    }
}

// What a sector holds, whoever asks: what its volume began with if nobody touched it, else those of
// its versions that `choose` shows. A version that stands for a snapshot's base is looked up there.
template <class AnyVolume, class Base, class Visit, class Choose>
void each_content(const AnyVolume& v, std::uint64_t sector, Base base, Visit visit, Choose choose) {
    const Register* r = v.find(sector);
    if (r != nullptr) {
        choose(*r, [&](const Version& x) { x.through ? base() : visit(x.value); });
    } else if (v.is_origin) {
        visit(v.content.at({sector}, sector));
    } else {
        base();
    }
}

// visit(id) for each version that the read may return; an id may come twice.
template <class F>
void Model::each_allowed(const Volume& v, std::uint64_t sector, Interval read, F visit) const {
    const auto base = [&] {
        each_base(v, sector, [&](const Version& b, bool readable) {
            if (readable) visit(b.value);
        });
    };
    each_content(v, sector, base, visit, [&](const Register& r, auto show) {
        const Judge judge(r.current(), read);
        for (const Version& x : r.current()) {
            if (judge.may_return(x)) show(x);
        }
    });
}

// visit(id) for each version that may be there after a power loss; an id may come twice.
template <class F>
void Model::each_survivor(const Volume& v, std::uint64_t sector, F visit) const {
    const auto base = [&] {
        each_base(v, sector, [&](const Version& b, bool) { visit(b.value); });
    };
    each_content(v, sector, base, visit, [&](const Register& r, auto show) {
        const Survival survival(r.all(), flushes_of(v));
        for (const Version& x : r.all()) {
            if (survival.may_survive(x)) show(x);
        }
    });
}

// visit(id) for each content the origin itself may have at the sector, under a merge device or not.
template <class F>
void Model::each_below_merge(const Volume& o, std::uint64_t sector, F visit) const {
    each_survivor(o, sector, visit);
    each_only_below_merge(o, sector, visit);
}

template <class F>
void Model::each_only_below_merge(const Volume& o, std::uint64_t sector, F visit) const {
    const std::uint32_t i = o.below_merge_of.find(sector);
    if (i == NumberMap::none) return;
    for (const ContentId id : o.below_merge[i].ids) visit(id);
}

}  // namespace cowlab::model
