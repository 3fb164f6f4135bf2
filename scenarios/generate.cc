#include "scenarios/generate.h"

#include <fmt/format.h>

#include "scenarios/draws.h"

namespace cowlab {
namespace {

using SurvivalWord = decltype(PowerLossSpec::survival);

enum class Kind : std::uint8_t {
    write_origin,
    read_origin,
    flush_origin,
    write_snapshot,
    read_snapshot,
    flush_snapshot,
    join,
    sequential_read,
    sequential_write,
    suspend,
    reload_table,
    remove,
    recreate,
    merge,
    merge_done,
    discard,
    zeroout,
    power_loss,
    ask,
    second_name,
    cancel_handover,
    damage,
    grow,
    user_error,
    lasting_fault,
    count_
};
constexpr std::size_t kind_count = static_cast<std::size_t>(Kind::count_);

struct SnapshotPlan {
    std::string name;
    std::string cow;
    std::string table;
    std::string features;
    std::uint64_t chunk = 8;
    std::uint64_t size = 0;        // of its table: may be less than the origin
    std::uint64_t grows_from = 0;  // > 0: the COW device is linear and can be grown to
    std::uint64_t grows_to = 0;
    bool persistent = true;
    bool read_only = false;
    bool exists = false;
    bool damaged = false;
    bool formatted = false;  // its COW device was used before
};

class Generator {
  public:
    Generator(std::uint64_t seed, const Profile& profile, const StartImages& images)
        : profile_(profile),
          images_(images),
          geometry_(Prng(seed, 1)),
          ops_(Prng(seed, 2)),
          swarm_(Prng(seed, 3)),
          faults_(Prng(seed, 4)) {}
    Generator(ByteString& bytes, const Profile& profile, const StartImages& images)
        : profile_(profile),
          images_(images),
          geometry_(bytes),
          ops_(bytes),
          swarm_(bytes),
          faults_(bytes) {}

    GeneratedRun run() {
        draw_swarm();
        out_.scenario.version = language_version;
        out_.scenario.steps.reserve(profile_.operations_max + profile_.operations_max / 2 + 32);
        set_up();
        out_.calm_steps = out_.scenario.steps.size();
        const std::uint64_t n = ops_.between(profile_.operations_min, profile_.operations_max);
        // A run that is to lose power does so, whatever else is drawn.
        const std::uint64_t loss_at = loses_power_ ? ops_.between(4, n) : n;
        while (operations_ < n && !ops_.are_used_up()) {
            if (loses_power_ && !has_lost_power_ && operations_ >= loss_at) power_loss();
            one_operation();
        }
        add(Verb::join);
        if (lasting_ && faults_.chance({1, 2})) heal();
        add(Verb::check);
        return std::move(out_);
    }

  private:
    void draw_swarm() {
        Swarm& w = out_.swarm;
        constexpr std::uint32_t latencies[] = {0, 3, 20, 100, 400, 2000};
        w.latency_max_us = latencies[swarm_.below(std::size(latencies))];
        if (w.latency_max_us > 0 && swarm_.chance({1, 2})) {
            w.slow = {1, static_cast<std::uint32_t>(swarm_.between(3, 30))};
            w.slow_max_us = w.latency_max_us * static_cast<std::uint32_t>(swarm_.between(5, 50));
        }
        if (swarm_.chance({1, 2}))
            w.yield_max_us = static_cast<std::uint32_t>(swarm_.between(1, 500));
        w.survive = {static_cast<std::uint32_t>(swarm_.between(0, 8)), 8};
        draw_faults();
        loses_power_ = swarm_.chance(profile_.power_loss);
        // An area of several sectors can be torn; it takes many exceptions at a time to fill one.
        if (loses_power_ && swarm_.chance({1, 9})) {
            many_areas_ = true;
            area_sectors_ = 2;
        }
        controls_ = swarm_.chance(profile_.control);
        draw_limits();
        const std::uint32_t base[kind_count] = {12, 8, 2, 10, 8, 2, 2, 3, 3, 2, 2, 2, 3,
                                                2,  3, 1, 1,  3, 1, 1, 1, 1, 1, 1, 2};
        for (std::size_t k = 0; k < kind_count; ++k) {
            // Some kinds off, the rest wildly different.
            const bool off = k > 1 && swarm_.chance({1, 6});
            weights_[k] = off ? 0 : base[k] * static_cast<std::uint32_t>(swarm_.between(1, 6));
        }
        if (many_areas_) weights_[static_cast<int>(Kind::merge)] += 10;
        if (must_merge_) weights_[static_cast<int>(Kind::merge)] += 10;
        if (must_discard_) weights_[static_cast<int>(Kind::discard)] += 25;
        if (!loses_power_) weights_[static_cast<int>(Kind::power_loss)] = 0;
        if (!controls_) {
            for (const Kind k :
                 {Kind::suspend, Kind::reload_table, Kind::remove, Kind::recreate,
                  Kind::second_name, Kind::cancel_handover, Kind::damage, Kind::grow}) {
                weights_[static_cast<int>(k)] = 0;
            }
        }
        // Rarer than the others: once in a few runs.
        for (const Kind k :
             {Kind::damage, Kind::user_error, Kind::cancel_handover, Kind::second_name}) {
            if (!swarm_.chance({1, 4})) weights_[static_cast<int>(k)] = 0;
        }
        if (!lasting_) weights_[static_cast<int>(Kind::lasting_fault)] = 0;
        if (must_reopen_) {
            weights_[static_cast<int>(Kind::remove)] += 10;
            weights_[static_cast<int>(Kind::recreate)] += 10;
        }
        lanes_ = static_cast<std::uint32_t>(swarm_.between(1, 6));
    }

