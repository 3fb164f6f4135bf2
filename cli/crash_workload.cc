#include "cli/crash_workload.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/prng.h"
#include "scenarios/pattern.h"

namespace cowlab {
namespace {

constexpr std::uint64_t operations_least = 12;
constexpr std::uint64_t operations_most = 40;
constexpr std::uint64_t cows_most = 3;
constexpr std::uint64_t jobs_at_once = 4;
constexpr Ratio blank_cows{3, 4};
constexpr Ratio overflowing_cow{1, 6};
constexpr Ratio around_one_area{1, 3};
constexpr std::uint64_t records_of_chunk = 32;  // in a metadata chunk, a sector of the chunk size
constexpr std::uint64_t chunk_sizes[] = {1, 2, 4, 8, 8, 16, 32};

struct Snapshot {
    std::string name;
    std::string cow;
    std::string arguments;  // of the target
};

class Writer {
  public:
    explicit Writer(std::uint64_t seed) : draw_(seed, 307) {}

    CrashWorkload run() {
        make_disks();
        const std::uint64_t operations = draw_.between(operations_least, operations_most);
        control(Verb::create, "base", origin_table());
        base_ = origin_table();
        const std::uint64_t at_first = draw_.between(1, cows_);
        for (std::uint64_t i = 0; i < at_first; ++i) new_snapshot();
        for (std::uint64_t i = 0; i < operations; ++i) operation();
        out_.devices.push_back(live());
        return std::move(out_);
    }

  private:
    static constexpr std::uint64_t fill_seed = 1;

    void make_disks() {
        out_.blank = draw_.chance(blank_cows);
        chunk_ = chunk_sizes[draw_.below(std::size(chunk_sizes))];
        std::uint64_t chunks = draw_.between(4, 24);
        if (draw_.chance(around_one_area)) {
            // An area more or less full: the next one begins, merges cross the edge.
            chunk_ = draw_.between(1, 2);
            chunks = chunk_ * records_of_chunk - 1 + draw_.below(6);
            longest_ = chunks / 3;
        }
        // An end inside a chunk is as good as any.
        origin_size_ = chunk_ * chunks + draw_.below(chunk_);
        disk("orig", origin_size_, true);
        cows_ = draw_.between(1, cows_most);
        for (std::uint64_t n = 1; n <= cows_; ++n) {
            const std::uint64_t exceptions = origin_size_ / chunk_ + 1;
            const std::uint64_t room =
                draw_.chance(overflowing_cow) ? draw_.between(1, exceptions) : exceptions;
            const std::uint64_t areas = exceptions / (chunk_ * records_of_chunk) + 2;
            disk(fmt::format("cow{}", n), chunk_ * (1 + areas + room), !out_.blank);
        }
    }

    void disk(const std::string& name, std::uint64_t sectors, bool filled) {
        CrashWorkload::Disk& d = out_.disks.emplace_back();
        d.name = name;
        d.size = {sectors};
        d.content.resize(d.size.bytes(), 0);
        const bool is_cow = name != "orig";
        for (std::uint64_t s = 0; filled && s < sectors; ++s) {
            // A COW device must begin with zeros to be taken for a new one; what stands behind is
            // what its last user left there.
            if (is_cow && s == 0) continue;
            fill_pattern(d.content.data() + s * sector_bytes, is_cow ? 9 : fill_seed, s);
        }
    }

    // ---- lines

    Step& add(Verb verb, const std::string& name) {
        out_.devices.push_back(live());
        Step& s = out_.steps.emplace_back();
        s.verb = verb;
        s.name = name;
        return s;
    }
    void control(Verb verb, const std::string& name, const std::string& table = {}) {
        add(verb, name).text = table;
    }

    std::string origin_table() const {
        return fmt::format("0 {} snapshot-origin @orig", origin_size_);
    }
    std::string snapshot_table(const Snapshot& s, const char* type) const {
        return fmt::format("0 {} {} {}", origin_size_, type, s.arguments);
    }

    static Step create_line(const std::string& name, const std::string& table) {
        Step s;
        s.verb = Verb::create;
        s.name = name;
        s.text = table;
        return s;
    }
    std::vector<Step> live() const {
        std::vector<Step> lines;
        const bool merging = base_.find("snapshot-merge") != std::string::npos;
        if (!merging && !base_.empty()) lines.push_back(create_line("base", base_));
        for (const Snapshot& s : snapshots_)
            lines.push_back(create_line(s.name, snapshot_table(s, "snapshot")));
        if (merging) lines.push_back(create_line("base", base_));
        return lines;
    }

