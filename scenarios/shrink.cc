#include "scenarios/shrink.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <set>

namespace cowlab {
namespace {

bool is_operation(const Step& s) {
    switch (s.verb) {
        case Verb::disk:
        case Verb::nosave:
        case Verb::pin:
        case Verb::inject:
        case Verb::power_loss:
        case Verb::reload:
        case Verb::check:
        case Verb::join:
        case Verb::sleep:
        case Verb::say: return false;
        default: return true;
    }
}

// The lines that make the world: disks, and the first create of each device with the suspends and
// resumes around them.
std::size_t set_up_length(const Scenario& scenario) {
    std::size_t end = 0;
    for (std::size_t i = 0; i < scenario.steps.size(); ++i) {
        const Verb v = scenario.steps[i].verb;
        const bool makes = v == Verb::disk || v == Verb::create || v == Verb::create_ro ||
                           v == Verb::suspend || v == Verb::resume || v == Verb::pin;
        if (!makes) break;
        end = i + 1;
    }
    return end;
}

bool is_pin(const Step& s) { return s.verb == Verb::pin; }

// survive., fault., or a latency or yield point.
std::string_view kind_of_pin(const Step& s) {
    const std::string_view point = s.pin.point;
    for (const std::string_view prefix : {"survive.", "fault."}) {
        if (point.substr(0, prefix.size()) == prefix) return prefix;
    }
    return "";
}

// A word of a table, a name or a job: does this line speak of `name`?
bool mentions(const Step& s, const std::string& name) {
    if (s.name == name || s.other == name) return true;
    const std::string word = "@" + name;
    for (std::size_t at = s.text.find(word); at != std::string::npos;
         at = s.text.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        if (end == s.text.size() || s.text[end] == ' ') return true;
    }
    return false;
}

class Shrinker {
  public:
    Shrinker(const Scenario& scenario, ShrinkJudge& judge) : judge_(judge), best_(scenario) {}

    ShrinkResult run(std::size_t failing_step) {
        ShrinkResult result;
        result.operations_before = count_operations(best_);
        cut_after(failing_step);
        drop_pins_by_kind();
        bool changed = true;
        while (changed && !judge_.is_out_of_time()) {
            changed = remove_stretches([](const Step& s) { return !is_pin(s); });
            changed = remove_stretches(is_pin) || changed;
            changed = remove_devices() || changed;
            if (changed) continue;  // while lines still go, nothing finer pays
            changed = remove_pairs();
            changed = simplify_lines() || changed;
            if (!changed) changed = remove_instead_of_suspend();
            if (!changed) changed = remove_with_what_it_counts();
            if (!changed) changed = use_wider_requests();
            if (!changed) changed = flush_instead_of_power_loss();
        }
        result.minimal = !judge_.is_out_of_time();
        result.operations = count_operations(best_);
        result.tried = tried_;
        result.scenario = std::move(best_);
        return result;
    }

  private:
    // `make` builds the candidate: not called for one that is known to be refused.
    template <class Make>
    bool attempt(Make&& make) {
        ++tried_;
        const std::optional<bool> known = judge_.known_answer();
        if (known && !*known) return false;
        Scenario candidate = make();
        if (!known && !judge_.fails_alike(candidate)) return false;
        best_ = std::move(candidate);
        return true;
    }
    // Without the steps at these places, which are in ascending order.
    Scenario without(const std::vector<std::size_t>& places) const {
        Scenario out;
        out.version = best_.version;
        out.form = best_.form;
        out.preamble = best_.preamble;
        out.header = best_.header;
        out.epilogue = best_.epilogue;
        out.steps.reserve(best_.steps.size());
        std::size_t next = 0;
        for (std::size_t i = 0; i < best_.steps.size(); ++i) {
            if (next < places.size() && places[next] == i) {
                ++next;
            } else {
                out.steps.push_back(best_.steps[i]);
            }
        }
        return out;
    }
    bool attempt_without(const std::vector<std::size_t>& places) {
        if (places.empty()) return false;
        return attempt([&] { return without(places); });
    }
    template <class Which>
    std::vector<std::size_t> places_of(Which&& which) const {
        std::vector<std::size_t> places;
        for (std::size_t i = 0; i < best_.steps.size(); ++i) {
            if (which(best_.steps[i])) places.push_back(i);
        }
        return places;
    }

