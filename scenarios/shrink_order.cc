// What is left, in the order in which a person reads: disks, then devices, then what is done; each
// pin directly before the line it acts in; numbers of writes and names of lanes from the first on.
#include <algorithm>
#include <map>

#include "scenarios/shrink_search.h"

namespace cowlab {
namespace {

constexpr std::size_t pins_max = 12;  // more are not read one by one

bool disks_first(ShrinkSearch& search) {
    Scenario candidate = search.best();
    std::stable_partition(candidate.steps.begin(), candidate.steps.end(),
                          [](const Step& s) { return s.verb == Verb::disk; });
    return search.attempt_this(std::move(candidate));
}

// Pins count from the beginning, wherever they stand: the latest place that still does is the one
// where it acts.
bool pins_where_they_act(ShrinkSearch& search) {
    if (count_of(search.best(), Verb::pin) > pins_max) return false;
    bool changed = false;
    for (std::size_t p = search.best().steps.size(); p-- > 0;) {
        if (!is_pin(search.best().steps[p])) continue;
        for (std::size_t to = search.best().steps.size(); to-- > p + 1;) {
            if (search.is_out_of_time()) return changed;
            if (is_pin(search.best().steps[to])) continue;
            // In front of the pins that stand there already.
            std::size_t place = to;
            while (place > p + 1 && is_pin(search.best().steps[place - 1])) --place;
            if (place == p + 1) break;
            Scenario candidate = search.best();
            const auto from = candidate.steps.begin() + static_cast<std::ptrdiff_t>(p);
            std::rotate(from, from + 1,
                        candidate.steps.begin() + static_cast<std::ptrdiff_t>(place));
            if (!search.attempt_this(std::move(candidate))) continue;
            changed = true;
            break;
        }
    }
    return changed;
}

bool number_anew(ShrinkSearch& search) {
    Scenario candidate = search.best();
    std::map<std::uint64_t, std::uint64_t> seeds;
    std::map<std::string, std::string> lanes;
    for (Step& s : candidate.steps) {
        const bool writes = s.verb == Verb::write || s.io_verb == Verb::write;
        // 1 is what disks are filled with, as a rule.
        if (writes) s.seed = seeds.emplace(s.seed, seeds.size() + 2).first->second;
        if (!s.job.empty() && (s.verb == Verb::lane || s.verb == Verb::join))
            s.job = lanes.emplace(s.job, "l" + std::to_string(lanes.size())).first->second;
    }
    return search.attempt_this(std::move(candidate));
}

}  // namespace

bool put_in_order(ShrinkSearch& search) {
    bool changed = disks_first(search);
    changed = pins_where_they_act(search) || changed;
    return number_anew(search) || changed;
}

}  // namespace cowlab
