// Which behaviour: one named boolean a deviation and a safety rule, each read in one place.
//
// The default is the correct engine. D-numbers are the deviations from Linux (docs/policy.md);
// a rule under "safety" is what `--without RULE` can switch off. No version comparisons anywhere.
#pragma once

#include <cstdint>
#include <string_view>

namespace cowlab {

struct EnginePolicy {
    // Deviations. True: the correct behaviour; false: what Linux 6.1 does.
    bool d1_new_store_ordered = true;       // area 0 zeroed, flushed, then the header with FUA
    bool d2_invalid_header_durable = true;  // flush + FUA before any origin write is released
    bool d3_load_validates = true;          // tail zeroed, impossible records refused
    bool d4_merge_rolls_back = true;       // a failed erase or area read leaves the store as it was
    bool d5_one_merge_per_origin = true;   // in every path
    bool d8_more_events = true;            // overflow, merge end, merge failure
    bool d9_next_area_checked = true;      // no room for the next area is "no space" at prepare
    bool d10_merge_length_64 = true;       // 64-bit length of a merge run
    bool d11_merge_failure_clears = true;  // when a resume completes the merge
    bool d12_overflow_clears = true;       // when the COW device has grown
    bool d13_discard_at_chunks = true;     // discards are cut at chunk boundaries
    bool d14_start_aligned = true;     // a target start that is no multiple of a chunk is refused
    bool d15_boundary_current = true;  // split boundary and merge step follow the snapshots
    bool d16_late_reads_fail = true;   // a read that outlives its snapshot's validity fails
    bool d17_active_before_origin = true;  // a resumed snapshot is active before the origin goes on

    // Safety rules.
    bool merge_origin_flush = true;  // flush the origin before merged records are erased (5.11)
};

inline constexpr EnginePolicy policy_default{};

// As the golden kernel (6.1.192), its latent defects included. D6 (insert completed, drain, remove
// pending), D7 (copy limit) and D10's effect on small runs are the same there.
inline constexpr EnginePolicy policy_kernel{
    .d1_new_store_ordered = false,
    .d2_invalid_header_durable = false,
    .d3_load_validates = false,
    .d4_merge_rolls_back = false,
    .d5_one_merge_per_origin = false,
    .d8_more_events = false,
    .d9_next_area_checked = false,
    .d10_merge_length_64 = false,
    .d11_merge_failure_clears = false,
    .d12_overflow_clears = false,
    .d13_discard_at_chunks = false,
    .d14_start_aligned = false,
    .d15_boundary_current = false,
    .d16_late_reads_fail = false,
    .d17_active_before_origin = false,
};

// The default engine without the origin flush of a merge: what kernels before 5.11 lack.
inline constexpr EnginePolicy policy_4_12{.merge_origin_flush = false};

struct SafetyRule {
    const char* name;
    bool EnginePolicy::*member;
    const char* text;
};
inline constexpr SafetyRule safety_rules[] = {
    {"merge-origin-flush", &EnginePolicy::merge_origin_flush,
     "flush the origin before merged records are erased (Linux before 5.11 does not)"},
};

// Bounds and pace; not behaviour.
struct EngineLimits {
    std::uint32_t copies_per_snapshot_max =
        2048;                                 // D7: exceptions being copied before writers wait
    std::uint32_t pending_reserve = 256;      // pending exceptions that never fail to allocate
    std::uint32_t copy_piece_sectors = 1024;  // the copier's unit: 512 KiB
    std::uint32_t copy_workers_max = 64;      // pieces of one snapshot in flight
    std::uint32_t copy_buffer_sectors_max = 65536;  // of one snapshot's copier
    std::uint32_t copy_throttle_percent = 100;      // of time with copy I/O in flight; 100: off
    std::uint32_t mapping_fibers_max = 16;          // requests of one device that may wait in map
};

}  // namespace cowlab