    // Two levels: which kinds this run knows at all, then how often.
    void draw_faults() {
        Swarm& w = out_.swarm;
        if (!faults_.chance(profile_.faults)) return;
        w.unlimited = faults_.chance(profile_.unlimited);
        if (faults_.chance({3, 4})) {
            w.fault_kinds = static_cast<std::uint32_t>(faults_.below(64)) | 2;
            if (faults_.chance({1, 3})) w.fault_kinds = 1u << faults_.between(1, 5);
            if (faults_.chance({2, 3}))
                w.fault = {1, static_cast<std::uint32_t>(faults_.between(15, 200))};
            if (faults_.chance({5, 6})) draw_focus();
        }
        if (faults_.chance({1, 4})) {
            constexpr AllocationUse uses[] = {AllocationUse::device,
                                              AllocationUse::target,
                                              AllocationUse::store,
                                              AllocationUse::exception_table,
                                              AllocationUse::completed_exception,
                                              AllocationUse::completed_exception,
                                              AllocationUse::completed_exception,
                                              AllocationUse::completed_exception,
                                              AllocationUse::pending_exception,
                                              AllocationUse::origin,
                                              AllocationUse::origin,
                                              AllocationUse::origin,
                                              AllocationUse::origin,
                                              AllocationUse::origin,
                                              AllocationUse::origin,
                                              AllocationUse::origin};
            w.no_memory = {1, static_cast<std::uint32_t>(faults_.between(1, 40))};
            if (faults_.chance({4, 5}))
                w.memory_focus = static_cast<std::uint32_t>(uses[faults_.below(std::size(uses))]);
            if (w.memory_focus == static_cast<std::uint32_t>(AllocationUse::pending_exception))
                w.no_memory = {9, 10};
        }
        lasting_ = faults_.chance({9, 10});
        if (w.unlimited) {
            limit("judged", 0);
            loses_content_ = faults_.chance({1, 2});
        }
    }

    // The purposes that come up seldom, and what makes them come up.
    void draw_focus() {
        struct Focus {
            std::uint32_t purpose;  // the number of a Purpose (engine/port/block_device.h)
            std::uint32_t weight;
        };
        constexpr std::uint32_t area_read = 6, area_zeroing = 8, chunk_zeroing = 9, discard = 12;
        constexpr Focus all[] = {{1, 2},
                                 {2, 2},
                                 {3, 18},
                                 {4, 6},
                                 {5, 18},
                                 {area_read, 9},
                                 {7, 3},
                                 {area_zeroing, 25},
                                 {10, 7},
                                 {11, 2},
                                 {chunk_zeroing, 8},
                                 {discard, 16}};
        std::uint32_t total = 0;
        for (const Focus& f : all) total += f.weight;
        auto at = static_cast<std::uint32_t>(faults_.below(total));
        const Focus* f = all;
        while (at >= f->weight) at -= (f++)->weight;
        out_.swarm.fault_focus = f->purpose;
        out_.swarm.focus_fault = {1, static_cast<std::uint32_t>(faults_.between(1, 4))};
        many_areas_ =
            (f->purpose == area_read || f->purpose == area_zeroing) && faults_.chance({3, 4});
        must_discard_ = f->purpose == chunk_zeroing || f->purpose == discard;
        must_reopen_ = f->purpose == 4 || f->purpose == 5 || f->purpose == area_read;
        must_merge_ = f->purpose == 10 || f->purpose == area_read;
    }

    void limit(const char* name, std::uint64_t value) {
        out_.scenario.header.limits.push_back({name, value});
    }
    void draw_limits() {
        if (swarm_.chance({1, 8})) limit("cow", swarm_.between(1, 4));
        if (swarm_.chance({1, 6}) ||
            out_.swarm.memory_focus == static_cast<std::uint32_t>(AllocationUse::pending_exception))
            limit("pool", swarm_.between(1, 3));
        if (swarm_.chance({1, 8})) limit("piece", std::uint64_t{1} << swarm_.below(4));
        if (swarm_.chance({1, 40})) limit("throttle", swarm_.between(10, 90));
    }

    // ---- steps ----

    Step& add(Verb verb, std::string name = {}) {
        Step& s = out_.scenario.steps.emplace_back();
        s.verb = verb;
        s.name = std::move(name);
        return s;
    }
    void add_io(bool in_lane, Verb verb, const std::string& device, Sectors start, Sectors count) {
        Step& s = add(in_lane ? Verb::lane : verb, device);
        if (in_lane) {
            s.io_verb = verb;
            s.job = "l0";  // there are few
            s.job[1] = static_cast<char>('0' + ops_.below(lanes_));
        }
        s.start = start;
        s.count = count;
        if (verb == Verb::write) {
            s.seed = next_seed_++;
            s.fua = ops_.chance({1, 12});
        }
        ++operations_;
    }
    void add_table(Verb verb, const std::string& name, const std::string& table) {
        add(verb, name).text = table;
        ++operations_;
    }
    void add_control(Verb verb, const std::string& name) {
        add(verb, name);
        ++operations_;
    }

    // ---- set-up ----

