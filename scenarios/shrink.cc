#include "scenarios/shrink.h"

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

class Shrinker {
  public:
    Shrinker(const Scenario& scenario, ShrinkJudge& judge) : judge_(judge), best_(scenario) {}

    ShrinkResult run() {
        ShrinkResult result;
        result.operations_before = count_operations(best_);
        bool changed = true;
        while (changed && !judge_.is_out_of_time()) {
            changed = remove_chunks();
            changed = remove_pairs() || changed;
            changed = simplify_lines() || changed;
        }
        result.minimal = !judge_.is_out_of_time();
        result.operations = count_operations(best_);
        result.tried = tried_;
        result.scenario = std::move(best_);
        return result;
    }

  private:
    bool attempt(Scenario candidate) {
        ++tried_;
        if (!judge_.fails_alike(candidate)) return false;
        best_ = std::move(candidate);
        return true;
    }
    static Scenario without(const Scenario& s, std::size_t from, std::size_t count) {
        Scenario out = s;
        out.steps.erase(out.steps.begin() + static_cast<std::ptrdiff_t>(from),
                        out.steps.begin() + static_cast<std::ptrdiff_t>(from + count));
        return out;
    }

    // Ever smaller stretches of lines; from the end, where the least depends on them.
    bool remove_chunks() {
        bool changed = false;
        for (std::size_t size = std::max<std::size_t>(best_.steps.size() / 2, 1);; size /= 2) {
            for (std::size_t end = best_.steps.size(); end > 0 && !judge_.is_out_of_time();) {
                const std::size_t from = end > size ? end - size : 0;
                if (attempt(without(best_, from, end - from))) changed = true;
                end = from;
            }
            if (size == 1) return changed;
        }
    }
    // Two lines that only make sense together: a suspend and its resume, a load and its resume.
    bool remove_pairs() {
        bool changed = false;
        for (std::size_t i = 0; i < best_.steps.size() && !judge_.is_out_of_time(); ++i) {
            for (std::size_t j = i + 1; j < best_.steps.size() && j < i + 12; ++j) {
                const Step& a = best_.steps[i];
                const Step& b = best_.steps[j];
                if (a.name != b.name || a.name.empty()) continue;
                Scenario candidate = without(best_, j, 1);
                candidate = without(candidate, i, 1);
                if (attempt(std::move(candidate))) {
                    changed = true;
                    break;
                }
            }
        }
        return changed;
    }
    // Lanes become plain lines, requests become short, pins small.
    bool simplify_lines() {
        bool changed = false;
        for (std::size_t i = 0; i < best_.steps.size() && !judge_.is_out_of_time(); ++i) {
            const auto with = [&](auto&& edit) {
                Scenario candidate = best_;
                edit(candidate.steps[i]);
                candidate.steps[i].source = {};
                if (candidate == best_) return;
                if (attempt(std::move(candidate))) changed = true;
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
            if (s.verb == Verb::power_loss && !s.loss.at_once) {
                with([](Step& x) { x.loss.nth = 1; });
            }
            if (s.verb == Verb::disk && s.disk.atomic.value > 1)
                with([](Step& x) { x.disk.atomic = {1}; });
        }
        return changed;
    }

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

ShrinkResult shrink(const Scenario& scenario, ShrinkJudge& judge) {
    return Shrinker(scenario, judge).run();
}

}  // namespace cowlab
