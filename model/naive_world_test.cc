// Protects the model from being wrong about what it judges: the meaning of snapshots, merges,
// discards and power losses. A naive world (an array of sectors with a cache, a copied chunk, a
// flag) is written down here as plainly as possible, with everything that may overlap drawn at
// random. It does nothing wrong, so the model must never complain, whatever is drawn. Then it
// does one thing wrong, and the model must notice.
//
// The naive world is no second engine: it has no metadata, no queue, no space limit and no order
// to get wrong. Each request takes effect sector by sector at moments between its beginning and
// its end; a copy on write, and a merged chunk, happen in one moment.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/prng.h"
#include "model/model.h"

namespace cowlab::model {
namespace {

constexpr std::uint64_t device_sectors = 8;
constexpr std::uint64_t chunk_sectors = 2;

enum class Bug {
    none,
    no_copy,                  // an origin write does not copy for a snapshot
    copies_too_late,          // the copy holds what was written
    copy_not_flushed,         // the record is there after a loss, the data is not
    copies_one_sector_only,   // of the chunk
    acknowledged_write_lost,  // an ok write did not reach every sector
    flush_does_nothing,
    fua_ignored,
    refused_write_happens,
    stale_read,  // a read returns the value before the last
    write_to_wrong_sector,
    merge_erases_too_early,    // the record is gone, the origin had it in its cache only
    merge_without_protection,  // other snapshots lose their base
    merge_forgets_writes,      // what was written during the merge
    torn_handover,             // the snapshot loses what was not merged
    discard_hits_neighbour,
    invalid_comes_back,
};

// A disk with a volatile cache: a loss leaves, for each sector, any version not older than the
// newest durable one.
class Disk {
  public:
    std::uint64_t read(std::uint64_t s) const { return versions_[s].back(); }
    std::uint64_t before(std::uint64_t s) const {
        return versions_[s].size() < 2 ? versions_[s].back()
                                       : versions_[s][versions_[s].size() - 2];
    }
    void write(std::uint64_t s, std::uint64_t value, bool fua = false) {
        if (fua) versions_[s].clear();
        versions_[s].push_back(value);
    }
    void flush() {
        for (auto& v : versions_) v = {v.back()};
    }
    void lose_power(Prng& prng) {
        for (auto& v : versions_) v = {v[prng.below(v.size())]};
    }

  private:
    std::array<std::vector<std::uint64_t>, device_sectors> versions_ = [] {
        std::array<std::vector<std::uint64_t>, device_sectors> v;
        for (std::uint64_t s = 0; s < device_sectors; ++s) v[s] = {pattern_content(1, {s})};
        return v;
    }();
};

class NaiveWorld {
  public:
    NaiveWorld(Arena& arena, std::uint64_t seed, Bug bug)
        : prng_(seed),
          bug_(bug),
          model_(arena),
          origin_(model_.add_origin({device_sectors}, Content::pattern(1))) {
        for (std::uint32_t& w : weights_)
            w = prng_.chance({1, 4}) ? 0 : 1 + prng_.below(8) * prng_.below(8);
        if (prng_.chance({1, 8})) {
            has_cache_ = false;
            model_.volatile_cache(origin_, false);
        }
    }

    // The first complaint; nullopt if the model finds this world right.
    std::optional<std::string> run(int steps) {
        for (int i = 0; i < steps && !complaint_; ++i) step();
        if (!complaint_) lose_power();
        if (!complaint_) read_everything();
        return complaint_;
    }
    const Model& model() const { return model_; }
    // Told only if asked for before the run: what happened, a line an event.
    void tell() { tells_ = true; }
    const std::string& story() const { return story_; }

  private:
    enum Action {
        begin_write,
        begin_read,
        begin_flush,
        begin_discard,
        progress,
        end,
        add_snapshot,
        remove_snapshot,
        power_loss,
        begin_merge,
        merge_step,
        end_merge,
        toggle_active,
        invalidate,
        action_count
    };
    struct Snapshot {
        SnapshotId id;
        std::uint64_t size = 0;
        Disk cow;
        std::vector<bool> copied = std::vector<bool>(device_sectors / chunk_sectors, false);
        bool transient = false;
        bool active = true;
        bool valid = true;
        bool removed = false;
    };
    struct Request {
        enum class Kind { write, read, flush, discard } kind;
        Op op;
        int volume;  // -1: the origin
        std::uint64_t start = 0;
        std::vector<std::uint64_t> values;
        std::vector<bool> done;
        bool fua = false;
        bool passdown = false;
        bool refused = false;
    };