    void set_up() {
        const bool from_images = !images_.origin_member.empty();
        discards_ = !from_images && (geometry_.chance({1, 6}) || must_discard_);
        snapshots_ = static_cast<std::uint32_t>(geometry_.between(1, profile_.snapshots_max));
        constexpr std::uint32_t chunks[] = {1, 1, 2, 4, 8, 8, 8, 16, 32};
        std::uint64_t main_chunk = chunks[geometry_.below(std::size(chunks))];
        std::uint64_t origin_chunks = geometry_.between(2, profile_.origin_chunks_max);
        if (many_areas_) {
            main_chunk = area_sectors_;
            origin_chunks = geometry_.between(34, 90) * main_chunk;
        }
        if (geometry_.chance({1, 40})) {  // a chunk that is large beside its origin
            main_chunk = std::uint64_t{64} << geometry_.below(geometry_.chance({1, 8}) ? 6 : 3);
            origin_chunks = geometry_.between(1, 3);
            out_.odd = true;
        }
        size_ = main_chunk * origin_chunks;
        if (geometry_.chance({1, 4})) {  // a short last chunk
            size_ += geometry_.below(main_chunk);
            out_.odd = true;
        }
        if (!from_images && !many_areas_ && geometry_.chance({1, 60})) {
            size_ = std::uint64_t{1} << geometry_.between(33, 35);
            size_ -= geometry_.below(3);  // one draw a statement: compilers order them differently
            out_.huge = true;
        }
        if (from_images) size_ = images_.origin_size.value;
        const WriteCache origin_cache = geometry_.chance({3, 4}) ? WriteCache::on : WriteCache::off;
        Step& disk = add(Verb::disk, "orig");
        disk.count = {size_};
        disk.disk.content = DiskContent::fill;
        disk.seed = 1;
        disk.disk.cache = origin_cache;
        if (discards_) disk.disk.lbs = 512;
        if (loses_content_) disk.disk.lost = lost_word();
        if (from_images) {
            disk.disk.content = DiskContent::image;
            disk.disk.image = images_.origin_member;
            disk.seed = 0;
        }
        for (std::uint32_t k = 0; k < snapshots_; ++k)
            plan_snapshot(k, main_chunk, from_images && k == 0);
        add_table(Verb::create, "base", fmt::format("0 {} snapshot-origin @orig", size_));
        add(Verb::suspend, "base");
        for (SnapshotPlan& s : plans_) {
            create(s);
            s.exists = true;
        }
        add(Verb::resume, "base");
        operations_ = 0;
        for (int i = 0; i < 4; ++i) hot_.push_back(ops_.below(size_));
        if (out_.huge) {  // what happens happens close together, also at the end
            for (std::uint64_t& h : hot_) h = ops_.below(64) * main_chunk;
            hot_[0] = size_ - 1;
        }
    }

    LostSectors lost_word() {
        return geometry_.chance({1, 2}) ? LostSectors::zero : LostSectors::garbage;
    }

    void plan_snapshot(std::uint32_t k, std::uint64_t main_chunk, bool from_image) {
        SnapshotPlan p;
        p.name = fmt::format("s{}", k);
        p.cow = fmt::format("cow{}", k);
        p.chunk = main_chunk;
        if (k > 0 && geometry_.chance({1, 2})) p.chunk = std::uint64_t{1} << geometry_.below(6);
        if (from_image) p.chunk = images_.chunk.value;
        p.persistent = from_image || !geometry_.chance({1, 8});
        const bool default_chunk = p.persistent && !from_image && geometry_.chance({1, 30});
        if (default_chunk) p.chunk = 32;
        p.size = size_;
        if (!from_image && size_ > 2 * p.chunk && geometry_.chance({1, 8})) {
            p.size = geometry_.between(1, size_ / p.chunk - 1) * p.chunk;  // less than the origin
            if (out_.huge) p.size = geometry_.between(1, 80) * p.chunk;
            out_.odd = true;
        }
        const std::uint64_t needed =
            out_.huge ? geometry_.between(8, 64) : (size_ + p.chunk - 1) / p.chunk;
        const std::uint64_t per_area = p.chunk * 32;
        const std::uint64_t stride = per_area + 1;
        std::uint64_t cow_chunks = 2 + needed + needed / per_area + 2;
        if (geometry_.chance(profile_.nearly_full)) {
            cow_chunks = 2 + geometry_.between(1, needed);
            if (geometry_.chance({1, 2})) {  // about where an area ends
                const std::uint64_t areas = geometry_.between(0, needed / per_area + 1);
                cow_chunks = areas * stride + geometry_.below(6);
                if (cow_chunks == 0) cow_chunks = 1;
            }
        }
        Step& disk = add(Verb::disk, p.cow);
        disk.count = {cow_chunks * p.chunk +
                      (geometry_.chance({1, 4}) ? geometry_.below(p.chunk) : 0)};
        disk.disk.content = DiskContent::zero;
        disk.disk.cache = geometry_.chance({3, 4}) ? WriteCache::on : WriteCache::off;
        if (geometry_.chance({1, 6})) disk.disk.atomic = {8};
        if (discards_) disk.disk.lbs = 512;
        if (loses_content_) disk.disk.lost = lost_word();
        std::string device = p.cow;
        if (from_image) {
            disk.disk.content = DiskContent::image;
            disk.disk.image = images_.cow_member;
            disk.count = images_.cow_size;
        } else if (cow_chunks > 6 && geometry_.chance({1, 8})) {
            p.grows_to = disk.count.value;
            p.grows_from = geometry_.between(4, cow_chunks - 1) * p.chunk;
            device = fmt::format("c{}", k);
        }
        if (discards_) {
            const bool down = geometry_.chance({1, 2});
            p.features =
                down ? " 2 discard_zeroes_cow discard_passdown_origin" : " 1 discard_zeroes_cow";
        }
        constexpr const char* letters[] = {"P", "PO", "PO", "P"};
        p.table = fmt::format("0 {} snapshot @orig @{} {} {}{}", p.size, device,
                              p.persistent ? letters[geometry_.below(4)] : "N",
                              default_chunk ? 0 : p.chunk, p.features);
        p.read_only = geometry_.chance({1, 40});
        if (p.grows_from > 0)
            add_table(Verb::create, device, fmt::format("0 {} linear @{} 0", p.grows_from, p.cow));
        plans_.push_back(std::move(p));
    }
    void create(SnapshotPlan& s) {
        std::string table = s.table;
        // Another chunk size than the header's: the header wins.
        if (s.persistent && s.chunk <= 1024 && ops_.chance({1, 16})) {
            table = fmt::format("0 {} snapshot @orig @{} P {}{}", s.size, cow_device(s),
                                ops_.chance({1, 2}) ? 2 * s.chunk : s.chunk / 2, s.features);
            if (!s.formatted || s.size != size_) table = s.table;
        }
        add_table(s.read_only ? Verb::create_ro : Verb::create, s.name, table);
        s.formatted = true;
    }
    static std::string cow_device(const SnapshotPlan& s) {
        return s.grows_from > 0 ? "c" + s.cow.substr(3) : s.cow;
    }

    // ---- where ----

