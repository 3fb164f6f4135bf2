// Judging what a read returned, learning from it, and the questions that change nothing.
#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "model/model.h"
#include "model/volume.h"

namespace cowlab::model {
namespace {

// Sorts the ids and drops the repeated ones.
void make_set(GrowArray<ContentId>& ids) {
    std::sort(ids.begin(), ids.end());
    ids.truncate(static_cast<std::uint32_t>(std::unique(ids.begin(), ids.end()) - ids.begin()));
}

std::uint32_t copy_set(GrowArray<ContentId>& ids, std::span<ContentId> out) {
    make_set(ids);
    for (std::uint32_t i = 0; i < ids.size() && i < out.size(); ++i) out[i] = ids[i];
    return ids.size();
}

}  // namespace

// The versions a read may have returned, and those of them that hold the id it did return.
class Model::Matches {
  public:
    Matches(Interval read, const Flushes& flushes) : read_(read), flushes_(flushes) {}
    void add_other() { ++readable_; }
    void add(Version& v) {
        // A flush can make them durable only if it is the same volume's flush for all of them.
        if (one_ != nullptr && one_->flushed_by_origin != v.flushed_by_origin) end_ = never;
        ++readable_;
        ++matching_;
        one_ = &v;
        any_base_ = any_base_ || v.base;
        const bool is_durable = v.certain && flushes_.cover(v) && !v.through;
        all_durable_ = all_durable_ && is_durable;
        if (!is_durable) end_ = std::max(end_, v.through || v.in_flight ? never : Time{v.end});
    }
    bool any() const { return matching_ != 0; }
    bool excludes_others() const { return matching_ != 0 && readable_ > matching_; }
    // The register learns which version was returned. REQUIRES: excludes_others().
    //
    // If several of them have the id, nobody can tell. But it changes nothing to say that the
    // reader itself wrote there what it saw, at the moment it saw it; that version is then the
    // one to come after the others. It is as durable as the least durable of those it stands for.
    void teach(Arena& arena, Register& r, const Volume& v, std::uint32_t epoch) const {
        // What a snapshot shows and did not get from its origin, its own store has.
        const bool is_own = !v.is_origin && !any_base_;
        if (matching_ == 1) {
            if (is_own) one_->copies_nothing = 0;
            r.learn(*one_, read_);
            return;
        }
        Version seen = *one_;
        seen.first = read_.end & never;
        seen.last = read_.begin & never;
        seen.epoch = epoch & 0xfffff;
        seen.certain = 1;
        seen.in_flight = seen.through = 0;
        seen.durable = all_durable_;
        seen.base = any_base_;
        seen.copies_nothing = !is_own;
        seen.end = end_ & never;
        r.learn(r.append(arena, seen), read_);
    }

