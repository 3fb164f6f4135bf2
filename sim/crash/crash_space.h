// What a power loss at one moment could leave, over all disks together: open units, each with the
// versions it may hold. A choice of one version a unit is a crash state; all choices are all of
// them (verification: units survive independently of each other, flushes apart).
//
// Content difference, the first reduction. Two versions of a unit that hold the same bytes leave
// the same image, and nothing that happens after a loss can tell them apart: an image is all that
// is left. So they are one version, of the weight of both; a unit with one version is no choice.
// Raw states are counted by weights, so they add up to what counting without it gives.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/sim_world.h"

namespace cowlab {

// A number of states: products of hundreds of factors. Exact up to 2^64.
using CrashCount = long double;

struct CrashUnit {
    SimDisk* disk = nullptr;
    std::string_view disk_name;
    std::uint32_t disk_index = 0;
    std::uint32_t actor = 0;
    Sectors first;
    std::uint32_t sectors_at = 0;  // its sectors, in CrashSpace::sector()
    std::uint32_t sector_count = 0;
    std::uint32_t versions_at = 0;  // in CrashSpace::version()
    std::uint32_t version_count = 0;
    CrashCount weight = 0;  // of all versions: how many there were
};
struct CrashVersion {
    std::uint32_t choice = 1;  // of ChoiceKind::survive
    std::uint32_t contents_at = 0;
    CrashCount weight = 1;
};

class CrashSpace final : private UndecidedVisitor {
  public:
    // As it stands between two turns. Allocates in the world: save it before, restore it after.
    void collect(World& world, bool merge_equal_contents);

    const std::vector<CrashUnit>& units() const { return units_; }
    Sectors sector(const CrashUnit& u, std::uint32_t k) const { return sectors_[u.sectors_at + k]; }
    const CrashVersion& version(const CrashUnit& u, std::uint32_t v) const {
        return versions_[u.versions_at + v];
    }
    ContentId content(const CrashVersion& v, std::uint32_t k) const {
        return contents_[v.contents_at + k];
    }
    // How many states there are when no two are taken for the same.
    CrashCount raw_states() const { return raw_states_; }
    // The part of them that units without a choice have.
    CrashCount weight_without_choice() const { return weight_without_choice_; }
    // Equal spaces have equal digests.
    std::uint64_t digest() const;

  private:
    void unit(Sectors first, std::uint32_t versions) override;
    void sector(Sectors sector) override;
    void version(ContentId id) override;
    void end_unit();

    bool merges_ = true;
    CrashUnit now_;  // the unit being told
    std::uint32_t versions_now_ = 0;
    std::vector<ContentId> told_;  // of it: sector by sector, version by version
    std::vector<CrashUnit> units_;
    std::vector<Sectors> sectors_;
    std::vector<CrashVersion> versions_;
    std::vector<ContentId> contents_;
    CrashCount raw_states_ = 1;
    CrashCount weight_without_choice_ = 1;
};

}  // namespace cowlab