    struct Place {
        Sectors start;
        Sectors count;
    };
    Place place(std::uint64_t chunk) {
        std::uint64_t start = ops_.below(size_);
        if (out_.huge || ops_.chance({2, 3})) start = hot_[ops_.below(hot_.size())];
        if (out_.huge) start = start + ops_.below(16) < size_ ? start + ops_.below(16) : start;
        if (ops_.chance({1, 10})) hot_[ops_.below(hot_.size())] = start;
        std::uint64_t count = ops_.between(1, chunk);
        switch (ops_.below(6)) {
            case 0: break;
            case 1:  // one chunk
            case 2:
                start -= start % chunk;
                count = chunk;
                break;
            case 3:  // over a chunk's edge
                start = start - start % chunk + chunk - 1;
                count = ops_.between(1, chunk + 1);
                break;
            case 4: count = ops_.between(1, (many_areas_ ? 40 : 3) * chunk); break;
            case 5: count = 1; break;
        }
        if (start >= size_) start = size_ - 1;
        if (count > size_ - start) count = size_ - start;
        return {{start}, {count}};
    }
    std::uint64_t any_chunk() { return plans_[ops_.below(plans_.size())].chunk; }
    SnapshotPlan* any_existing() {
        for (int i = 0; i < 4; ++i) {
            SnapshotPlan& p = plans_[ops_.below(plans_.size())];
            if (p.exists) return &p;
        }
        return nullptr;
    }

    // ---- operations ----

    void one_operation() {
        std::uint32_t total = 0;
        for (const std::uint32_t w : weights_) total += w;
        std::uint64_t at = ops_.below(total);
        std::size_t k = 0;
        while (at >= weights_[k]) at -= weights_[k++];
        carry_out(static_cast<Kind>(k));
    }

    void carry_out(Kind kind) {
        SnapshotPlan* s = nullptr;
        switch (kind) {
            case Kind::write_origin: origin_io(true, Verb::write); return;
            case Kind::read_origin: origin_io(true, Verb::read); return;
            case Kind::flush_origin: add_io(true, Verb::flush, "base", {0}, {0}); return;
            case Kind::write_snapshot: snapshot_io(true, Verb::write); return;
            case Kind::read_snapshot: snapshot_io(true, Verb::read); return;
            case Kind::flush_snapshot:
                if ((s = any_existing()) != nullptr) add_io(true, Verb::flush, s->name, {0}, {0});
                return;
            case Kind::join: add(Verb::join); return;
            case Kind::sequential_read:
                ops_.chance({1, 2}) ? origin_io(false, Verb::read) : snapshot_io(false, Verb::read);
                return;
            case Kind::sequential_write:
                ops_.chance({1, 2}) ? origin_io(false, Verb::write)
                                    : snapshot_io(false, Verb::write);
                return;
            case Kind::suspend: suspend(); return;
            case Kind::reload_table: reload_table(); return;
            case Kind::remove: remove(); return;
            case Kind::recreate: recreate(); return;
            case Kind::merge: merge(); return;
            case Kind::merge_done: merge_done(); return;
            case Kind::discard:
                // Passed down beside a copy it ends what can be judged; mostly it is alone.
                if (discards_ && merging_ == nullptr && ops_.chance({3, 4})) {
                    add(Verb::join);
                    discard_chunk(ops_.chance({1, 2}));
                    return;
                }
                merging_ != nullptr ? origin_io(true, Verb::discard)
                                    : snapshot_io(true, Verb::discard);
                return;
            case Kind::zeroout: snapshot_io(true, Verb::zeroout); return;
            case Kind::power_loss: power_loss(); return;
            case Kind::ask: ask(); return;
            case Kind::second_name: second_name(); return;
            case Kind::cancel_handover: cancel_handover(); return;
            case Kind::damage: damage(); return;
            case Kind::grow: grow(); return;
            case Kind::user_error: user_error(); return;
            case Kind::lasting_fault: lasting_fault(); return;
            case Kind::count_: return;
        }
    }

    void origin_io(bool in_lane, Verb verb) {
        const Place p = place(any_chunk());
        add_io(in_lane, verb, "base", p.start, p.count);
    }
    void snapshot_io(bool in_lane, Verb verb) {
        SnapshotPlan* s = any_existing();
        if (s == nullptr) return;
        const Place p = place(s->chunk);
        add_io(in_lane, verb, s->name, p.start, p.count);
    }
    // A whole chunk, so that it is zeroed if it is mapped; `mapped`: it is.
    void discard_chunk(bool mapped) {
        SnapshotPlan* s = any_existing();
        if (s == nullptr || s->size < s->chunk) return;
        std::uint64_t start = hot_[ops_.below(hot_.size())];
        start -= start % s->chunk;
        if (start + s->chunk > s->size) start = 0;
        if (mapped) add_io(false, Verb::write, s->name, {start}, {1});
        add_io(false, Verb::discard, s->name, {start}, {s->chunk});
    }
    void write_chunk() {
        SnapshotPlan* s = any_existing();
        if (s == nullptr || s->size < s->chunk) return;
        const std::uint64_t start = ops_.below(s->size / s->chunk) * s->chunk;
        add_io(true, Verb::write, s->name, {start}, {s->chunk});
    }
    void some_io() {
        for (std::uint64_t n = ops_.below(4); n > 0; --n) {
            ops_.chance({1, 2}) ? origin_io(true, Verb::write) : snapshot_io(true, Verb::write);
        }
    }

