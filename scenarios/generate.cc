#include "scenarios/generate.h"

#include <fmt/format.h>

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
    count_
};
constexpr std::size_t kind_count = static_cast<std::size_t>(Kind::count_);

struct SnapshotPlan {
    std::string name;
    std::string cow;
    std::string table;
    std::uint64_t chunk = 8;
    bool persistent = true;
    bool exists = false;
};

class Generator {
  public:
    Generator(std::uint64_t seed, const Profile& profile, const StartImages& images)
        : profile_(profile), images_(images), geometry_(seed, 1), ops_(seed, 2), swarm_(seed, 3) {}

    GeneratedRun run() {
        draw_swarm();
        out_.scenario.version = language_version;
        set_up();
        const std::uint64_t n = ops_.between(profile_.operations_min, profile_.operations_max);
        while (operations_ < n) one_operation();
        add(Verb::join);
        add(Verb::check);
        return std::move(out_);
    }

  private:
    void draw_swarm() {
        constexpr std::uint32_t latencies[] = {0, 3, 20, 100, 400, 2000};
        out_.latency_max_us = latencies[swarm_.below(std::size(latencies))];
        if (out_.latency_max_us > 0 && swarm_.chance({1, 2})) {
            out_.slow = {1, static_cast<std::uint32_t>(swarm_.between(4, 60))};
            out_.slow_max_us =
                out_.latency_max_us * static_cast<std::uint32_t>(swarm_.between(5, 50));
        }
        if (swarm_.chance({1, 2}))
            out_.yield_max_us = static_cast<std::uint32_t>(swarm_.between(1, 500));
        if (swarm_.chance(profile_.faults)) {
            out_.fault = {1, static_cast<std::uint32_t>(swarm_.between(30, 400))};
            out_.fault_written = {static_cast<std::uint32_t>(swarm_.below(3)), 4};
        }
        out_.survive = {static_cast<std::uint32_t>(swarm_.between(0, 8)), 8};
        loses_power_ = swarm_.chance(profile_.power_loss);
        controls_ = swarm_.chance(profile_.control);
        const std::uint32_t base[kind_count] = {12, 8, 2, 10, 8, 2, 2, 3, 3,
                                                2,  2, 2, 3,  2, 3, 1, 1, 1};
        for (std::size_t k = 0; k < kind_count; ++k) {
            // Some kinds off, the rest wildly different.
            const bool off = k > 1 && swarm_.chance({1, 6});
            weights_[k] = off ? 0 : base[k] * static_cast<std::uint32_t>(swarm_.between(1, 6));
        }
        if (!loses_power_) weights_[static_cast<int>(Kind::power_loss)] = 0;
        if (!controls_) {
            for (const Kind k : {Kind::suspend, Kind::reload_table, Kind::remove, Kind::recreate}) {
                weights_[static_cast<int>(k)] = 0;
            }
        }
        lanes_ = static_cast<std::uint32_t>(swarm_.between(1, 6));
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
            s.job = fmt::format("l{}", ops_.below(lanes_));
        }
        s.start = start;
        s.count = count;
        if (verb == Verb::write) s.seed = next_seed_++;
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
        const bool discards = !from_images && geometry_.chance({1, 8});
        snapshots_ = static_cast<std::uint32_t>(geometry_.between(1, profile_.snapshots_max));
        constexpr std::uint32_t chunks[] = {1, 1, 2, 4, 8, 8, 8, 16, 32};
        const std::uint64_t main_chunk = chunks[geometry_.below(std::size(chunks))];
        size_ = main_chunk * geometry_.between(2, profile_.origin_chunks_max);
        if (geometry_.chance({1, 4})) size_ += geometry_.below(main_chunk);  // a short last chunk
        if (from_images) size_ = images_.origin_size.value;
        const WriteCache origin_cache = geometry_.chance({3, 4}) ? WriteCache::on : WriteCache::off;
        Step& disk = add(Verb::disk, "orig");
        disk.count = {size_};
        disk.disk.content = DiskContent::fill;
        disk.seed = 1;
        disk.disk.cache = origin_cache;
        if (discards) disk.disk.lbs = 512;
        if (from_images) {
            disk.disk.content = DiskContent::image;
            disk.disk.image = images_.origin_member;
            disk.seed = 0;
        }
        for (std::uint32_t k = 0; k < snapshots_; ++k)
            plan_snapshot(k, main_chunk, discards, from_images && k == 0);
        add_table(Verb::create, "base", fmt::format("0 {} snapshot-origin @orig", size_));
        add(Verb::suspend, "base");
        for (SnapshotPlan& s : plans_) {
            add_table(Verb::create, s.name, s.table);
            s.exists = true;
        }
        add(Verb::resume, "base");
        operations_ = 0;
        for (int i = 0; i < 4; ++i) hot_.push_back(ops_.below(size_));
    }

    void plan_snapshot(std::uint32_t k, std::uint64_t main_chunk, bool discards, bool from_image) {
        SnapshotPlan p;
        p.name = fmt::format("s{}", k);
        p.cow = fmt::format("cow{}", k);
        p.chunk = main_chunk;
        if (k > 0 && geometry_.chance({1, 2})) p.chunk = std::uint64_t{1} << geometry_.below(6);
        if (from_image) p.chunk = images_.chunk.value;
        p.persistent = from_image || !geometry_.chance({1, 8});
        const std::uint64_t needed = (size_ + p.chunk - 1) / p.chunk;
        const std::uint64_t per_area = p.chunk * 32;
        std::uint64_t cow_chunks = 2 + needed + needed / per_area + 2;
        if (geometry_.chance(profile_.nearly_full)) {
            cow_chunks = 2 + geometry_.between(1, needed);
            if (geometry_.chance({1, 2})) {  // about where an area ends
                const std::uint64_t stride = per_area + 1;
                const std::uint64_t areas = geometry_.between(0, needed / per_area + 1);
                cow_chunks = 2 + areas * stride + geometry_.below(4);
            }
        }
        Step& disk = add(Verb::disk, p.cow);
        disk.count = {cow_chunks * p.chunk +
                      (geometry_.chance({1, 4}) ? geometry_.below(p.chunk) : 0)};
        disk.disk.content = DiskContent::zero;
        disk.disk.cache = geometry_.chance({3, 4}) ? WriteCache::on : WriteCache::off;
        if (geometry_.chance({1, 6})) disk.disk.atomic = {8};
        if (discards) disk.disk.lbs = 512;
        if (from_image) {
            disk.disk.content = DiskContent::image;
            disk.disk.image = images_.cow_member;
            disk.count = images_.cow_size;
        }
        constexpr const char* letters[] = {"P", "PO", "PO", "P"};
        p.table = fmt::format("0 {} snapshot @orig @{} {} {}", size_, p.cow,
                              p.persistent ? letters[geometry_.below(4)] : "N", p.chunk);
        if (discards) p.table += " 1 discard_zeroes_cow";
        plans_.push_back(std::move(p));
    }

    // ---- where ----

    struct Place {
        Sectors start;
        Sectors count;
    };
    Place place(std::uint64_t chunk) {
        std::uint64_t start = ops_.below(size_);
        if (ops_.chance({2, 3})) start = hot_[ops_.below(hot_.size())];
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
            case 4: count = ops_.between(1, 3 * chunk); break;
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
            case Kind::discard: snapshot_io(true, Verb::discard); return;
            case Kind::zeroout: snapshot_io(true, Verb::zeroout); return;
            case Kind::power_loss: power_loss(); return;
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
        add(Verb::join);
        add_control(Verb::suspend, "base");
        add_control(Verb::remove, s->name);
        if (s->persistent && ops_.chance({2, 3})) {
            add_table(Verb::create, s->name, s->table);  // closed and opened again
        } else {
            s->exists = false;
        }
        add_control(Verb::resume, "base");
    }
    void recreate() {
        for (SnapshotPlan& s : plans_) {
            if (s.exists || merging_ == &s) continue;
            add(Verb::join);
            // A new snapshot: what the COW device holds was made while the origin was watched.
            if (ops_.chance({9, 10})) add_io(false, Verb::zeroout, s.cow, {0}, {s.chunk});
            add_control(Verb::suspend, "base");
            add_table(Verb::create, s.name, s.table);
            add_control(Verb::resume, "base");
            s.exists = true;
            return;
        }
    }
    void merge() {
        if (merging_ != nullptr) return;
        SnapshotPlan* s = any_existing();
        if (s == nullptr || !s->persistent) return;
        const std::string table =
            fmt::format("0 {} snapshot-merge @orig @{} P {}", size_, s->cow, s->chunk);
        add(Verb::join);
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

    // The power goes at a device event of the operations that follow, whatever they are.
    void power_loss() {
        constexpr RequestClass classes[] = {RequestClass::any,        RequestClass::write,
                                            RequestClass::copy_write, RequestClass::area_write,
                                            RequestClass::area_write, RequestClass::full_write,
                                            RequestClass::forwarded,  RequestClass::copy_read};
        Step& s = add(Verb::power_loss);
        PowerLossSpec& loss = s.loss;
        loss.at_once = ops_.chance({1, 10});
        s.name = ops_.chance({1, 3}) ? "orig" : plans_[ops_.below(plans_.size())].cow;
        if (loss.at_once) s.name.clear();
        if (!loss.at_once) {
            loss.request_class = classes[ops_.below(std::size(classes))];
            loss.nth = ops_.chance({1, 2}) ? ops_.between(1, 3) : ops_.between(1, 20);
            loss.moment = ops_.chance({1, 3}) ? Moment::issued : Moment::done;
        }
        loss.survival = ops_.chance({1, 3}) ? SurvivalWord::keeping_everything
                                            : SurvivalWord::losing_everything;
        if (!loss.at_once) {
            for (std::uint64_t n = ops_.between(1, 8); n > 0; --n) {
                std::uint64_t k = 0;
                do {
                    k = ops_.below(kind_count);
                } while (static_cast<Kind>(k) == Kind::power_loss || (weights_[k] == 0 && k > 5));
                carry_out(static_cast<Kind>(k));
            }
            add(Verb::join);
        }
        add(Verb::reload);
        add(Verb::check);
        ++operations_;
    }

    const Profile& profile_;
    const StartImages& images_;
    Prng geometry_;
    Prng ops_;
    Prng swarm_;
    GeneratedRun out_;
    std::uint32_t weights_[kind_count] = {};
    bool loses_power_ = false;
    bool controls_ = false;
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

}  // namespace cowlab
