// From a scenario of the laboratory to one that a kernel can carry out.
#include <fmt/format.h>

#include <set>

#include "cli/kernel_differential.h"
#include "device/kernel_differences.h"
#include "scenarios/generate.h"

namespace cowlab {
namespace {

constexpr Profile profile_kernel{"kernel", 15, 45, 3, 24, {0, 1}, {0, 1}, {4, 5}, {1, 3}, {0, 1}};
constexpr std::uint64_t disk_sectors_max = 65536;
constexpr std::uint64_t seeds_apart = std::uint64_t{1} << 40;
constexpr Ratio look_after_line{1, 6};
constexpr Ratio faulty_scenario{1, 3};
constexpr Ratio fault_after_line{1, 8};
constexpr Ratio odd_after_line{1, 8};
constexpr Ratio edge_scenario{1, 5};
constexpr std::uint64_t near_the_end = 4;  // sectors

bool has_word(const Step& s, std::string_view word) {
    return s.text.find(word) != std::string::npos;
}

class Translator {
  public:
    Translator(std::uint64_t seed, const std::string& release)
        : release_(release),
          draw_(seed, 101),
          odd_(seed, 103),
          edge_(seed, 107),
          faulty_(draw_.chance(faulty_scenario)) {}

    Scenario run(const Scenario& from) {
        out_.version = language_version;
        out_.header.policy = Policy::kernel;
        for (const Step& s : from.steps) line(s);
        if (faulty_) {
            for (const auto& [name, size] : disks_) fault(name, FaultTable::linear);
        }
        for (const std::string& name : devices_) look_at(name);
        if (edge_.chance(edge_scenario)) edge_of_an_area();
        return std::move(out_);
    }

  private:
    Step& add(Verb verb, const std::string& name = {}) {
        Step& s = out_.steps.emplace_back();
        s.verb = verb;
        s.name = name;
        return s;
    }
    void add(Step s) {
        s.source = {};
        out_.steps.push_back(std::move(s));
    }

    void line(Step s) {
        s.fua = false;
        if (is_known_to_differ(release_, s)) return;
        switch (s.verb) {
            case Verb::disk:
                s.disk.cache = WriteCache::unstated;
                s.disk.atomic = {1};
                s.disk.lost = LostSectors::as_before;
                disks_.emplace_back(s.name, s.count.value);
                add(s);
                return;
            case Verb::lane:
                s.verb = s.io_verb;
                s.io_verb = Verb::unknown;
                s.job.clear();
                io(std::move(s));
                break;
            case Verb::create:
                size_of_[s.name] = length_of(s);
                table_of_[s.name] = s.text;
                // What a COW device holds after a snapshot was lost depends on timing: not looked
                // at.
                if (!has_word(s, "linear")) devices_.insert(s.name);
                add(s);
                if (has_word(s, "snapshot-merge")) add(Verb::mergewait, s.name);
                return;
            case Verb::load:
                if (has_word(s, "snapshot-merge")) merging_.insert(s.name);
                if (has_word(s, "snapshot-origin")) merging_.erase(s.name);
                table_of_[s.name] = s.text;
                add(s);
                return;
            case Verb::fault:  // a delay is a race between the worlds' clocks
                if (s.fault.table != FaultTable::delay) add(s);
                return;
            case Verb::remove:
                devices_.erase(s.name);
                suspended_.erase(s.name);
                add(s);
                return;
            case Verb::suspend:
                suspended_.insert(s.name);
                add(s);
                return;
            case Verb::resume: resume(s); break;
            case Verb::mergewait: add(s); break;
            default:
                if (is_laboratory(s.verb)) return;
                is_io(s.verb) ? io(std::move(s)) : add(s);
                break;
        }
        if (suspended_.empty()) between_lines();
    }

    void io(Step s) {
        if (suspended_.empty()) return add(s);
        if (!job_.empty()) return;  // two held requests race with each other
        job_ = fmt::format("j{}", jobs_++);
        s.io_verb = s.verb;
        s.verb = Verb::bg;
        s.job = job_;
        add(s);
    }