    // ---- what happens

    void operation() {
        const std::uint64_t kind = draw_.below(12);
        if (kind < 5) {
            write_from_one();
        } else if (kind < 8) {
            write_from_many();
        } else if (kind < 9) {
            control(Verb::flush, any_volume());
        } else if (kind < 10) {
            new_snapshot();
        } else if (kind < 11) {
            drop_snapshot();
        } else {
            merge();
        }
    }

    std::string any_volume() {
        const std::uint64_t n = draw_.below(snapshots_.size() + 1);
        return n == 0 ? "base" : snapshots_[n - 1].name;
    }

    void set_range(Step& s) {
        s.start = {draw_.below(origin_size_)};
        const std::uint64_t most = std::min(origin_size_ - s.start.value, longest_ * chunk_);
        s.count = {draw_.between(1, most)};
        s.seed = ++seed_;
    }

    void write_from_one() { set_range(add(Verb::write, any_volume())); }

    // Several users at once: their chunks are in flight together, and share commits.
    void write_from_many() {
        std::vector<std::string> jobs;
        const std::uint64_t count = draw_.between(2, jobs_at_once);
        for (std::uint64_t i = 0; i < count; ++i) {
            Step& s = add(Verb::bg, any_volume());
            s.io_verb = Verb::write;
            s.job = fmt::format("j{}", job_++);
            jobs.push_back(s.job);
            set_range(s);
        }
        for (const std::string& job : jobs) add(Verb::wait, "").job = job;
    }

    void new_snapshot() {
        for (std::uint64_t n = 1; n <= cows_; ++n) {
            const std::string cow = fmt::format("cow{}", n);
            if (std::find(used_.begin(), used_.end(), cow) != used_.end()) continue;
            used_.push_back(cow);
            Snapshot s{
                fmt::format("s{}", n), cow,
                fmt::format("@orig @{} {} {}", cow, draw_.chance({1, 4}) ? "PO" : "P", chunk_)};
            control(Verb::suspend, "base");
            control(Verb::create, s.name, snapshot_table(s, "snapshot"));
            snapshots_.push_back(s);
            control(Verb::resume, "base");
            return;
        }
    }

    void drop_snapshot() {
        if (snapshots_.size() < 2) return;
        const Snapshot s = snapshots_[draw_.below(snapshots_.size())];
        control(Verb::suspend, "base");
        control(Verb::remove, s.name);
        forget(s);
        control(Verb::resume, "base");
    }

    void merge() {
        if (snapshots_.empty()) return;
        const Snapshot s = snapshots_[draw_.below(snapshots_.size())];
        control(Verb::suspend, "base");
        control(Verb::remove, s.name);
        forget(s);
        control(Verb::load, "base", snapshot_table(s, "snapshot-merge"));
        const std::string merge = snapshot_table(s, "snapshot-merge");
        control(Verb::resume, "base");
        base_ = merge;
        // Users go on meanwhile.
        const std::uint64_t writes = draw_.below(4);
        for (std::uint64_t i = 0; i < writes; ++i) write_from_one();
        control(Verb::mergewait, "base");
        control(Verb::suspend, "base");
        control(Verb::load, "base", origin_table());
        control(Verb::resume, "base");
        base_ = origin_table();
    }

    void forget(const Snapshot& s) {
        const std::string name = s.name;
        snapshots_.erase(std::remove_if(snapshots_.begin(), snapshots_.end(),
                                        [&](const Snapshot& o) { return o.name == name; }),
                         snapshots_.end());
    }

    Prng draw_;
    CrashWorkload out_;
    std::uint64_t chunk_ = 8;
    std::uint64_t longest_ = 3;  // of a write, in chunks
    std::uint64_t origin_size_ = 0;
    std::uint64_t cows_ = 1;
    std::string base_;  // the live table
    std::vector<Snapshot> snapshots_;
    std::vector<std::string> used_;
    std::uint64_t seed_ = 1;
    std::uint64_t job_ = 0;
};

}  // namespace

CrashWorkload crash_workload(std::uint64_t seed) { return Writer(seed).run(); }

}  // namespace cowlab