    void suspend() {
        SnapshotPlan* s = any_existing();
        const std::string name = s == nullptr || ops_.chance({1, 2}) ? "base" : s->name;
        add_control(Verb::suspend, name);
        some_io();
        add_control(Verb::resume, name);
    }
    // The same line again: a handover under load.
    void reload_table() {
        SnapshotPlan* s = any_existing();
        if (s == nullptr) return;
        add_table(Verb::load, s->name, s->table);
        add_control(Verb::suspend, s->name);
        some_io();
        add_control(Verb::resume, s->name);
    }
    void remove() {
        SnapshotPlan* s = any_existing();
        if (s == nullptr) return;
        if (ops_.chance({1, 4})) {
            remove_at_once(*s);
            return;
        }
        add(Verb::join);
        add_control(Verb::suspend, "base");
        add_control(Verb::remove, s->name);
        if (s->persistent && ops_.chance({2, 3})) {
            create(*s);  // closed and opened again
        } else {
            s->exists = false;
        }
        add_control(Verb::resume, "base");
    }
    // While copies are made for it, and nobody is suspended: what it held is given up.
    void remove_at_once(SnapshotPlan& s) {
        for (std::uint64_t n = ops_.between(1, 4); n > 0; --n) {
            const std::uint64_t start = ops_.below(size_ / s.chunk + 1) * s.chunk;
            if (start < size_) add_io(true, Verb::write, "base", {start}, {1});
        }
        add_control(Verb::remove, s.name);
        s.exists = false;
        s.damaged = true;
    }
    void recreate() {
        for (SnapshotPlan& s : plans_) {
            if (s.exists || merging_ == &s) continue;
            add(Verb::join);
            // A new snapshot: what the COW device holds was made while the origin was watched.
            if (s.damaged || ops_.chance({9, 10}))
                add_io(false, Verb::zeroout, s.cow, {0}, {s.chunk});
            s.damaged = s.formatted = false;
            // While a merge runs a newcomer stops it for a moment, if nobody suspended it before.
            const bool suspends = merging_ == nullptr || ops_.chance({1, 2});
            if (suspends) add_control(Verb::suspend, "base");
            create(s);
            if (suspends) add_control(Verb::resume, "base");
            s.exists = true;
            return;
        }
    }
    void merge() {
        if (merging_ != nullptr) return;
        SnapshotPlan* s = any_existing();
        if (s == nullptr || !s->persistent) return;
        const std::string table =
            fmt::format("0 {} snapshot-merge @orig @{} {} {}{}", size_, cow_device(*s),
                        ops_.chance({1, 4}) ? "PO" : "P", s->chunk, s->features);
        if (many_areas_ && ops_.chance({1, 2})) fill(*s);
        add(Verb::join);
        const bool slowly = ops_.chance({1, 2});
        if (slowly) slow_down(*s);
        add_control(Verb::suspend, "base");
        s->exists = false;  // suspended: nobody writes to it any more
        if (ops_.chance({1, 2})) {
            add_control(Verb::suspend, s->name);
            add_table(Verb::load, "base", table);
            add_control(Verb::resume, "base");
            some_io();
            add(Verb::join);
            add_control(Verb::remove, s->name);
        } else {
            add_control(Verb::remove, s->name);
            add_table(Verb::load, "base", table);
            add_control(Verb::resume, "base");
        }
        merging_ = s;
        if (slowly) while_merging(*s);
        if (ops_.chance({1, must_merge_ ? 2u : 4u})) merge_again();
    }
    // More exceptions than an area holds.
    void fill(const SnapshotPlan& s) {
        const std::uint64_t chunks = ops_.between(24, 48);
        const std::uint64_t first = ops_.below(size_ / s.chunk + 1) * s.chunk;
        const std::uint64_t start = first < size_ / 2 ? first : 0;
        const std::uint64_t count = std::min(chunks * s.chunk, size_ - start);
        add_io(true, Verb::write, "base", {start}, {count});
    }
    // What a person does whose merge has stopped at an error: it goes on where it was.
    void merge_again() {
        if (merging_ == nullptr) return;
        if (ops_.chance({1, 2})) add(Verb::join);
        for (std::uint64_t n = ops_.between(1, 3); n > 0; --n) {
            add_control(Verb::suspend, "base");
            add_control(Verb::resume, "base");
            add(Verb::join);
        }
    }
    // Time passes only where somebody waits for it, so that the merge is still under way when the
    // next lines come.
    void slow_down(const SnapshotPlan& s) {
        for (const std::string& disk : {std::string("orig"), s.cow}) {
            if (ops_.chance({1, 4})) continue;
            Step& f = add(Verb::fault, disk);
            f.fault.table = FaultTable::delay;
            f.fault.read_delay = {ops_.below(6)};
            f.fault.write_delay = {ops_.between(1, 12)};
        }
    }
    void while_merging(const SnapshotPlan& s) {
        for (std::uint64_t n = ops_.between(1, 6); n > 0; --n) {
            switch (ops_.below(8)) {
                case 0:
                    add_control(Verb::suspend, "base");
                    add_control(Verb::resume, "base");
                    break;
                case 1: recreate(); break;
                case 2: reload_table(); break;
                case 3: add(Verb::sleep).ms = Milliseconds{ops_.between(1, 20)}; break;
                case 4: add(Verb::join); break;
                default: origin_io(true, Verb::write); break;
            }
        }
        if (ops_.chance({1, 4})) {
            merge_given_up(s);
            return;
        }
        add(Verb::join);
        speed_up(s);
    }
    void speed_up(const SnapshotPlan& s) {
        for (const std::string& disk : {std::string("orig"), s.cow}) {
            add(Verb::fault, disk).fault.table = FaultTable::linear;
        }
    }
    // Back to a plain snapshot half way, or away with it.
    void merge_given_up(const SnapshotPlan& s) {
        add(Verb::join);
        add_control(Verb::suspend, "base");
        add_table(Verb::load, "base", fmt::format("0 {} snapshot-origin @orig", size_));
        SnapshotPlan* plan = merging_;
        const bool goes_on = ops_.chance({1, 2});
        if (goes_on) {
            add_table(Verb::new_, plan->name, {});
            add_table(Verb::load, plan->name, plan->table);
        }
        add_control(Verb::resume, "base");
        if (goes_on) {
            add_control(Verb::resume, plan->name);
            plan->exists = true;
        }
        merging_ = nullptr;
        speed_up(s);
    }
    void merge_done() {
        if (merging_ == nullptr) return;
        add(Verb::join);
        add(Verb::mergewait, "base");
        add_control(Verb::suspend, "base");
        add_table(Verb::load, "base", fmt::format("0 {} snapshot-origin @orig", size_));
        add_control(Verb::resume, "base");
        merging_ = nullptr;
    }