    bool draw(Ratio r) { return prng_.chance(r); }
    // A bug strikes now and then, or a world with it would be too simple to survive one write.
    bool strikes(Bug b) { return bug_ == b && draw({1, 2}); }
    void complain(std::string text) {
        if (!complaint_) complaint_ = std::move(text);
    }
    void complain(const Violation& v) {
        std::string text = name_of(v.rule);
        text += " at volume " + std::to_string(v.volume.value) + " sector " +
                std::to_string(v.sector.value) + ": " + std::to_string(v.observed) + " is none of";
        for (std::uint32_t i = 0; i < std::min(v.allowed_count, 4u); ++i)
            text += " " + std::to_string(v.allowed[i]);
        complain(text);
    }
    template <class... Words>
    void say(const Words&... words) {
        if (!tells_) return;
        const auto add = [&](const auto& word) {
            if constexpr (std::is_arithmetic_v<std::decay_t<decltype(word)>>) {
                story_ += std::to_string(word);
            } else {
                story_ += word;
            }
            story_ += ' ';
        };
        (add(words), ...);
        story_ += '\n';
    }
    Snapshot& at(int v) { return snapshots_[static_cast<std::size_t>(v)]; }
    VolumeId id_of(int v) { return v < 0 ? VolumeId{origin_} : VolumeId{at(v).id}; }
    std::uint64_t size_of(int v) { return v < 0 ? device_sectors : at(v).size; }

    // ---- what the devices do

    void protect(std::uint64_t s, int except) {
        const std::uint64_t c = s / chunk_sectors;
        for (int i = 0; i < static_cast<int>(snapshots_.size()); ++i) {
            Snapshot& b = at(i);
            if (i == except || i == merging_ || b.removed || !b.valid || !b.active || s >= b.size)
                continue;
            if (strikes(Bug::no_copy)) continue;
            if (!b.copied[c]) copy(b, c);
        }
    }
    void copy(Snapshot& b, std::uint64_t c) {
        for (std::uint64_t i = 0; i < chunk_sectors; ++i) {
            if (i == 1 && strikes(Bug::copies_one_sector_only)) break;
            const std::uint64_t s = c * chunk_sectors + i;
            b.cow.write(s, strikes(Bug::copies_too_late) ? late_value_ : origin_disk_.read(s));
        }
        if (!strikes(Bug::copy_not_flushed)) b.cow.flush();
        b.copied[c] = true;
    }

    std::uint64_t read_sector(int v, std::uint64_t s) {
        const std::uint64_t c = s / chunk_sectors;
        const int above = v < 0 ? merging_ : v;
        const bool in_cow = above >= 0 && s < at(above).size && at(above).copied[c];
        const Disk& disk = in_cow ? at(above).cow : origin_disk_;
        return strikes(Bug::stale_read) ? disk.before(s) : disk.read(s);
    }
    void write_sector(int v, std::uint64_t s, std::uint64_t value, bool fua) {
        if (strikes(Bug::fua_ignored)) fua = false;
        if (strikes(Bug::write_to_wrong_sector)) s = s ^ 1;
        const std::uint64_t c = s / chunk_sectors;
        const bool durable = fua || (v < 0 && !has_cache_);
        if (v >= 0) {
            if (!at(v).copied[c]) {
                copy(at(v), c);
                at(v).cow.write(s, value, fua);
                at(v).cow.flush();
            } else {
                at(v).cow.write(s, value, fua);
            }
        } else if (merging_ >= 0 && s < at(merging_).size && at(merging_).copied[c]) {
            at(merging_).cow.write(s, value, durable);
        } else {
            late_value_ = value;
            protect(s, -1);
            origin_disk_.write(s, value, durable);
        }
    }
    void flush_volume(int v) {
        if (strikes(Bug::flush_does_nothing)) return;
        if (v >= 0) {
            at(v).cow.flush();
        } else {
            origin_disk_.flush();
            if (merging_ >= 0) at(merging_).cow.flush();
        }
    }
    // Zeros or nothing.
    void discard_sector(const Request& r, std::uint64_t s) {
        if (strikes(Bug::discard_hits_neighbour)) s = s ^ 1;
        const std::uint64_t c = s / chunk_sectors;
        const int above = r.volume < 0 ? merging_ : r.volume;
        if (above >= 0 && s < at(above).size && at(above).copied[c]) {
            if (draw({1, 2})) at(above).cow.write(s, 0, r.volume < 0 && !has_cache_);
        } else if (r.volume < 0 && draw({1, 2})) {
            protect(s, -1);
            origin_disk_.write(s, 0, !has_cache_);
        }
        if (r.passdown && draw({1, 2})) origin_disk_.write(s, 0, !has_cache_);
    }

