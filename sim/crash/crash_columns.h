// The open units of one leaf by what they matter to (crash_explorer.h, read_set).
//
// A *column* is a set of units that some sectors of the volumes tie together: shown at the same
// sector number by two volumes, or parts of one atomic unit. Others are shown nowhere.
#pragma once

#include "sim/crash/crash_combinations.h"
#include "sim/crash/crash_lens.h"

namespace cowlab {

class CrashColumns {
  public:
    // Of the units that are symbols in `a`, as `lens` has seen them in a branch. With `drop`,
    // units that nobody shows are no columns.
    CrashColumns(const CrashSpace& space, const CrashLens& lens, const CrashAssignment& a,
                 bool drop);

    // In columns; and shown nowhere.
    const std::vector<std::uint32_t>& units() const { return units_; }
    const std::vector<std::uint32_t>& others() const { return others_; }
    CrashCount weight_of_others() const;
    // So many choices bring every combination of every column at least once.
    std::uint64_t longest() const;
    // The r-th of these choices: each column its r-th combination, round and round.
    void choose(std::uint64_t r, CrashAssignment& a) const;
    // For how many raw choices of units() the first `r` of them speak.
    CrashCount weight_of_first(std::uint64_t r) const;

    struct Column {
        std::vector<std::uint32_t> units;
        std::vector<std::uint64_t> sectors;  // of the volumes: where they are shown
        std::uint64_t combinations = 1;
        // The versions of its units that are combination `n`.
        void set(const CrashSpace& space, std::uint64_t n, CrashAssignment& a) const;
    };
    const std::vector<Column>& columns() const { return columns_; }
    // Of the volumes: those that show the same in every state of the leaf.
    const std::vector<std::uint64_t>& sectors_of_none() const { return sectors_of_none_; }
    // The digest of what all volumes show when the units of the leaf hold the versions of `a`.
    std::uint64_t view(const CrashAssignment& a, std::uint64_t status) const;

  private:
    struct Shown {
        ContentId id;
        std::int32_t unit;  // -1: always `id`
        std::uint32_t k;    // … else this sector of it
    };
    const CrashSpace& space_;
    std::vector<Shown> shown_;
    std::vector<std::uint32_t> units_;
    std::vector<std::uint32_t> others_;
    std::vector<Column> columns_;
    std::vector<std::uint64_t> sectors_of_none_;
};

}  // namespace cowlab
