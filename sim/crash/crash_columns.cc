#include "sim/crash/crash_columns.h"

#include <algorithm>
#include <unordered_map>

namespace cowlab {
namespace {

// Which units belong together.
class Ties {
  public:
    explicit Ties(std::size_t n) : parent_(n) {
        for (std::size_t i = 0; i < n; ++i) parent_[i] = static_cast<std::uint32_t>(i);
    }
    std::uint32_t root(std::uint32_t u) {
        while (parent_[u] != u) u = parent_[u] = parent_[parent_[u]];
        return u;
    }
    void tie(std::uint32_t a, std::uint32_t b) { parent_[root(a)] = root(b); }

  private:
    std::vector<std::uint32_t> parent_;
};

}  // namespace

CrashColumns::CrashColumns(const CrashSpace& space, const CrashLens& lens, const CrashAssignment& a,
                           bool drop)
    : space_(space) {
    Ties ties(a.size());
    std::vector<bool> is_shown(a.size(), false);
    std::unordered_map<std::uint64_t, std::uint32_t> at_sector;  // looked up only
    shown_.reserve(lens.shown().size());
    for (const CrashLens::Shown& s : lens.shown()) {
        const std::int32_t unit = lens.unit_of(s.id);
        if (unit < 0) {
            shown_.push_back({s.id, -1, 0});
            continue;
        }
        const auto u = static_cast<std::uint32_t>(unit);
        const std::uint32_t on_disk = content_of(s.id).sector;
        std::uint32_t k = 0;
        while (static_cast<std::uint32_t>(space.sector(space.units()[u], k).value) != on_disk) ++k;
        shown_.push_back({s.id, unit, k});
        is_shown[u] = true;
        const auto [it, is_first] = at_sector.try_emplace(s.sector, u);
        if (!is_first) ties.tie(it->second, u);
    }
    std::unordered_map<std::uint32_t, std::size_t> column_of;
    for (std::uint32_t u = 0; u < a.size(); ++u) {
        if (a[u] >= 0) continue;
        if (!is_shown[u] && drop) {
            others_.push_back(u);
            continue;
        }
        units_.push_back(u);
        const auto [it, is_first] = column_of.try_emplace(ties.root(u), columns_.size());
        if (is_first) columns_.emplace_back();
        Column& column = columns_[it->second];
        column.units.push_back(u);
        const std::uint64_t n = space.units()[u].version_count;
        column.combinations =
            column.combinations > UINT64_MAX / n ? UINT64_MAX : column.combinations * n;
    }
    std::vector<std::pair<std::uint32_t, std::uint64_t>> shown_at;  // by root of the column
    for (const auto& [sector, unit] : at_sector) shown_at.emplace_back(ties.root(unit), sector);
    std::sort(shown_at.begin(), shown_at.end());
    for (const auto& [root, sector] : shown_at) {
        if (const auto c = column_of.find(root); c != column_of.end())
            columns_[c->second].sectors.push_back(sector);
    }
    for (const CrashLens::Shown& s : lens.shown()) {
        if (at_sector.count(s.sector) == 0) sectors_of_none_.push_back(s.sector);
    }
    std::sort(sectors_of_none_.begin(), sectors_of_none_.end());
    sectors_of_none_.erase(std::unique(sectors_of_none_.begin(), sectors_of_none_.end()),
                           sectors_of_none_.end());
}

CrashCount CrashColumns::weight_of_others() const {
    CrashCount weight = 1;
    for (const std::uint32_t u : others_) weight *= space_.units()[u].weight;
    return weight;
}

std::uint64_t CrashColumns::longest() const {
    std::uint64_t longest = 1;
    for (const Column& c : columns_) longest = std::max(longest, c.combinations);
    return longest;
}

void CrashColumns::Column::set(const CrashSpace& space, std::uint64_t n, CrashAssignment& a) const {
    for (const std::uint32_t u : units) {
        const std::uint64_t versions = space.units()[u].version_count;
        a[u] = static_cast<std::int16_t>(n % versions);
        n /= versions;
    }
}

void CrashColumns::choose(std::uint64_t r, CrashAssignment& a) const {
    for (const Column& c : columns_) c.set(space_, r % c.combinations, a);
}

CrashCount CrashColumns::weight_of_first(std::uint64_t r) const {
    CrashCount weight = 1;
    for (const Column& c : columns_) {
        CrashCount whole = 1;
        for (const std::uint32_t u : c.units) whole *= space_.units()[u].weight;
        if (r < c.combinations)
            whole *= static_cast<CrashCount>(r) / static_cast<CrashCount>(c.combinations);
        weight *= whole;
    }
    return weight;
}

std::uint64_t CrashColumns::view(const CrashAssignment& a, std::uint64_t status) const {
    Digest d;
    d.add(status);
    for (const Shown& s : shown_) {
        if (s.unit < 0) {
            d.add(s.id);
            continue;
        }
        const auto u = static_cast<std::uint32_t>(s.unit);
        const auto version = static_cast<std::uint32_t>(a[u]);
        d.add(space_.content(space_.version(space_.units()[u], version), s.k));
    }
    return d.value();
}

}  // namespace cowlab