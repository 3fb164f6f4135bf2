// What the runs of a campaign were: which faults met which requests, which verbs were carried out,
// and how the runs' means stand beside what the profile promises.
//
// The commonest failure of a laboratory is a fault that is never delivered; so every combination of
// the atlas (sim/atlas.h) is counted, and those that never came are named.
#pragma once

#include <cstdint>

#include "scenarios/generate.h"
#include "sim/scenario_run.h"

namespace cowlab {

class RunTables {
  public:
    void add(const GeneratedRun& run, const RunResult& result);
    // Means beside promises, verbs, faults by purpose, what of the atlas never came.
    void print(const Profile& profile) const;
    // The mark is one that random runs do not reach; why. nullptr: there is no excuse.
    static const char* excuse_of(Mark mark);

  private:
    void print_means() const;
    void print_verbs() const;
    void print_faults() const;
    void print_missing() const;

    std::uint64_t runs_ = 0;
    std::uint64_t delivered_[fault_kind_count][purpose_count] = {};
    std::uint64_t verbs_[verb_count] = {};
    std::uint64_t operations_ = 0;
    std::uint64_t requests_ = 0;
    std::uint64_t snapshots_ = 0;
    std::uint64_t many_in_flight_ = 0;
    std::uint64_t with_fault_ = 0;
    std::uint64_t with_power_loss_ = 0;
    std::uint64_t with_control_ = 0;
    std::uint64_t nearly_full_ = 0;
    std::uint64_t out_of_space_ = 0;
    std::uint64_t odd_ = 0;
    std::uint64_t huge_ = 0;
    std::uint64_t not_judged_ = 0;
    std::uint64_t losses_in_recovery_ = 0;
};

}  // namespace cowlab