    void take_effect(Request& r, std::size_t i) {
        r.done[i] = true;
        const std::uint64_t s = r.start + i;
        say("  effect of", r.op.serial, "at", s);
        switch (r.kind) {
            case Request::Kind::write:
                if (!r.refused || strikes(Bug::refused_write_happens)) {
                    write_sector(r.volume, s, r.values[i], r.fua);
                }
                break;
            case Request::Kind::read: r.values[i] = read_sector(r.volume, s); break;
            case Request::Kind::flush: flush_volume(r.volume); break;
            case Request::Kind::discard: discard_sector(r, s); break;
        }
    }

    // ---- what the user does

    bool is_busy(int v) const {
        return std::any_of(requests_.begin(), requests_.end(),
                           [&](const Request& r) { return r.volume == v; });
    }
    bool is_usable(int v) {
        if (v < 0) return !interrupted_;
        return v != merging_ && !at(v).removed && at(v).valid && at(v).active;
    }
    std::optional<int> some_volume() {
        const int v = static_cast<int>(prng_.below(snapshots_.size() + 2)) - 2;
        const int volume = v < -1 ? -1 : v;
        if (!is_usable(volume)) return std::nullopt;
        return volume;
    }
    std::optional<int> some_snapshot() {
        if (snapshots_.empty()) return std::nullopt;
        const int v = static_cast<int>(prng_.below(snapshots_.size()));
        if (at(v).removed) return std::nullopt;
        return v;
    }

    void begin(Request::Kind kind) {
        const std::optional<int> v = some_volume();
        if (!v || requests_.size() > 5) return;
        Request r{kind, {}, *v, 0, {}, {}, false, false, false};
        const VolumeId id = id_of(*v);
        if (kind == Request::Kind::flush) {
            r.op = model_.begin_flush(id);
            say("begin", r.op.serial, "flush", *v);
            r.done = {false};
            requests_.push_back(r);
            return;
        }
        r.start = prng_.below(size_of(*v));
        const std::uint64_t count =
            prng_.between(1, std::min<std::uint64_t>(3, size_of(*v) - r.start));
        r.done.assign(count, false);
        r.values.assign(count, 0);
        if (kind == Request::Kind::write) {
            // Small numbers come again: equal contents are harder to tell apart.
            const std::uint64_t seed = draw({1, 8}) ? prng_.below(2) : ++last_seed_;
            for (std::size_t i = 0; i < count; ++i)
                r.values[i] = seed == 0 ? 0 : seed << 8 | (r.start + i);
            r.fua = draw({1, 6});
            r.refused = draw({1, 10});
            r.op =
                model_.begin_write(id, {r.start}, {count}, Content::table(r.values.data(), count),
                                   r.fua ? WriteKind::fua : WriteKind::plain);
        } else if (kind == Request::Kind::read) {
            r.op = model_.begin_read(id, {r.start}, {count});
        } else {
            r.passdown = *v >= 0 && draw({1, 3});
            r.op =
                model_.begin_discard(id, {r.start}, {count},
                                     r.passdown ? DiscardKind::passdown : DiscardKind::volume_only);
        }
        say("begin", r.op.serial,
            kind == Request::Kind::write  ? "write"
            : kind == Request::Kind::read ? "read"
                                          : "discard",
            *v, r.start, count, r.values[0], r.fua ? "fua" : "", r.refused ? "refused" : "",
            r.passdown ? "passdown" : "");
        requests_.push_back(std::move(r));
    }