    // ---- questions, other names, damage, mistakes ----

    void ask() {
        SnapshotPlan* s = any_existing();
        const std::string name = s == nullptr || ops_.chance({1, 3}) ? "base" : s->name;
        constexpr Verb verbs[] = {Verb::status, Verb::table, Verb::info, Verb::inactive,
                                  Verb::limits};
        add_control(verbs[ops_.below(std::size(verbs))], name);
    }
    // The snapshot moves to another device by a handover; meanwhile neither may be resumed.
    void second_name() {
        SnapshotPlan* s = any_existing();
        if (s == nullptr) return;
        const std::string other = fmt::format("t{}", next_name_++);
        add(Verb::join);
        add_control(Verb::new_, other);
        add_table(Verb::load, other, s->table);
        if (ops_.chance({1, 3})) add_control(Verb::resume, other);  // its source is not suspended
        add_control(Verb::suspend, s->name);
        if (ops_.chance({1, 3})) add_control(Verb::resume, s->name);  // the other waits
        add_control(Verb::resume, other);
        add_control(Verb::remove, s->name);
        add(Verb::rename, other).other = s->name;
    }
    void cancel_handover() {
        SnapshotPlan* s = any_existing();
        if (s == nullptr) return;
        add(Verb::join);
        add_control(Verb::suspend, "base");
        if (ops_.chance({1, 2})) {
            add_table(Verb::load, s->name, s->table);
            add_control(Verb::remove, s->name);
        } else {
            const std::string other = fmt::format("t{}", next_name_++);
            add_control(Verb::new_, other);
            add_table(Verb::load, other, s->table);
            add_control(Verb::remove, s->name);
            add_control(Verb::resume, other);  // Invalid, and for ever
            add_control(Verb::remove, other);
        }
        s->exists = false;
        if (s->persistent && ops_.chance({1, 2})) {
            create(*s);
            s->exists = true;
        }
        add_control(Verb::resume, "base");
    }
    // Somebody writes into a store that is closed.
    void damage() {
        SnapshotPlan* s = any_existing();
        if (s == nullptr || !s->persistent) return;
        add(Verb::join);
        add_io(false, Verb::flush, s->cow, {0}, {0});
        add_control(Verb::suspend, "base");
        add_control(Verb::remove, s->name);
        struct Damage {
            std::uint64_t byte;
            const char* hex;
            const char* right;
        };
        const Damage all[] = {{0, "00112233", "536e4170"},
                              {8, "02000000", "01000000"},
                              {12, "0c000000", nullptr},
                              {4, "00000000", nullptr},
                              {s->chunk * 512 + 8, "ffffffffffffff00", nullptr},
                              {s->chunk * 512 + 8, "0100000000000000", nullptr}};
        const Damage& d = all[ops_.below(std::size(all))];
        Step& w = add(Verb::writebytes, s->cow);
        w.byte = d.byte;
        w.text = d.hex;
        if (ops_.chance({3, 4})) add_io(false, Verb::flush, s->cow, {0}, {0});
        create(*s);
        s->exists = false;
        s->damaged = true;
        if (d.right != nullptr && ops_.chance({1, 2})) {
            Step& r = add(Verb::writebytes, s->cow);
            r.byte = d.byte;
            r.text = d.right;
            add_io(false, Verb::flush, s->cow, {0}, {0});
            create(*s);
            s->exists = true;
            s->damaged = false;
        } else {
            add_control(Verb::remove, s->name);  // if it could be created all the same
        }
        add_control(Verb::resume, "base");
    }
    void grow() {
        SnapshotPlan* s = any_existing();
        if (s == nullptr || s->grows_from == 0 || s->grows_to == s->grows_from) return;
        const std::string device = cow_device(*s);
        s->grows_from = s->grows_to;
        add_table(Verb::load, device, fmt::format("0 {} linear @{} 0", s->grows_to, s->cow));
        const bool waits = ops_.chance({1, 2});
        if (waits) add_control(Verb::suspend, s->name);
        add_control(Verb::suspend, device);
        add_control(Verb::resume, device);
        if (waits) add_control(Verb::resume, s->name);
    }
    // Refused, all of them, and nothing changes.
    void user_error() {
        SnapshotPlan* s = any_existing();
        if (s == nullptr) return;
        const std::string cow = cow_device(*s);
        const auto load = [&](std::string table) {
            add_table(Verb::load, s->name, std::move(table));
        };
        const auto line = [&](std::string_view arguments) {
            load(fmt::format("0 {} snapshot {}", s->size, arguments));
        };
        switch (ops_.below(18)) {
            case 0: line("@orig @orig P 8"); break;
            case 1: line(fmt::format("@orig @{} P 12", cow)); break;
            case 2: line(fmt::format("@orig @{} X 8", cow)); break;
            case 3: line(fmt::format("@orig @{} P", cow)); break;
            case 4: line(fmt::format("@orig @nowhere P 8")); break;
            case 5: line(fmt::format("@orig @{} P 8 1 discard_everything", cow)); break;
            case 6: load(fmt::format("8 {} snapshot @orig @{} P 8", s->size, cow)); break;
            case 7: load(fmt::format("0 {} snap @orig @{} P 8", s->size, cow)); break;
            case 8: load(fmt::format("0 {} snapshot @orig @{} P 4294967296", s->size, cow)); break;
            case 9:  // longer than the origin; a waiting destination, and away with it
                add_table(Verb::load, s->name,
                          fmt::format("0 {} snapshot @orig @{} P {}", size_ + 8, cow, s->chunk));
                break;
            case 10: add_control(Verb::resume, s->name); return;
            case 11:
                add_control(Verb::suspend, s->name);
                add_control(Verb::suspend, s->name);
                add_control(Verb::resume, s->name);
                return;
            case 12: add_control(Verb::remove, s->cow); return;
            case 13: add_control(Verb::resume, "nobody"); return;
            case 14:  // a third user of the pair
                add_table(Verb::load, s->name, s->table);
                add_table(Verb::create, "third", s->table);
                break;
            case 15:
                if (merging_ == nullptr || !s->persistent) return;
                add_table(Verb::create, "second",
                          fmt::format("0 {} snapshot-merge @orig @{} P {}", size_, cow, s->chunk));
                return;
            case 16: add(Verb::rename, s->name).other = "orig"; return;
            case 17: add_table(Verb::create, s->name, s->table); return;
        }
        add_control(Verb::clear, s->name);
    }

