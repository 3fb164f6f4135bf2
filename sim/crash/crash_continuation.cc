#include "sim/crash/crash_continuation.h"

#include <string>

namespace cowlab {
namespace {

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        if (end > 0) words.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
}

struct Device {
    std::string name;
    std::string table;
    std::vector<std::string_view> words;  // of `table`
    bool has(std::string_view target) const { return words.size() > 2 && words[2] == target; }
};

class Continuation {
  public:
    explicit Continuation(World& world) {
        for (MappedDevice& d : world.mapper().devices()) {
            if (world.find_disk(d.name()) != nullptr || d.live() == nullptr || d.is_suspended())
                continue;
            devices_.push_back(
                {std::string(d.name()), std::string(world.live_table_text(d.name())), {}});
        }
        for (Device& d : devices_) d.words = words_of(d.table);
    }

    std::vector<Step> lines() {
        write_everywhere(900);
        add(Verb::check);
        lose_power();
        merge_one_of_each();
        write_everywhere(910);
        lose_power();
        return std::move(lines_);
    }

  private:
    Step& add(Verb verb, const std::string& name = {}) {
        Step& s = lines_.emplace_back();
        s.verb = verb;
        s.name = name;
        return s;
    }
    void write_everywhere(std::uint64_t seed) {
        for (const Device& d : devices_) {
            if (d.words.size() < 4) continue;
            const std::uint64_t size = std::stoull(std::string(d.words[1]));
            for (const std::uint64_t at : {std::uint64_t{0}, size / 2}) {
                Step& w = add(Verb::write, d.name);
                w.start = {at};
                w.count = {1};
                w.seed = seed++;
            }
            add(Verb::flush, d.name);
        }
    }
    void lose_power() {
        add(Verb::power_loss).loss.at_once = true;
        add(Verb::reload);
        add(Verb::check);
    }
    void merge_one_of_each() {
        for (const Device& o : devices_) {
            if (!o.has("snapshot-origin") || o.words.size() != 4) continue;
            for (const Device& s : devices_) {
                const bool mergeable = s.has("snapshot") && s.words.size() >= 7 &&
                                       s.words[3] == o.words[3] && s.words[1] == o.words[1] &&
                                       s.words[5].front() == 'P';
                if (!mergeable) continue;
                std::string table = s.table;
                table.insert(table.find(" snapshot ") + sizeof(" snapshot") - 1, "-merge");
                add(Verb::suspend, o.name);
                add(Verb::remove, s.name);
                add(Verb::load, o.name).text = table;
                add(Verb::resume, o.name);
                add(Verb::mergewait, o.name);
                add(Verb::check);
                break;
            }
        }
    }

    std::vector<Device> devices_;
    std::vector<Step> lines_;
};

}  // namespace

std::vector<Step> lines_after_recovery(World& world) { return Continuation(world).lines(); }

}  // namespace cowlab