    void end_request(std::size_t n) {
        Request r = std::move(requests_[n]);
        requests_.erase(requests_.begin() + static_cast<std::ptrdiff_t>(n));
        const bool gone =
            r.volume >= 0 && (at(r.volume).removed || r.volume == merging_ || !at(r.volume).valid);
        const bool fails = gone || draw({1, 10});
        for (std::size_t i = 0; i < r.done.size(); ++i) {
            if (r.done[i] || gone) continue;
            if (fails && draw({1, 2})) continue;
            if (r.kind == Request::Kind::write && strikes(Bug::acknowledged_write_lost)) continue;
            take_effect(r, i);
        }
        say("end", r.op.serial, fails ? "fails" : "", r.values.empty() ? 0 : r.values[0]);
        const Errc result = r.refused ? Errc::eperm : fails ? Errc::eio : Errc::ok;
        switch (r.kind) {
            case Request::Kind::write: model_.end_write(r.op, result); break;
            case Request::Kind::flush: model_.end_flush(r.op, result); break;
            case Request::Kind::discard: model_.end_discard(r.op, result); break;
            case Request::Kind::read:
                if (fails) {
                    model_.end_read(r.op, Errc::eio);
                } else if (const auto bad = model_.end_read(r.op, r.values)) {
                    complain(*bad);
                }
                break;
        }
    }

    void lose_power() {
        say("power loss");
        // Of what is in flight, any part may be done; of what is in a cache, any part is kept.
        for (Request& r : requests_) {
            for (std::size_t i = 0; i < r.done.size(); ++i) {
                if (!r.done[i] && r.kind != Request::Kind::read && !r.refused && draw({1, 2}))
                    take_effect(r, i);
            }
        }
        requests_.clear();
        for (int i = 0; i < static_cast<int>(snapshots_.size()); ++i) {
            Snapshot& b = at(i);
            if (b.removed || i == merging_ || !b.valid || !b.active) continue;
            if (b.transient) remove(i);
        }
        origin_disk_.lose_power(prng_);
        for (Snapshot& b : snapshots_) b.cow.lose_power(prng_);
        // First as a question, then as the fact.
        for (int v = -1; v < static_cast<int>(snapshots_.size()); ++v) {
            if (!is_usable(v)) continue;
            for (std::uint64_t s = 0; s < size_of(v); ++s) {
                if (model_.may_survive(id_of(v), {s}, read_sector(v, s))) continue;
                ContentId left[8];
                const std::uint32_t count = std::min(8u, model_.survivors(id_of(v), {s}, left));
                complain("durability: no survivor at volume " + std::to_string(v) + " sector " +
                         std::to_string(s));
                say("volume", v, "sector", s, "holds", read_sector(v, s), "not one of", count);
                for (std::uint32_t i = 0; i < count; ++i) say("   ", left[i]);
            }
        }
        model_.power_loss();
        for (int v = 0; v < static_cast<int>(snapshots_.size()); ++v) {
            Snapshot& b = at(v);
            if (b.removed || v == merging_) continue;
            if (!b.valid && strikes(Bug::invalid_comes_back)) b.valid = true;
            if (b.valid && model_.must_be_invalid(b.id)) complain("invalid: a snapshot came back");
            if (!b.valid && !model_.may_be_invalid(b.id)) complain("invalid: for no reason");
        }
        if (merging_ >= 0) interrupted_ = true;
    }

    void remove(int v) {
        say("remove", v);
        model_.remove_snapshot(at(v).id);
        at(v).removed = true;
        if (v == merging_) {
            merging_ = -1;
            interrupted_ = false;
        }
    }

    void merge_one_chunk() {
        Snapshot& b = at(merging_);
        const std::uint64_t c = prng_.below(b.copied.size());
        if (!b.copied[c]) return;
        if (!strikes(Bug::merge_without_protection)) protect(c * chunk_sectors, -1);
        const bool fails = draw({1, 5});
        say("merge chunk", c, fails ? "fails" : "");
        for (std::uint64_t i = 0; i < chunk_sectors; ++i) {
            const std::uint64_t s = c * chunk_sectors + i;
            if (s >= b.size) break;
            if (fails && draw({1, 2})) continue;
            const bool forgets = strikes(Bug::merge_forgets_writes);
            origin_disk_.write(s, forgets ? b.cow.before(s) : b.cow.read(s));
        }
        if (fails) return;
        if (!strikes(Bug::merge_erases_too_early)) origin_disk_.flush();
        b.copied[c] = false;
    }