    // ---- faults that last ----

    // A disk is gone, stalls, fails in a region, …; some lines later it is well again.
    void lasting_fault() {
        if (sick_) return;
        const SnapshotPlan& plan = plans_[ops_.below(plans_.size())];
        Step& s = add(Verb::inject, ops_.chance({1, 3}) ? "orig" : plan.cow);
        InjectSpec& i = s.inject;
        constexpr InjectKind kinds[] = {
            InjectKind::stall,       InjectKind::read_only,  InjectKind::vanish,
            InjectKind::shrink,      InjectKind::read_only,  InjectKind::vanish,
            InjectKind::read_only,   InjectKind::shrink,     InjectKind::read_only,
            InjectKind::latent,      InjectKind::eio,        InjectKind::eio,
            InjectKind::eio_written, InjectKind::eio_partly, InjectKind::slow};
        constexpr RequestClass classes[] = {RequestClass::any,        RequestClass::any,
                                            RequestClass::read,       RequestClass::write,
                                            RequestClass::write,      RequestClass::flush,
                                            RequestClass::copy_write, RequestClass::copy_read,
                                            RequestClass::area_write, RequestClass::full_write};
        i.kind = kinds[ops_.below(std::size(kinds))];
        i.request_class = classes[ops_.below(std::size(classes))];
        constexpr InjectTimes times[] = {InjectTimes::once, InjectTimes::sticky, InjectTimes::nth};
        i.times = times[ops_.below(3)];
        if (out_.swarm.unlimited && ops_.chance({1, 2})) {
            const auto first_lie = static_cast<std::uint64_t>(InjectKind::lying_flush);
            i.kind = static_cast<InjectKind>(ops_.between(first_lie, inject_kind_count - 1));
            i.request_class = RequestClass::any;
        }
        if (i.times == InjectTimes::nth) i.nth = ops_.between(1, 20);
        if (takes_ms(i.kind)) i.ms = {ops_.between(1, 80)};
        if (i.kind == InjectKind::latent) {
            i.request_class = RequestClass::read;
            i.times = InjectTimes::once;
        }
        if (i.kind == InjectKind::shrink) i.request_class = RequestClass::any;
        // An error is an error of one class of requests; a written one of writes.
        if ((i.kind == InjectKind::eio_written || i.kind == InjectKind::eio_partly) &&
            (i.request_class == RequestClass::any || i.request_class == RequestClass::read ||
             i.request_class == RequestClass::flush ||
             i.request_class == RequestClass::copy_read)) {
            i.request_class = RequestClass::write;
        }
        if (ops_.chance({1, 3})) {
            i.anywhere = false;
            s.start = {ops_.below(plan.chunk * 12)};
            s.count = {ops_.between(1, plan.chunk * 4)};
        }
        sick_ = true;
        const bool whole = i.kind == InjectKind::vanish || i.kind == InjectKind::read_only;
        if (whole && ops_.chance({1, 2})) {
            remove();  // and opened again, as far as that goes
            recreate();
        }
        for (std::uint64_t n = ops_.between(3, 14); n > 0; --n) carry_out_any();
        add(Verb::join);
        if (ops_.chance({4, 5})) heal();
    }
    void heal() {
        add(Verb::inject, "orig").inject.form = InjectSpec::Form::heal;
        for (const SnapshotPlan& p : plans_)
            add(Verb::inject, p.cow).inject.form = InjectSpec::Form::heal;
        sick_ = false;
    }
    // Anything but what contains other operations.
    void carry_out_any() {
        std::uint64_t k = 0;
        do {
            k = ops_.below(kind_count);
        } while (static_cast<Kind>(k) == Kind::power_loss ||
                 static_cast<Kind>(k) == Kind::lasting_fault || (weights_[k] == 0 && k > 5));
        carry_out(static_cast<Kind>(k));
    }