  private:
    Interval read_;
    Flushes flushes_;
    std::uint32_t readable_ = 0;
    std::uint32_t matching_ = 0;
    Version* one_ = nullptr;
    bool any_base_ = false;
    bool all_durable_ = true;
    Time end_ = 0;
};

// The read of a snapshot shows its base: was that the origin's content at the activation?
bool Model::judge_base(const Volume& b, std::uint64_t sector, ContentId id, bool is_certain) {
    Volume& o = *b.origin;
    Register* r = o.find(sector);
    if (r == nullptr) return o.content.at({sector}, sector) == id;
    if (r->is_full()) make_room(o, *r);
    const Interval activation = b.activation();
    const Judge judge(r->all(), activation);
    Matches matches(activation, flushes_of(o));
    for (Version& v : r->all()) {
        if (!b.began_before_activation(v) || !judge.may_return(v)) continue;
        if (v.value == id) {
            matches.add(v);
        } else {
            matches.add_other();
        }
    }
    if (is_certain && matches.excludes_others()) {
        matches.teach(*arena_, *r, o, b.active_epoch - 1);
        ++counters_.decided;
    }
    return matches.any();
}

Model::Look Model::judge(Volume& v, std::uint64_t sector, Register* r, ContentId id,
                         const Request& request, Interval read) {
    Look look;
    if (r == nullptr) {
        look.is_base = !v.is_origin;
        look.has_survived = v.lost_power;
        look.allowed =
            v.is_origin ? v.content.at({sector}, sector) == id : judge_base(v, sector, id, true);
        return look;
    }
    // Nearly always there is one version only, and nothing to learn from its being read.
    if (r->size() - r->retired() == 1 && !r->current()[0].through) {
        const Version& x = r->current()[0];
        look.allowed = x.value == id;
        look.is_base = x.base;
        look.has_survived = x.survived;
        return look;
    }
    if (r->is_full()) make_room(v, *r);
    const Judge judge(r->current(), read);
    Matches matches(read, flushes_of(v));
    bool may_be_base = false;
    bool may_be_own = false;
    for (Version& x : r->current()) {
        if (!judge.may_return(x)) continue;
        look.is_base = look.is_base || x.base;
        look.has_survived = look.has_survived || x.survived;
        const bool matches_id = x.through ? judge_base(v, sector, id, false) : x.value == id;
        if (matches_id) {
            matches.add(x);
            (x.through ? may_be_base : may_be_own) = true;
        } else {
            matches.add_other();
        }
    }
    look.allowed = matches.any();
    if (may_be_base && !may_be_own) judge_base(v, sector, id, true);
    if (matches.excludes_others()) {
        matches.teach(*arena_, *r, v, request.epoch);
        ++counters_.decided;
    }
    return look;
}

Violation Model::violation(const Volume& v, Sectors sector, ContentId id, Interval read,
                           Rule rule) {
    Violation found;
    found.volume = v.id;
    found.sector = sector;
    found.observed = id;
    found.rule = rule;
    Scratch<ContentId> ids(*arena_);
    each_allowed(v, sector.value, read, [&](ContentId allowed) { ids.add(allowed); });
    found.allowed_count = copy_set(*ids, found.allowed);
    return found;
}

// ---- questions ----

bool Model::allows(VolumeId id, Sectors sector, ContentId content) const {
    bool found = false;
    each_allowed(volume(id), sector.value, {now_ + 1, now_ + 1},
                 [&](ContentId c) { found = found || c == content; });
    return found;
}

std::uint32_t Model::allowed(VolumeId id, Sectors sector, std::span<ContentId> out) const {
    Scratch<ContentId> ids(*arena_);
    each_allowed(volume(id), sector.value, {now_ + 1, now_ + 1}, [&](ContentId c) { ids.add(c); });
    return copy_set(*ids, out);
}

bool Model::may_survive(VolumeId id, Sectors sector, ContentId content) const {
    bool found = false;
    each_survivor(volume(id), sector.value, [&](ContentId c) { found = found || c == content; });
    return found;
}

std::uint32_t Model::survivors(VolumeId id, Sectors sector, std::span<ContentId> out) const {
    Scratch<ContentId> ids(*arena_);
    each_survivor(volume(id), sector.value, [&](ContentId c) { ids.add(c); });
    return copy_set(*ids, out);
}

void Model::for_each_uncertain(UncertainVisitor visit, void* context) const {
    for (Volume* v : volumes_) {
        if (!v->is_origin && !v->is_base_of_origin()) continue;
        Scratch<std::uint64_t> pages(*arena_);
        for (const Page* page : v->pages) pages.add(page->number);
        if (!v->is_origin) {
            for (const Page* page : v->origin->pages) pages.add(page->number);
        }
        make_set(*pages);
        for (const std::uint64_t page : *pages) {
            for (std::uint64_t s = page * 8; s < page * 8 + 8; ++s) {
                if (s >= v->size.value) break;
                Scratch<ContentId> ids(*arena_);
                each_allowed(*v, s, {now_ + 1, now_ + 1}, [&](ContentId c) { ids.add(c); });
                make_set(*ids);
                if (ids->size() > 1) visit(context, v->id, {s}, {ids->begin(), ids->size()});
            }
        }
    }
}

std::uint64_t Model::digest() const {
    Digest d;
    d.add(now_);
    d.add(in_flight_);
    for (Volume* v : volumes_) {
        d.add(v->size.value);
        d.add(static_cast<std::uint64_t>(v->state) << 8 | std::uint64_t{v->overflowed} << 1 |
              std::uint64_t{v->invalidation_began});
        d.add(v->flushed_to);
        d.add(v->activated);
        // A sum, so that the order in which sectors were touched does not matter.
        std::uint64_t sum = 0;
        v->each_register([&](std::uint64_t sector, Register& r) {
            for (const Version& x : r.all()) {
                Digest one;
                one.add(sector);
                one.add(x.value);
                one.add(x.first);
                one.add(x.last);
                one.add(x.end);
                one.add(std::uint64_t{x.certain} | std::uint64_t{x.in_flight} << 1 |
                        std::uint64_t{x.durable} << 2 | std::uint64_t{x.through} << 3);
                sum += one.value();
            }
        });
        d.add(sum);
    }
    return d.value();
}

}  // namespace cowlab::model