    void cut_after(std::size_t step) {
        std::vector<std::size_t> places;
        for (std::size_t i = step; i + 1 < best_.steps.size(); ++i) places.push_back(i + 1);
        attempt_without(places);
    }
    void drop_pins_by_kind() {
        if (attempt_without(places_of(is_pin))) return;
        for (const std::string_view kind : {"survive.", "fault.", ""}) {
            attempt_without(
                places_of([&](const Step& s) { return is_pin(s) && kind_of_pin(s) == kind; }));
        }
    }
    // Ever smaller stretches of the steps that `which` means; from the end, where the least
    // depends on them.
    template <class Which>
    bool remove_stretches(Which&& which) {
        bool changed = false;
        std::vector<std::size_t> places = places_of(which);
        for (std::size_t size = std::max<std::size_t>(places.size() / 2, 1);; size /= 2) {
            for (std::size_t end = places.size(); end > 0 && !judge_.is_out_of_time();) {
                const std::size_t from = end > size ? end - size : 0;
                const std::vector<std::size_t> stretch(
                    places.begin() + static_cast<std::ptrdiff_t>(from),
                    places.begin() + static_cast<std::ptrdiff_t>(end));
                if (attempt_without(stretch)) {
                    changed = true;
                    places = places_of(which);
                }
                end = from;
            }
            if (size <= 1) return changed;
        }
    }
    // A snapshot and all that is said of it; a disk that nobody needs goes with it.
    bool remove_devices() {
        bool changed = false;
        std::vector<std::string> names;
        for (const Step& s : best_.steps) {
            const bool makes =
                s.verb == Verb::create || s.verb == Verb::create_ro || s.verb == Verb::disk;
            if (makes && std::find(names.begin(), names.end(), s.name) == names.end())
                names.push_back(s.name);
        }
        for (auto name = names.rbegin(); name != names.rend() && !judge_.is_out_of_time(); ++name) {
            const auto places = places_of([&](const Step& s) { return mentions(s, *name); });
            if (places.size() > 1 && attempt_without(places)) changed = true;
        }
        return changed;
    }
    // Two lines that only make sense together: a suspend and its resume, a load and its resume.
    bool remove_pairs() {
        bool changed = false;
        for (std::size_t i = 0; i < best_.steps.size() && !judge_.is_out_of_time(); ++i) {
            if (is_pin(best_.steps[i])) continue;
            for (std::size_t j = i + 1; j < best_.steps.size() && j < i + 12; ++j) {
                if (attempt_without({i, j})) {
                    changed = true;
                    break;
                }
            }
        }
        return changed;
    }
    // "The 7th area write": without a line that made three, it is the 4th.
    bool remove_with_what_it_counts() {
        if (count_operations(best_) <= few_operations) return false;
        constexpr std::uint64_t counted_max = 4;
        for (std::size_t p = 0; p < best_.steps.size(); ++p) {
            if (!is_pin(best_.steps[p])) continue;
            for (std::size_t i = p + 1; i < best_.steps.size() && !judge_.is_out_of_time(); ++i) {
                if (is_pin(best_.steps[i])) continue;
                for (std::uint64_t n = 1; n <= counted_max && n < best_.steps[p].pin.nth; ++n) {
                    const auto make = [&] {
                        Scenario candidate = without({i});
                        candidate.steps[p].pin.nth -= static_cast<std::uint32_t>(n);
                        return candidate;
                    };
                    if (attempt(make)) return true;
                }
            }
        }
        return false;
    }
    // A merge takes over a snapshot that is suspended now and removed later, or removed now.
    bool remove_instead_of_suspend() {
        for (std::size_t i = 0; i < best_.steps.size() && !judge_.is_out_of_time(); ++i) {
            if (best_.steps[i].verb != Verb::suspend) continue;
            for (std::size_t j = i + 1; j < best_.steps.size(); ++j) {
                const Step& s = best_.steps[j];
                if (s.verb != Verb::remove || s.name != best_.steps[i].name) continue;
                const auto make = [&] {
                    Scenario candidate = without({j});
                    candidate.steps[i] = best_.steps[j];
                    return candidate;
                };
                if (attempt(make)) return true;
            }
        }
        return false;
    }
    // A power loss that is survived is, for what comes after it, often no more than a flush.
    bool flush_instead_of_power_loss() {
        if (count_operations(best_) >= few_operations) return false;
        if (count_of(best_, Verb::power_loss) < 2) return false;
        for (std::size_t i = 0; i < best_.steps.size(); ++i) {
            if (best_.steps[i].verb != Verb::power_loss) continue;
            std::size_t back = i + 1;
            while (back < best_.steps.size() && best_.steps[back].verb != Verb::reload) ++back;
            if (back == best_.steps.size()) return false;
            for (const Step& s : best_.steps) {
                if (judge_.is_out_of_time()) return false;
                if (s.verb != Verb::create && s.verb != Verb::create_ro) continue;
                const std::string device = s.name;
                const auto make = [&] {
                    Scenario candidate = best_;
                    candidate.steps[back] = Step{};
                    candidate.steps[back].verb = Verb::flush;
                    candidate.steps[back].name = device;
                    candidate.steps.erase(candidate.steps.begin() + static_cast<std::ptrdiff_t>(i));
                    return candidate;
                };
                if (attempt(make)) return true;
            }
        }
        return false;
    }
    // Where it takes many exceptions to fail: one large write does for many small ones, and for a
    // merge that made some. Kept only if lines go for it: simplify_lines() makes requests short.
    bool use_wider_requests() {
        if (count_operations(best_) <= few_operations) return false;
        for (std::size_t i = 0; i < best_.steps.size() && !judge_.is_out_of_time(); ++i) {
            if (!is_write(best_.steps[i])) continue;
            const std::uint64_t size = size_of(best_.steps[i].name);
            if (size <= best_.steps[i].count.value) continue;
            const Scenario before = best_;
            const auto widened = [&] {
                Scenario candidate = best_;
                candidate.steps[i].start = {0};
                candidate.steps[i].count = {size};
                return candidate;
            };
            if (!attempt(widened)) continue;
            remove_stretches([](const Step& s) { return !is_pin(s); });
            remove_pairs();
            if (count_operations(best_) < count_operations(before)) return true;
            best_ = before;
        }
        return false;
    }
    static bool is_write(const Step& s) {
        return s.verb == Verb::write ||
               ((s.verb == Verb::lane || s.verb == Verb::bg) && s.io_verb == Verb::write);
    }
    // In sectors, of the first table that `name` was given; 0: unknown, or so large that writing it
    // is no help.
    std::uint64_t size_of(const std::string& name) const {
        constexpr std::uint64_t helpful_max = 4096;
        for (const Step& s : best_.steps) {
            if ((s.verb != Verb::create && s.verb != Verb::create_ro) || s.name != name) continue;
            std::uint64_t start = 1;
            std::uint64_t size = 0;
            if (std::sscanf(s.text.c_str(), "%" SCNu64 " %" SCNu64, &start, &size) != 2) return 0;
            return start == 0 && size <= helpful_max ? size : 0;
        }
        return 0;
    }
    // Lanes become plain lines, requests become short, pins small.
    bool simplify_lines() {
        bool changed = false;
        for (std::size_t i = 0; i < best_.steps.size() && !judge_.is_out_of_time(); ++i) {
            const auto with = [&](auto&& edit) {
                Step edited = best_.steps[i];
                edit(edited);
                edited.source = {};
                if (edited == best_.steps[i]) return;
                const auto make = [&] {
                    Scenario candidate = best_;
                    candidate.steps[i] = edited;
                    return candidate;
                };
                if (attempt(make)) changed = true;
            };
            const Step s = best_.steps[i];
            if (s.verb == Verb::lane) {
                with([](Step& x) {
                    x.verb = x.io_verb;
                    x.io_verb = Verb::unknown;
                    x.job.clear();
                });
            }
            if (s.count.value > 1 && s.verb != Verb::disk) {
                with([](Step& x) { x.count = {1}; });
                with([](Step& x) { x.count = {x.count.value / 2}; });
            }
            if (s.verb == Verb::pin && s.pin.choice > 1 && s.pin.point.substr(0, 8) != "survive.") {
                with([](Step& x) { x.pin.choice /= 2; });
            }
            // An earlier time needs less to happen before.
            if (s.verb == Verb::pin && s.pin.nth > 1) {
                with([](Step& x) { x.pin.nth = 1; });
                with([](Step& x) { x.pin.nth = (x.pin.nth + 1) / 2; });
                with([](Step& x) { x.pin.nth = x.pin.nth > 1 ? x.pin.nth - 1 : 1; });
            }
            if (s.verb == Verb::power_loss && !s.loss.at_once) {
                with([](Step& x) {
                    x.name.clear();
                    x.loss.at_once = true;
                    x.loss.request_class = RequestClass::any;
                    x.loss.nth = 1;
                    x.loss.moment = Moment::done;
                });
                with([](Step& x) { x.loss.nth = 1; });
            }
            if (s.verb == Verb::disk && s.disk.atomic.value > 1)
                with([](Step& x) { x.disk.atomic = {1}; });
        }
        return changed;
    }

    // What a person reads in one breath.
    static constexpr std::size_t few_operations = 6;

    ShrinkJudge& judge_;
    Scenario best_;
    std::size_t tried_ = 0;
};

}  // namespace

std::size_t count_operations(const Scenario& scenario) {
    const std::size_t from = set_up_length(scenario);
    std::set<std::string> created;
    std::size_t count = 0;
    for (std::size_t i = 0; i < scenario.steps.size(); ++i) {
        const Step& s = scenario.steps[i];
        const bool creates = s.verb == Verb::create || s.verb == Verb::create_ro;
        if (creates && created.insert(s.name).second) continue;
        if (i >= from && is_operation(s)) ++count;
    }
    return count;
}

std::size_t count_of(const Scenario& scenario, Verb verb) {
    std::size_t n = 0;
    for (const Step& s : scenario.steps) n += s.verb == verb ? 1 : 0;
    return n;
}

ShrinkResult shrink(const Scenario& scenario, ShrinkJudge& judge, std::size_t failing_step) {
    return Shrinker(scenario, judge).run(failing_step);
}

}  // namespace cowlab
