// The choices of versions for some units, one after the other.
//
// All of them where there are few; else in the order in which they are likely to tell something:
// none kept, none lost, one kept, one lost, two …, and the end comes when somebody has had enough.
#pragma once

#include <cstdint>
#include <unordered_set>
#include <vector>

#include "sim/crash/crash_space.h"

namespace cowlab {

using CrashAssignment = std::vector<std::int16_t>;

class CrashCombinations {
  public:
    // `enough`: so many at most are asked for.
    CrashCombinations(const CrashSpace& space, const std::vector<std::uint32_t>& units,
                      std::uint64_t enough);

    // Sets the units' versions; false: there are no more.
    bool next(CrashAssignment& a);
    // Of the one that next() has set: for how many raw choices it stands.
    CrashCount weight() const { return weight_; }

  private:
    bool next_in_order(CrashAssignment& a);
    bool next_by_deviations(CrashAssignment& a);
    bool next_subset();
    void set(CrashAssignment& a, std::uint32_t i, std::uint32_t version) const {
        a[units_[i]] = static_cast<std::int16_t>(version);
    }
    std::uint32_t versions(std::uint32_t i) const {
        return space_.units()[units_[i]].version_count;
    }

    const CrashSpace& space_;
    std::vector<std::uint32_t> units_;
    bool all_ = true;
    bool begun_ = false;
    CrashCount weight_ = 1;
    std::vector<std::uint32_t> digits_;
    // By deviations: from the oldest (false) or the newest (true) of each unit.
    bool from_newest_ = false;
    std::vector<std::uint32_t> deviating_;  // indices into units_, ascending
    std::unordered_set<std::uint64_t> had_;
};

}  // namespace cowlab
