#include "cli/store/serving_map.h"

#include <algorithm>
#include <span>

namespace cowlab::store {
namespace {

std::vector<Run> without(const std::vector<Run>& runs, const std::vector<std::uint64_t>& lost) {
    std::vector<Run> kept;
    kept.reserve(runs.size());
    auto next_lost = lost.begin();
    const auto keep = [&](const Run& r, std::uint64_t from, std::uint64_t to) {
        if (from < to)
            kept.push_back({r.old_chunk + from, r.new_chunk + from, to - from, r.first + from});
    };
    for (const Run& r : runs) {
        std::uint64_t from = 0;
        for (; next_lost != lost.end() && *next_lost < r.first + r.count; ++next_lost) {
            keep(r, from, *next_lost - r.first);
            from = *next_lost - r.first + 1;
        }
        keep(r, from, r.count);
    }
    return kept;
}

bool before(const Run& a, const Run& b) {
    return a.old_chunk != b.old_chunk ? a.old_chunk < b.old_chunk : a.first < b.first;
}

// Runs that overlap, taken apart chunk by chunk: only a damaged store has any.
void settle(std::span<const Run> overlapping, std::vector<Run>& map,
            const std::function<void(std::uint64_t, std::uint64_t)>& duplicate) {
    std::vector<Run> single;
    for (const Run& r : overlapping) {
        for (std::uint64_t i = 0; i < r.count; ++i) {
            single.push_back({r.old_chunk + i, r.new_chunk + i, 1, r.first + i});
        }
    }
    std::sort(single.begin(), single.end(), before);
    const Run* winner = nullptr;
    for (const Run& r : single) {
        if (winner != nullptr && winner->old_chunk == r.old_chunk) {
            duplicate(r.first, winner->first);
        } else {
            winner = &r;
            map.push_back(r);
        }
    }
}

}  // namespace

std::vector<Run> serving_map(const std::vector<Run>& runs, const std::vector<std::uint64_t>& lost,
                             const std::function<void(std::uint64_t, std::uint64_t)>& duplicate) {
    std::vector<Run> sorted = without(runs, lost);
    std::sort(sorted.begin(), sorted.end(), before);
    const auto end_of = [](const Run& r) { return r.old_chunk + r.count; };
    const auto overlap = [&](const Run& a, const Run& b) { return b.old_chunk < end_of(a); };
    if (std::adjacent_find(sorted.begin(), sorted.end(), overlap) == sorted.end()) return sorted;

    std::vector<Run> map;
    for (auto group = sorted.begin(); group != sorted.end();) {
        ChunkIndex end = end_of(*group);
        auto next = group + 1;
        for (; next != sorted.end() && next->old_chunk < end; ++next)
            end = std::max(end, end_of(*next));
        if (next - group == 1) {
            map.push_back(*group);
        } else {
            settle({group, next}, map, duplicate);
        }
        group = next;
    }
    return map;
}

}  // namespace cowlab::store