    void resume(const Step& s) {
        add(s);
        suspended_.erase(s.name);
        // A merge that goes on under the next lines meets them wherever it happens to be.
        if (merging_.count(s.name) != 0) add(Verb::mergewait, s.name);
        if (!suspended_.empty()) return;
        if (!job_.empty()) {
            add(Verb::wait).job = job_;
            job_.clear();
        }
    }

    void between_lines() {
        if (devices_.empty()) return;
        if (draw_.chance(look_after_line)) look_at(any(devices_));
        if (odd_.chance(odd_after_line)) odd_line();
        if (faulty_ && draw_.chance(fault_after_line)) {
            const auto& [name, size] = disks_[draw_.below(disks_.size())];
            constexpr FaultTable tables[] = {FaultTable::linear, FaultTable::linear,
                                             FaultTable::bad,    FaultTable::bad,
                                             FaultTable::error,  FaultTable::flakey};
            fault(name, tables[draw_.below(std::size(tables))]);
        }
    }

    // What a user says by mistake, and what asks a kernel about its limits.
    void odd_line() {
        auto at = devices_.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(odd_.below(devices_.size())));
        const std::string name = *at;
        switch (odd_.below(11)) {
            case 0: across_the_end(Verb::zeroout, name); break;
            case 1: across_the_end(Verb::discard, name); break;
            case 2: across_the_end(Verb::write, name).seed = 77; break;
            case 3: across_the_end(Verb::read, name); break;
            case 4: add(Verb::limits, name); break;
            case 5: add(Verb::inactive, name); break;
            case 6: add(Verb::clear, name); break;
            case 7: add(Verb::message, name).text = "hello"; break;
            case 8: {
                const std::string other = name + "-other";
                add(Verb::rename, name).other = other;
                add(Verb::status, other);
                add(Verb::rename, other).other = name;
                break;
            }
            case 9: read_only_twin(); break;
            default: longer_table(name); break;
        }
    }

    Step& across_the_end(Verb verb, const std::string& name) {
        Step& s = add(verb, name);
        const std::uint64_t size = size_of_[name];
        s.start = {size - std::min(size, near_the_end) + odd_.below(2 * near_the_end)};
        s.count = {odd_.below(2 * near_the_end)};
        return s;
    }

    // A device through which nobody may write, over a disk that others use.
    void read_only_twin() {
        const auto& [disk, sectors] = disks_[odd_.below(disks_.size())];
        if (sectors == 0) return;
        add(Verb::create_ro, "twin").text = fmt::format("0 {} linear @{} 0", sectors, disk);
        size_of_["twin"] = sectors;
        across_the_end(odd_.chance({1, 2}) ? Verb::zeroout : Verb::write, "twin").seed = 78;
        add(Verb::info, "twin");
        add(Verb::remove, "twin");
    }

    // The table the device has, but longer: over the end of what is below, as a rule.
    void longer_table(const std::string& name) {
        const std::string table = table_of_[name];
        if (table.find(" ; ") != std::string::npos || table.rfind("0 ", 0) != 0) return;
        Step load;
        load.verb = Verb::load;
        load.name = name;
        load.text = fmt::format("0 {}{}", size_of_[name] + odd_.between(1, 2 * near_the_end),
                                table.substr(std::min(table.size(), table.find(' ', 2))));
        if (is_known_to_differ(release_, load)) return;
        add(load);
        add(Verb::suspend, name);
        add(Verb::resume, name);
        add(Verb::info, name);
        add(Verb::resume, name);
        if (has_word(load, "snapshot-merge")) add(Verb::mergewait, name);
    }

    void fault(const std::string& disk, FaultTable table) {
        std::uint64_t size = 0;
        for (const auto& [name, sectors] : disks_) {
            if (name == disk) size = sectors;
        }
        Step& s = add(Verb::fault, disk);
        s.fault.table = table;
        if (table == FaultTable::bad) {
            s.start = {draw_.below(size)};
            s.count = {draw_.between(1, std::min<std::uint64_t>(size - s.start.value, 8))};
        }
        if (table == FaultTable::flakey) {
            s.fault.down_seconds = 600;
            constexpr const char* features[] = {"1 error_writes", "1 drop_writes", ""};
            s.text = features[draw_.below(std::size(features))];
        }
    }