    void read_everything() {
        for (int round = 0; round < 2; ++round) {
            for (int v = -1; v < static_cast<int>(snapshots_.size()); ++v) {
                if (v < 0 && interrupted_) {
                    model_.begin_merge(at(merging_).id);
                    interrupted_ = false;
                }
                if (!is_usable(v)) continue;
                const Op op = model_.begin_read(id_of(v), {0}, {size_of(v)});
                std::vector<std::uint64_t> values;
                for (std::uint64_t s = 0; s < size_of(v); ++s) values.push_back(read_sector(v, s));
                if (const auto bad = model_.end_read(op, values)) {
                    complain(*bad);
                }
            }
        }
    }

    void step() {
        std::uint64_t total = 0;
        for (const std::uint32_t w : weights_) total += w;
        if (total == 0) return;
        std::uint64_t n = prng_.below(total);
        int action = 0;
        while (n >= weights_[static_cast<std::size_t>(action)])
            n -= weights_[static_cast<std::size_t>(action++)];
        switch (static_cast<Action>(action)) {
            case begin_write: begin(Request::Kind::write); break;
            case begin_read: begin(Request::Kind::read); break;
            case begin_flush: begin(Request::Kind::flush); break;
            case begin_discard: begin(Request::Kind::discard); break;
            case progress: {
                if (requests_.empty() || interrupted_) break;
                Request& r = requests_[prng_.below(requests_.size())];
                if (r.volume >= 0 && !is_usable(r.volume)) break;
                const std::size_t i = prng_.below(r.done.size());
                if (!r.done[i]) take_effect(r, i);
                break;
            }
            case end:
                if (!requests_.empty() && !interrupted_) end_request(prng_.below(requests_.size()));
                break;
            case add_snapshot: {
                if (snapshots_.size() > 5) break;
                snapshots_.emplace_back();
                Snapshot& b = snapshots_.back();
                b.size = draw({1, 3}) ? prng_.between(1, device_sectors) : device_sectors;
                b.id = model_.add_snapshot(origin_, {b.size});
                b.transient = draw({1, 5});
                say("add snapshot", b.size, b.transient ? "transient" : "");
                break;
            }
            case remove_snapshot:
                if (const auto v = some_snapshot()) {
                    if (draw({1, 3}) && !(is_busy(*v))) remove(*v);
                }
                break;
            case power_loss:
                if (draw({1, 3})) lose_power();
                break;
            case begin_merge: {
                if (interrupted_) {
                    resume_somehow();
                    break;
                }
                const auto v = some_snapshot();
                if (!v || merging_ >= 0 || is_busy(*v) || !is_usable(*v) || at(*v).transient) break;
                model_.begin_merge(at(*v).id);
                merging_ = *v;
                say("begin merge", *v);
                break;
            }
            case merge_step:
                if (merging_ >= 0 && !interrupted_) merge_one_chunk();
                break;
            case end_merge: {
                if (merging_ < 0 || interrupted_) break;
                Snapshot& b = at(merging_);
                say("end merge");
                const bool complete =
                    std::none_of(b.copied.begin(), b.copied.end(), [](bool c) { return c; });
                if (complete) {
                    model_.end_merge(b.id, MergeEnd::complete);
                    b.removed = true;
                    merging_ = -1;
                } else if (draw({1, 3})) {
                    model_.end_merge(b.id, MergeEnd::interrupted);
                    interrupted_ = true;
                }
                break;
            }
            case toggle_active: {
                const auto v = some_snapshot();
                if (!v || *v == merging_ || is_busy(*v) || !at(*v).valid || at(*v).transient) break;
                say("toggle", *v);
                if (at(*v).active) {
                    model_.deactivate_snapshot(at(*v).id);
                } else {
                    model_.reactivate_snapshot(at(*v).id);
                }
                at(*v).active = !at(*v).active;
                break;
            }
            case invalidate: {
                const auto v = some_snapshot();
                if (!v || !draw({1, 6}) || !at(*v).valid || !at(*v).active || *v == merging_) break;
                say("invalid", *v);
                model_.snapshot_invalidated(at(*v).id);
                at(*v).valid = false;
                break;
            }
            case action_count: break;
        }
    }

    void resume_somehow() {
        Snapshot& b = at(merging_);
        const std::uint64_t way = prng_.below(4);
        say("resume", way);
        switch (way) {
            case 0:
            case 1: model_.begin_merge(b.id); break;
            case 2:
                model_.merge_handed_back(b.id);
                if (strikes(Bug::torn_handover)) b.copied.assign(b.copied.size(), false);
                merging_ = -1;
                break;
            case 3: remove(merging_); break;
        }
        interrupted_ = false;
    }

