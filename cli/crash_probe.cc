// What is asked of a crash image.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/prng.h"
#include "cli/crash_image.h"
#include "device/kernel_differences.h"
#include "scenarios/words.h"

namespace cowlab {
namespace {

constexpr std::uint64_t writes_least = 3;
constexpr std::uint64_t writes_most = 8;
constexpr std::uint64_t write_sectors_most = 24;
constexpr std::uint64_t loads_least = 4;
constexpr std::uint64_t loads_most = 12;
constexpr std::uint64_t first_seed = 0x5000;  // of the pattern: no generated run goes so far

// The first target of a table: `0 LENGTH TYPE ARGS`.
struct FirstTarget {
    std::uint64_t length = 0;
    std::string type;
    std::string arguments;
    std::string origin;
    std::string store;
};

FirstTarget first_target(const Step& create) {
    FirstTarget t;
    Words words(create.text);
    words.next();
    t.length = number_from(words.next(), UINT64_MAX).value;
    t.type = words.next();
    t.arguments = words.rest();
    Words arguments(t.arguments);
    t.origin = arguments.next();
    arguments.next();
    t.store = arguments.next();
    return t;
}

bool has_one_target(const Step& create) { return create.text.find(" ; ") == std::string::npos; }

class Probe {
  public:
    Probe(const CrashImage& image, std::uint64_t seed, const std::string& release)
        : image_(image), release_(release), draw_(seed, 211), as_lvm_does_(draw_.chance({1, 2})) {}

    Scenario run() {
        out_.version = language_version;
        out_.header.policy = Policy::kernel;
        for (const Step& d : image_.disks) out_.steps.push_back(d);
        for (const Step& c : image_.devices) {
            // A merge begins at once: the rest is looked at before, while nothing moves.
            if (is_merge(c) && !looked_before_merges_) look_at_all();
            looked_before_merges_ = looked_before_merges_ || is_merge(c);
            bring_back(c);
        }
        if (as_lvm_does_) resume_origins();
        look_at_all();
        writes();
        look_at_all();
        if (draw_.chance({1, 2})) load_after_each_write();
        if (merge_one()) look_at_all();
        return std::move(out_);
    }

  private:
    static bool is_merge(const Step& create) {
        return create.text.find(" snapshot-merge ") != std::string::npos;
    }

    Step& add(Verb verb, const std::string& name) {
        Step& s = out_.steps.emplace_back();
        s.verb = verb;
        s.name = name;
        return s;
    }

    void bring_back(const Step& create) {
        if (is_known_to_differ(release_, create)) return;
        out_.steps.push_back(create);
        out_.steps.back().source = {};
        there_.push_back(create);
        if (!is_merge(create)) return;
        read(create);  // a merge shows its volume whole at every moment
        add(Verb::mergewait, create.name);
    }

    // An origin takes the boundary of its writes from the snapshots that are there when it is
    // resumed; LVM resumes it last. Whoever does not gets the quirk of L13.
    void resume_origins() {
        for (const Step& device : there_) {
            if (first_target(device).type != "snapshot-origin") continue;
            add(Verb::suspend, device.name);
            add(Verb::resume, device.name);
        }
    }

    void read(const Step& device) {
        add(Verb::read, device.name).count = {first_target(device).length};
    }

    void look_at_all() {
        for (const Step& device : there_) {
            add(Verb::status, device.name);
            add(Verb::table, device.name);
            add(Verb::info, device.name);
            read(device);
        }
    }

    void writes() {
        // Not to what lies below another device: a COW device is not for users.
        std::vector<const Step*> volumes;
        for (const Step& d : there_) {
            if (first_target(d).type != "linear" && first_target(d).length > 0)
                volumes.push_back(&d);
        }
        if (volumes.empty()) return;
        const std::uint64_t count = draw_.between(writes_least, writes_most);
        for (std::uint64_t i = 0; i < count; ++i) {
            const Step& device = *volumes[draw_.below(volumes.size())];
            const std::uint64_t size = first_target(device).length;
            Step& s = add(Verb::write, device.name);
            s.start = {draw_.below(size)};
            s.count = {draw_.between(1, std::min(write_sectors_most, size - s.start.value))};
            s.seed = first_seed + i;
        }
    }

    // Where the next exception goes is found anew at every load: the edges of areas are not missed.
    void load_after_each_write() {
        std::vector<const Step*> snapshots;
        for (const Step& s : there_) {
            if (first_target(s).type == "snapshot" && has_one_target(s) &&
                first_target(s).length > 0)
                snapshots.push_back(&s);
        }
        if (snapshots.empty()) return;
        const Step& snapshot = *snapshots[draw_.below(snapshots.size())];
        const std::uint64_t size = first_target(snapshot).length;
        const std::uint64_t count = draw_.between(loads_least, loads_most);
        for (std::uint64_t i = 0; i < count; ++i) {
            Step& s = add(Verb::write, snapshot.name);
            s.start = {draw_.below(size)};
            s.count = {1};
            s.seed = first_seed + writes_most + i;
            add(Verb::remove, snapshot.name);
            out_.steps.push_back(snapshot);
            add(Verb::status, snapshot.name);
        }
        look_at_all();
    }

    // Takes one snapshot back into its origin: as a user would who has seen enough.
    bool merge_one() {
        std::vector<std::pair<const Step*, const Step*>> pairs;
        for (const Step& base : there_) {
            if (first_target(base).type != "snapshot-origin" || !has_one_target(base)) continue;
            for (const Step& s : there_) {
                const FirstTarget t = first_target(s);
                if (t.type == "snapshot" && has_one_target(s) &&
                    t.origin == first_target(base).origin)
                    pairs.emplace_back(&base, &s);
            }
        }
        if (pairs.empty()) return false;
        const auto& [base, snapshot] = pairs[draw_.below(pairs.size())];
        const FirstTarget t = first_target(*snapshot);
        Step load = *base;
        load.verb = Verb::load;
        load.text = fmt::format("0 {} snapshot-merge {}", t.length, t.arguments);
        load.source = {};
        if (is_known_to_differ(release_, load)) return false;
        const std::string base_name = base->name, gone = snapshot->name;
        add(Verb::suspend, base_name);
        add(Verb::remove, gone);
        out_.steps.push_back(load);
        add(Verb::resume, base_name);
        add(Verb::mergewait, base_name);
        there_.erase(std::remove_if(there_.begin(), there_.end(),
                                    [&](const Step& d) { return d.name == gone; }),
                     there_.end());
        return true;
    }

    const CrashImage& image_;
    const std::string& release_;
    Prng draw_;
    const bool as_lvm_does_;
    Scenario out_;
    std::vector<Step> there_;
    bool looked_before_merges_ = false;
};

}  // namespace

Step disk_with_image(const std::string& name, Sectors size, std::uint32_t lbs) {
    Step s;
    s.verb = Verb::disk;
    s.name = name;
    s.count = size;
    s.disk.content = DiskContent::image;
    s.disk.image = name + ".img";
    s.disk.lbs = lbs;
    return s;
}

Scenario crash_probe(const CrashImage& image, std::uint64_t seed, const std::string& release) {
    return Probe(image, seed, release).run();
}

}  // namespace cowlab
