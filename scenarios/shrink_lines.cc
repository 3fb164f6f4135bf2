// Taking lines away, without looking at what they do.
#include <algorithm>

#include "scenarios/shrink_search.h"

namespace cowlab {
namespace {

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

// Ever smaller stretches of the steps that `which` means; from the end, where the least depends on
// them.
bool remove_stretches(ShrinkSearch& search, bool (*which)(const Step&)) {
    bool changed = false;
    std::vector<std::size_t> places = search.places_of(which);
    for (std::size_t size = std::max<std::size_t>(places.size() / 2, 1);; size /= 2) {
        for (std::size_t end = places.size(); end > 0 && !search.is_out_of_time();) {
            const std::size_t from = end > size ? end - size : 0;
            const std::vector<std::size_t> stretch(
                places.begin() + static_cast<std::ptrdiff_t>(from),
                places.begin() + static_cast<std::ptrdiff_t>(end));
            if (search.attempt_without(stretch)) {
                changed = true;
                places = search.places_of(which);
            }
            end = from;
        }
        if (size <= 1) return changed;
    }
}

}  // namespace

void cut_after(ShrinkSearch& search, std::size_t step) {
    std::vector<std::size_t> places;
    for (std::size_t i = step; i + 1 < search.best().steps.size(); ++i) places.push_back(i + 1);
    search.attempt_without(places);
}

void drop_pins_by_kind(ShrinkSearch& search) {
    if (search.attempt_without(search.places_of(is_pin))) return;
    for (const PinKind kind : {PinKind::survival, PinKind::fault, PinKind::memory, PinKind::time}) {
        search.attempt_without(
            search.places_of([&](const Step& s) { return is_pin(s) && kind_of_pin(s) == kind; }));
    }
}

bool remove_lines(ShrinkSearch& search) {
    const bool lines = remove_stretches(search, is_no_pin);
    return remove_stretches(search, is_pin) || lines;
}

// A snapshot and all that is said of it; a disk that nobody needs goes with it.
bool remove_devices(ShrinkSearch& search) {
    bool changed = false;
    std::vector<std::string> names;
    for (const Step& s : search.best().steps) {
        const bool makes = is_create(s) || s.verb == Verb::disk;
        if (makes && std::find(names.begin(), names.end(), s.name) == names.end())
            names.push_back(s.name);
    }
    for (auto name = names.rbegin(); name != names.rend() && !search.is_out_of_time(); ++name) {
        const auto places = search.places_of([&](const Step& s) { return mentions(s, *name); });
        if (places.size() > 1 && search.attempt_without(places)) changed = true;
    }
    return changed;
}

bool remove_near_pairs(ShrinkSearch& search) {
    constexpr std::size_t near_steps = 12;
    bool changed = false;
    for (std::size_t i = 0; i < search.best().steps.size() && !search.is_out_of_time(); ++i) {
        if (is_pin(search.best().steps[i])) continue;
        for (std::size_t j = i + 1; j < search.best().steps.size() && j < i + near_steps; ++j) {
            if (search.attempt_without({i, j})) {
                changed = true;
                break;
            }
        }
    }
    return changed;
}

// "The 7th area write": without a line that made three, it is the 4th.
bool remove_what_is_counted(ShrinkSearch& search) {
    constexpr std::uint64_t counted_max = 4;
    for (std::size_t p = 0; p < search.best().steps.size(); ++p) {
        if (!is_pin(search.best().steps[p])) continue;
        for (std::size_t i = 0; i < search.best().steps.size() && !search.is_out_of_time(); ++i) {
            if (is_pin(search.best().steps[i])) continue;
            for (std::uint64_t n = 1; n <= counted_max && n < search.best().steps[p].pin.nth; ++n) {
                const auto make = [&] {
                    Scenario candidate = search.best();
                    candidate.steps[p].pin.nth -= n;
                    candidate.steps.erase(candidate.steps.begin() + static_cast<std::ptrdiff_t>(i));
                    return candidate;
                };
                if (search.attempt(make)) return true;
            }
        }
    }
    return false;
}

bool remove_any_one_or_two(ShrinkSearch& search) {
    const std::size_t n = search.best().steps.size();
    for (std::size_t i = n; i-- > 0;) {
        if (search.is_out_of_time()) return false;
        if (search.attempt_without({i})) return true;
    }
    for (std::size_t j = n; j-- > 1;) {
        for (std::size_t i = j; i-- > 0;) {
            if (search.is_out_of_time()) return false;
            if (search.attempt_without({i, j})) return true;
        }
    }
    return false;
}

}  // namespace cowlab
