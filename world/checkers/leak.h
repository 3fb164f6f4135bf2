// Leak (INV-5, INV-20, INV-34, INV-39): when nothing goes on, nothing is left over.
//
// Looked at after `join` and `check`, when no lane and no background job is under way and no disk's
// device is suspended: no exception pending or parked, no copy under way, no chunk tracked, no run
// published by a merge that stands still, nothing left to merge where a merge has not failed, no
// request inside a device. Memory is looked at when only
// the disks' own devices stand: then the engine holds what it held when it was last so.
#pragma once

#include "world/checkers/oracle.h"

namespace cowlab {

class LeakOracle final : public Oracle {
  public:
    explicit LeakOracle(const OracleContext& context) : Oracle(context, "leak") {}

    void after_step(const Step& step);
    // `held`: bytes the engine has from its Memory; told when there may be no other device.
    void memory_held(std::uint64_t held);
    void power_lost() { disks_at_rest_ = 0; }
    // Tables of disks are of other sizes from here on.
    void disk_tampered() { tampered_ = true; }

  private:
    bool is_quiet() const;
    void check_snapshot(const Snapshot& snapshot);
    void check_merges(const MappedDevice& device);

    std::uint32_t disks_at_rest_ = 0;  // 0: not measured yet
    std::uint64_t held_at_rest_ = 0;
    bool tampered_ = false;
};

}  // namespace cowlab
