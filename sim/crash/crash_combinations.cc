#include "sim/crash/crash_combinations.h"

namespace cowlab {

CrashCombinations::CrashCombinations(const CrashSpace& space,
                                     const std::vector<std::uint32_t>& units, std::uint64_t enough)
    : space_(space), units_(units), digits_(units.size(), 0) {
    CrashCount product = 1;
    for (std::uint32_t i = 0; i < units_.size(); ++i) product *= versions(i);
    all_ = product <= static_cast<CrashCount>(enough);
}

bool CrashCombinations::next(CrashAssignment& a) {
    if (!(all_ ? next_in_order(a) : next_by_deviations(a))) return false;
    weight_ = 1;
    for (const std::uint32_t u : units_) {
        weight_ *= space_.version(space_.units()[u], static_cast<std::uint32_t>(a[u])).weight;
    }
    return true;
}

// A number whose digits count the versions.
bool CrashCombinations::next_in_order(CrashAssignment& a) {
    if (begun_) {
        std::uint32_t i = 0;
        while (i < digits_.size() && ++digits_[i] == versions(i)) digits_[i++] = 0;
        if (i == digits_.size()) return false;
    }
    begun_ = true;
    for (std::uint32_t i = 0; i < digits_.size(); ++i) set(a, i, digits_[i]);
    return true;
}

// The next subset of as many units, or the first of one more.
bool CrashCombinations::next_subset() {
    const std::size_t k = deviating_.size();
    const std::size_t n = units_.size();
    for (std::size_t i = k; i-- > 0;) {
        if (deviating_[i] + (k - i) >= n) continue;
        ++deviating_[i];
        for (std::size_t j = i + 1; j < k; ++j) deviating_[j] = deviating_[j - 1] + 1;
        return true;
    }
    if (k == n) return false;
    deviating_.resize(k + 1);
    for (std::size_t i = 0; i <= k; ++i) deviating_[i] = static_cast<std::uint32_t>(i);
    return true;
}

bool CrashCombinations::next_by_deviations(CrashAssignment& a) {
    for (;;) {
        bool is_there = true;
        if (!begun_) {
            begun_ = true;
        } else {
            // Other versions of the same units, then the same units from the other end.
            std::size_t i = 0;
            while (i < deviating_.size() && ++digits_[deviating_[i]] >= versions(deviating_[i]) - 1)
                digits_[deviating_[i++]] = 0;
            if (i == deviating_.size()) {
                from_newest_ = !from_newest_;
                if (!from_newest_) is_there = next_subset();
            }
        }
        if (!is_there) return false;
        Digest d;
        for (std::uint32_t i = 0; i < units_.size(); ++i)
            set(a, i, from_newest_ ? versions(i) - 1 : 0);
        for (const std::uint32_t i : deviating_) {
            const std::uint32_t other = digits_[i];
            set(a, i, from_newest_ ? other : other + 1);
        }
        for (const std::uint32_t u : units_) d.add(static_cast<std::uint64_t>(a[u]));
        if (had_.insert(d.value()).second) return true;
    }
}

}  // namespace cowlab
