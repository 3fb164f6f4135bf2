// Small devices: what a person has to keep in mind beside the operations.
//
// First the places that are used move together and to the front, chunk by chunk; then disks, tables
// and chunks become as small as the failure allows; then what a disk or a table says beyond that
// goes. All of it is tried: what does not fail any more, because a device is too small for a
// request, is no candidate that is kept.
#include <fmt/format.h>

#include <cinttypes>
#include <cstdio>
#include <map>
#include <set>

#include "scenarios/shrink_search.h"

namespace cowlab {
namespace {

bool has_table(const Step& s) { return is_create(s) || s.verb == Verb::load; }

bool is_one_target(const Step& s) {
    return has_table(s) && s.text.rfind("0 ", 0) == 0 && s.text.find(" ; ") == std::string::npos;
}

std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        if (end > at) words.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return words;
}

std::string text_of(const std::vector<std::string>& words) {
    return fmt::format("{}", fmt::join(words, " "));
}

// `0 LENGTH snapshot @orig @cow P CHUNK …`
constexpr std::size_t length_word = 1, kind_word = 2, origin_word = 3, store_word = 5,
                      chunk_word = 6;

bool is_snapshot(const std::vector<std::string>& words) {
    return words.size() > chunk_word && words[kind_word].rfind("snapshot", 0) == 0 &&
           words[kind_word] != "snapshot-origin";
}

std::uint64_t number_of(const std::string& word) {
    std::uint64_t n = 0;
    return std::sscanf(word.c_str(), "%" SCNu64, &n) == 1 ? n : 0;
}

std::uint64_t largest_chunk(const Scenario& s) {
    std::uint64_t largest = 0;
    for (const Step& step : s.steps) {
        if (!is_one_target(step)) continue;
        const auto words = words_of(step.text);
        if (is_snapshot(words)) largest = std::max(largest, number_of(words[chunk_word]));
    }
    return largest;
}

bool has_place(const Step& s) {
    return is_io(s.verb) || (is_io(s.io_verb) && (s.verb == Verb::lane || s.verb == Verb::bg));
}

// A number made smaller by ever smaller steps, as long as `attempt` accepts it.
template <class Attempt>
bool make_smaller(std::uint64_t value, Attempt&& attempt) {
    bool changed = false;
    for (std::uint64_t step = value / 2; step > 0; step /= 2) {
        while (step < value && attempt(value - step)) {
            value -= step;
            changed = true;
        }
    }
    return changed;
}

// The chunks that are used become 0, 1, 2, …; `apart`: those that were no neighbours stay none.
Scenario with_near_places(const Scenario& from, bool apart) {
    const std::uint64_t chunk = largest_chunk(from);
    if (chunk == 0) return from;
    std::string origin;
    std::set<std::uint64_t> used;
    for (const Step& s : from.steps) {
        if (is_one_target(s)) {
            const auto words = words_of(s.text);
            if (is_snapshot(words)) origin = words[origin_word].substr(1);
        }
        if (!has_place(s) || s.start.value > UINT64_MAX / 2) continue;
        const std::uint64_t sectors = std::max<std::uint64_t>(s.count.value, 1);
        if (sectors / chunk > 64) return from;
        for (std::uint64_t c = s.start.value / chunk; c <= (s.start.value + sectors - 1) / chunk;
             ++c) {
            used.insert(c);
        }
    }
    std::map<std::uint64_t, std::uint64_t> place;
    std::uint64_t next = 0, before = 0;
    for (const std::uint64_t c : used) {
        const bool gap = apart && !place.empty() && c != before + 1;
        place[c] = next += gap ? 1 : 0;
        before = c;
        ++next;
    }
    const auto moved = [&](std::uint64_t sector) {
        const auto at = place.find(sector / chunk);
        return at == place.end() ? sector : at->second * chunk + sector % chunk;
    };
    Scenario out = from;
    for (Step& s : out.steps) {
        if (has_place(s)) s.start = {moved(s.start.value)};
        if (s.verb == Verb::inject && s.name == origin && !s.inject.anywhere)
            s.start = {moved(s.start.value)};
        if (is_pin(s) && s.name == origin && kind_of_pin(s) == PinKind::survival)
            s.pin.point = fmt::format("survive.{}", moved(number_of(s.pin.point.substr(8))));
    }
    return out;
}

bool use_near_places(ShrinkSearch& search) {
    return search.attempt_this(with_near_places(search.best(), false)) ||
           search.attempt_this(with_near_places(search.best(), true));
}

bool make_requests_short(ShrinkSearch& search) {
    bool changed = false;
    for (std::size_t i = 0; i < search.best().steps.size(); ++i) {
        if (!has_place(search.best().steps[i])) continue;
        const auto attempt = [&](std::uint64_t count) {
            return !search.is_out_of_time() &&
                   search.attempt_edit(i, [&](Step& s) { s.count = {count}; });
        };
        changed = make_smaller(search.best().steps[i].count.value, attempt) || changed;
    }
    return changed;
}

// Requests begin where a chunk does.
bool use_first_sectors(ShrinkSearch& search) {
    const std::uint64_t chunk = largest_chunk(search.best());
    if (chunk <= 1) return false;
    bool changed = false;
    for (std::size_t i = 0; i < search.best().steps.size() && !search.is_out_of_time(); ++i) {
        if (!has_place(search.best().steps[i])) continue;
        const auto begin = [&](Step& s) { s.start = {s.start.value / chunk * chunk}; };
        changed = search.attempt_edit(i, begin) || changed;
    }
    return changed;
}

// Every table of this length, and every disk that is exactly as long.
Scenario with_length(const Scenario& from, std::uint64_t length, std::uint64_t shorter) {
    Scenario out = from;
    for (Step& s : out.steps) {
        if (s.verb == Verb::disk && s.count.value == length) s.count = {shorter};
        if (!is_one_target(s)) continue;
        auto words = words_of(s.text);
        if (words.size() <= kind_word || number_of(words[length_word]) != length) continue;
        words[length_word] = std::to_string(shorter);
        s.text = text_of(words);
    }
    return out;
}

// Chunks of another size, and everything that is counted in chunks with them.
Scenario with_chunk(const Scenario& from, std::uint64_t chunk, std::uint64_t smaller) {
    const auto scaled = [&](std::uint64_t sectors) {
        return sectors / chunk * smaller + std::min(sectors % chunk, smaller - 1);
    };
    Scenario out = from;
    for (Step& s : out.steps) {
        if (s.verb == Verb::disk) s.count = {scaled(s.count.value)};
        if (has_place(s)) {
            s.start = {scaled(s.start.value)};
            if (s.count.value > 1) s.count = {std::max<std::uint64_t>(scaled(s.count.value), 1)};
        }
        if (!is_one_target(s)) continue;
        auto words = words_of(s.text);
        if (words.size() <= kind_word) continue;
        words[length_word] = std::to_string(scaled(number_of(words[length_word])));
        if (is_snapshot(words) && number_of(words[chunk_word]) == chunk)
            words[chunk_word] = std::to_string(smaller);
        s.text = text_of(words);
    }
    return out;
}

bool shrink_chunks(ShrinkSearch& search) {
    bool changed = false;
    // A chunk of 8 sectors is what a person expects; a small one is only easier where it must be.
    constexpr std::uint64_t sizes[] = {8, 4, 2, 1};
    for (const std::uint64_t smaller : sizes) {
        const std::uint64_t chunk = largest_chunk(search.best());
        if (search.is_out_of_time() || smaller >= chunk) continue;
        if (search.attempt_this(with_chunk(search.best(), chunk, smaller))) changed = true;
        if (changed) break;
    }
    return changed;
}

bool shrink_lengths(ShrinkSearch& search) {
    bool changed = false;
    std::set<std::uint64_t> lengths;
    for (const Step& s : search.best().steps) {
        if (is_one_target(s)) lengths.insert(size_of_device(search.best(), s.name));
    }
    for (auto length = lengths.rbegin(); length != lengths.rend(); ++length) {
        std::uint64_t now = *length;
        const auto attempt = [&](std::uint64_t shorter) {
            if (search.is_out_of_time()) return false;
            if (!search.attempt_this(with_length(search.best(), now, shorter))) return false;
            now = shorter;
            return true;
        };
        changed = make_smaller(now, attempt) || changed;
    }
    for (std::size_t i = 0; i < search.best().steps.size(); ++i) {
        const Step& disk = search.best().steps[i];
        if (disk.verb != Verb::disk || !disk.disk.image.empty()) continue;
        const auto attempt = [&](std::uint64_t smaller) {
            return !search.is_out_of_time() &&
                   search.attempt_edit(i, [&](Step& s) { s.count = {smaller}; });
        };
        changed = make_smaller(disk.count.value, attempt) || changed;
    }
    return changed;
}

// What a disk or a table says beyond its size.
bool drop_options(ShrinkSearch& search) {
    bool changed = false;
    for (std::size_t i = 0; i < search.best().steps.size() && !search.is_out_of_time(); ++i) {
        const auto with = [&](auto&& edit) {
            if (search.attempt_edit(i, edit)) changed = true;
        };
        const Step s = search.best().steps[i];
        if (s.verb == Verb::disk) {
            with([](Step& x) { x.disk.lbs = 0; });
            with([](Step& x) { x.disk.atomic = {1}; });
            with([](Step& x) { x.disk.lost = LostSectors::as_before; });
            with([](Step& x) { x.disk.cache = WriteCache::unstated; });
        }
        if (!is_one_target(s)) continue;
        with([](Step& x) {
            auto words = words_of(x.text);
            if (is_snapshot(words)) words.resize(chunk_word + 1);
            x.text = text_of(words);
        });
        with([](Step& x) {
            auto words = words_of(x.text);
            if (is_snapshot(words) && words[store_word].size() == 2) words[store_word].resize(1);
            x.text = text_of(words);
        });
    }
    return changed;
}

}  // namespace

bool shrink_geometry(ShrinkSearch& search) {
    bool changed = use_near_places(search);
    changed = shrink_chunks(search) || changed;
    changed = use_first_sectors(search) || changed;
    changed = make_requests_short(search) || changed;
    changed = shrink_lengths(search) || changed;
    return drop_options(search) || changed;
}

}  // namespace cowlab