    // The power goes at a device event of the operations that follow, whatever they are.
    void power_loss() {
        has_lost_power_ = true;
        if (area_sectors_ > 1 && ops_.chance({1, 2})) {
            torn_area();
            return;
        }
        constexpr RequestClass classes[] = {
            RequestClass::any,          RequestClass::write,        RequestClass::copy_write,
            RequestClass::copy_write,   RequestClass::copy_write,   RequestClass::area_write,
            RequestClass::area_write,   RequestClass::full_write,   RequestClass::full_write,
            RequestClass::full_write,   RequestClass::full_write,   RequestClass::forwarded,
            RequestClass::copy_read,    RequestClass::copy_read,    RequestClass::flush,
            RequestClass::flush,        RequestClass::flush,        RequestClass::header_write,
            RequestClass::header_write, RequestClass::area_zeroing, RequestClass::area_zeroing,
            RequestClass::merge_flush,  RequestClass::merge_flush,  RequestClass::area_read,
            RequestClass::area_read,    RequestClass::copy_read,    RequestClass::area_zeroing,
            RequestClass::header_write, RequestClass::area_write,   RequestClass::copy_write,
            RequestClass::copy_write,   RequestClass::area_write};
        if (ops_.chance({1, 10})) {
            PowerLossSpec& loss = add(Verb::power_loss).loss;
            loss.survival = any_survival();
        } else {
            RequestClass c = classes[ops_.below(std::size(classes))];
            if (discards_ && ops_.chance({2, 5})) c = RequestClass::chunk_zeroing;
            const bool rare = c == RequestClass::header_write || c == RequestClass::area_zeroing ||
                              c == RequestClass::merge_flush || c == RequestClass::chunk_zeroing ||
                              c == RequestClass::area_read || c == RequestClass::full_write ||
                              c == RequestClass::flush;
            arm_loss(c, rare || ops_.chance({1, 2}) ? ops_.between(1, rare ? 2 : 3)
                                                    : ops_.between(1, 20));
            // What brings such a request about.
            if (c == RequestClass::merge_flush) {
                merge_done();
                merge();
            }
            if (c == RequestClass::header_write || c == RequestClass::area_zeroing) renew();
            if (c == RequestClass::chunk_zeroing) discard_chunk(true);
            if (c == RequestClass::area_read) remove();
            if (c == RequestClass::full_write) write_chunk();
            if (c == RequestClass::flush) {
                carry_out(ops_.chance({1, 2}) ? Kind::flush_origin : Kind::flush_snapshot);
            }
            if (c == RequestClass::copy_read || c == RequestClass::copy_write ||
                c == RequestClass::area_write) {
                snapshot_io(true, Verb::write);
                snapshot_io(true, Verb::write);
            }
            for (std::uint64_t n = ops_.between(1, 8); n > 0; --n) carry_out_any();
            add(Verb::join);
        }
        if (sick_ && ops_.chance({9, 10})) heal();
        // And again while the devices come back, and while they come back from that.
        for (std::uint64_t n = ops_.chance({1, 4}) ? ops_.between(1, 3) : 0; n > 0; --n) {
            constexpr RequestClass recovery[] = {RequestClass::any, RequestClass::area_read,
                                                 RequestClass::header_read, RequestClass::read,
                                                 RequestClass::write};
            const std::uint64_t nth = ops_.chance({1, 2}) ? 1 : ops_.between(1, 4);
            arm_loss(recovery[ops_.below(std::size(recovery))], nth);
            out_.scenario.steps.back().name = plans_[ops_.below(plans_.size())].cow;
            add(Verb::reload);
        }
        add(Verb::reload);
        add(Verb::check);
        ++operations_;
    }
    // Many records at a time, over the edge of a sector, and half of them gone: what comes of the
    // other half shows when the store has been written to and opened again.
    void torn_area() {
        const SnapshotPlan* s = any_existing();
        if (s == nullptr) s = &plans_[0];
        arm_loss(RequestClass::area_write, ops_.between(1, 4));
        Step& loss = out_.scenario.steps.back();
        loss.name = s->cow;
        if (ops_.chance({3, 4})) loss.loss.moment = Moment::issued;
        for (std::uint64_t n = ops_.between(1, 2); n > 0; --n) fill(*s);
        add(Verb::join);
        add(Verb::reload);
        add(Verb::check);
        for (std::uint64_t n = ops_.between(1, 3); n > 0; --n) {
            const Place p = place(s->chunk);
            add_io(false, Verb::write, s->exists ? s->name : "base", p.start, p.count);
        }
        remove();
        recreate();
        add(Verb::check);
        ++operations_;
    }
    // A snapshot is thrown away and made again on a blank COW device.
    void renew() {
        SnapshotPlan* s = any_existing();
        if (s == nullptr) return;
        add(Verb::join);
        add_control(Verb::suspend, "base");
        add_control(Verb::remove, s->name);
        s->exists = false;
        s->damaged = true;  // zeroed in any case
        add_control(Verb::resume, "base");
        recreate();
    }
    SurvivalWord any_survival() {
        return ops_.chance({1, 3}) ? SurvivalWord::keeping_everything
                                   : SurvivalWord::losing_everything;
    }
    void arm_loss(RequestClass request_class, std::uint64_t nth) {
        Step& s = add(Verb::power_loss);
        s.name = ops_.chance({1, 3}) ? "orig" : plans_[ops_.below(plans_.size())].cow;
        switch (request_class) {  // where such requests go
            case RequestClass::copy_read:
            case RequestClass::merge_flush: s.name = "orig"; break;
            case RequestClass::copy_write:
            case RequestClass::full_write:
            case RequestClass::header_write:
            case RequestClass::area_read:
            case RequestClass::area_write:
            case RequestClass::area_zeroing:
            case RequestClass::chunk_zeroing: s.name = plans_[ops_.below(plans_.size())].cow; break;
            default: break;
        }
        s.loss.at_once = false;
        s.loss.request_class = request_class;
        s.loss.nth = nth;
        s.loss.moment = ops_.chance({1, 3}) ? Moment::issued : Moment::done;
        s.loss.survival = any_survival();
    }

    const Profile& profile_;
    const StartImages& images_;
    Draws geometry_;
    Draws ops_;
    Draws swarm_;
    Draws faults_;
    GeneratedRun out_;
    std::uint32_t weights_[kind_count] = {};
    bool loses_power_ = false;
    bool controls_ = false;
    bool discards_ = false;
    bool lasting_ = false;        // faults by line
    bool sick_ = false;           // one is on
    bool loses_content_ = false;  // zeros or garbage after a power loss
    bool has_lost_power_ = false;
    bool must_discard_ = false;
    bool must_reopen_ = false;
    bool must_merge_ = false;
    std::uint64_t area_sectors_ = 1;  // of many areas
    bool many_areas_ = false;         // stores of several metadata areas, and merges back over them
    std::uint32_t next_name_ = 0;
    std::uint32_t lanes_ = 1;
    std::uint32_t snapshots_ = 1;
    std::uint64_t size_ = 0;
    std::vector<SnapshotPlan> plans_;
    std::vector<std::uint64_t> hot_;
    SnapshotPlan* merging_ = nullptr;
    std::uint64_t next_seed_ = 2;
    std::uint64_t operations_ = 0;
};

}  // namespace

GeneratedRun generate(std::uint64_t seed, const Profile& profile, const StartImages& images) {
    return Generator(seed, profile, images).run();
}

GeneratedRun generate(std::span<const std::uint8_t> bytes, const Profile& profile,
                      const StartImages& images) {
    ByteString source(bytes);
    return Generator(source, profile, images).run();
}

}  // namespace cowlab