    void look_at(const std::string& name) {
        add(Verb::status, name);
        switch (draw_.below(4)) {
            case 0: add(Verb::table, name); break;
            case 1: add(Verb::info, name); break;
            default: {
                Step& s = add(Verb::read, name);
                s.count = {size_of_[name]};
            }
        }
    }

    // A store filled to about the end of an area, loaded again, filled on and merged back: few runs
    // have so many exceptions, and hardly one has exactly as many.
    void edge_of_an_area() {
        const std::uint64_t chunk = edge_.between(1, 2);
        const std::uint64_t records = chunk * sector_bytes / 16;
        const std::uint64_t before = records * edge_.between(1, 2) + edge_.between(0, 2) - 1;
        const std::uint64_t after = edge_.between(1, 3);
        const std::uint64_t size = (before + after + edge_.between(0, 2)) * chunk;
        const std::uint64_t room = (before + after + 4 + edge_.between(0, 2)) * chunk;
        const std::string through = edge_.chance({1, 2}) ? "edge" : "edge-s";
        const std::string cow = fmt::format("@orig-edge @cow-edge P {}", chunk);
        out_disk("orig-edge", size, DiskContent::fill);
        out_disk("cow-edge", room, DiskContent::zero);
        add(Verb::create, "edge").text = fmt::format("0 {} snapshot-origin @orig-edge", size);
        const std::string snapshot = fmt::format("0 {} snapshot {}", size, cow);
        add(Verb::create, "edge-s").text = snapshot;
        write_chunks(through, 0, before * chunk, 91);
        add(Verb::status, "edge-s");
        add(Verb::remove, "edge-s");
        add(Verb::create, "edge-s").text = snapshot;
        add(Verb::status, "edge-s");
        write_chunks(through, before * chunk, after * chunk, 92);
        add(Verb::status, "edge-s");
        add(Verb::read, "edge-s").count = {size};
        if (edge_.chance({1, 2})) return;
        add(Verb::remove, "edge-s");
        add(Verb::load, "edge").text = fmt::format("0 {} snapshot-merge {}", size, cow);
        add(Verb::suspend, "edge");
        add(Verb::resume, "edge");
        add(Verb::mergewait, "edge");
        add(Verb::read, "edge").count = {size};
    }
    void out_disk(const std::string& name, std::uint64_t sectors, DiskContent content) {
        Step& s = add(Verb::disk, name);
        s.count = {sectors};
        s.disk.content = content;
        s.seed = content == DiskContent::fill ? 1 : 0;
    }
    void write_chunks(const std::string& name, std::uint64_t start, std::uint64_t count,
                      std::uint64_t seed) {
        Step& s = add(Verb::write, name);
        s.start = {start};
        s.count = {count};
        s.seed = seed;
    }

    static std::uint64_t length_of(const Step& create) {
        return std::strtoull(create.text.c_str() + create.text.find(' '), nullptr, 10);
    }
    const std::string& any(const std::set<std::string>& names) {
        auto at = names.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(draw_.below(names.size())));
        return *at;
    }

    const std::string& release_;
    Prng draw_;
    Prng odd_;
    Prng edge_;
    const bool faulty_;
    Scenario out_;
    std::vector<std::pair<std::string, std::uint64_t>> disks_;
    std::set<std::string> devices_;
    std::set<std::string> suspended_;
    std::set<std::string> merging_;
    std::map<std::string, std::uint64_t> size_of_;
    std::map<std::string, std::string> table_of_;
    std::string job_;  // held by a suspended device, waited for when nothing is suspended
    int jobs_ = 0;
};

}  // namespace

Scenario scenario_for_kernel(std::uint64_t seed, const std::string& release) {
    // Disks of terabytes are not for a machine of 256 MiB: another seed takes the place of such a
    // one.
    for (std::uint64_t other = seed;; other += seeds_apart) {
        const GeneratedRun generated = generate(other, profile_kernel, {});
        std::uint64_t sectors = 0;
        for (const Step& s : generated.scenario.steps) {
            if (s.verb == Verb::disk) sectors += s.count.value;
        }
        if (sectors <= disk_sectors_max) return Translator(other, release).run(generated.scenario);
    }
}

}  // namespace cowlab