    Prng prng_;
    Bug bug_;
    Model model_;
    OriginId origin_;
    Disk origin_disk_;
    std::vector<Snapshot> snapshots_;
    std::vector<Request> requests_;
    std::array<std::uint32_t, action_count> weights_{};
    std::uint64_t last_seed_ = 1;
    std::uint64_t late_value_ = 0;
    int merging_ = -1;
    bool interrupted_ = false;
    bool has_cache_ = true;
    bool tells_ = false;
    std::string story_;
    std::optional<std::string> complaint_;
};

std::string story_of(Arena& arena, std::uint64_t seed) {
    arena.reset();
    NaiveWorld world(arena, seed, Bug::none);
    world.tell();
    world.run(150);
    return "\n" + world.story();
}

TEST(NaiveWorld, TheModelNeverComplainsOfARightWorld) {
    Arena arena(1 << 26);
    Model::Counters seen{};
    for (std::uint64_t seed = 0; seed < 20000; ++seed) {
        arena.reset();
        NaiveWorld world(arena, seed, Bug::none);
        const auto complaint = world.run(150);
        ASSERT_FALSE(complaint) << "seed " << seed << ": " << *complaint << story_of(arena, seed);
        for (unsigned r = 0; r < rule_count; ++r)
            seen.evaluated[r] += world.model().counters().evaluated[r];
        seen.decided += world.model().counters().decided;
    }
    for (unsigned r = 0; r < rule_count; ++r)
        EXPECT_GT(seen.evaluated[r], 10000u) << name_of(Rule{static_cast<std::uint8_t>(r)});
    EXPECT_GT(seen.decided, 1000u);
}

RC_GTEST_PROP(NaiveWorldProperty, TheModelNeverComplainsOfARightWorld, (std::uint64_t seed)) {
    Arena arena(1 << 26);
    const auto complaint = NaiveWorld(arena, seed, Bug::none).run(60);
    if (complaint) RC_FAIL(*complaint);
}

struct BugCase {
    Bug bug;
    const char* name;
    std::uint64_t seeds_max;  // within which it must be found
};

class BuggyWorld : public ::testing::TestWithParam<BugCase> {};

TEST_P(BuggyWorld, IsNoticed) {
    Arena arena(1 << 26);
    for (std::uint64_t seed = 0; seed < GetParam().seeds_max; ++seed) {
        arena.reset();
        if (NaiveWorld(arena, seed, GetParam().bug).run(150)) {
            RecordProperty("seed", static_cast<int>(seed));
            return;
        }
    }
    ADD_FAILURE() << "no seed below " << GetParam().seeds_max << " shows it";
}

INSTANTIATE_TEST_SUITE_P(
    Model, BuggyWorld,
    ::testing::Values(BugCase{Bug::no_copy, "NoCopy", 200},
                      BugCase{Bug::copies_too_late, "CopiesTooLate", 200},
                      BugCase{Bug::copy_not_flushed, "CopyNotFlushed", 500},
                      BugCase{Bug::copies_one_sector_only, "CopiesOneSectorOnly", 200},
                      BugCase{Bug::acknowledged_write_lost, "AcknowledgedWriteLost", 200},
                      BugCase{Bug::flush_does_nothing, "FlushDoesNothing", 500},
                      BugCase{Bug::fua_ignored, "FuaIgnored", 500},
                      BugCase{Bug::refused_write_happens, "RefusedWriteHappens", 500},
                      BugCase{Bug::stale_read, "StaleRead", 200},
                      BugCase{Bug::write_to_wrong_sector, "WriteToWrongSector", 200},
                      BugCase{Bug::merge_erases_too_early, "MergeErasesTooEarly", 3000},
                      BugCase{Bug::merge_without_protection, "MergeWithoutProtection", 3000},
                      BugCase{Bug::merge_forgets_writes, "MergeForgetsWrites", 30000},
                      BugCase{Bug::torn_handover, "TornHandover", 3000},
                      BugCase{Bug::discard_hits_neighbour, "DiscardHitsNeighbour", 500},
                      BugCase{Bug::invalid_comes_back, "InvalidComesBack", 500}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace cowlab::model
