// What an exploration of crash states has covered, and what it has found.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scenarios/scenario.h"
#include "sim/crash/crash_space.h"
#include "world/verdict.h"

namespace cowlab {

// Where the power goes: as `power-loss after DISK any NTH MOMENT`, counted from a line on.
struct CrashMoment {
    std::size_t line = 0;  // of the scenario, or of what followed the crash before
    std::string disk;
    std::uint64_t nth = 0;
    Moment moment = Moment::done;
};

// A crash state that the engine did not survive, as lines of a scenario.
struct CrashFinding {
    Verdict verdict;
    std::vector<Step> lines;  // from the first line of the run to the one that shows it
    std::vector<Step> pins;   // every choice that was not the default
    std::size_t crashes = 0;  // 1, or more: in recovery
};

struct CrashCoverage {
    std::uint64_t events = 0;    // writes issued or done, flushes done: moments of a crash
    std::uint64_t points = 0;    // of these: that leave what no moment before left
    std::uint64_t checked = 0;   // distinct states loaded by the engine, judged
    std::uint64_t repeated = 0;  // states met again, identical in all that matters
    std::uint64_t symbolic = 0;  // branches with symbols for data
    CrashCount raw = 0;          // states the disks could be in, every combination counted
    CrashCount represented = 0;  // of these: those that what was checked speaks for
    std::uint64_t cut = 0;       // points whose states were more than the budget
    bool is_exhaustive() const { return cut == 0; }
    void add(const CrashCoverage& o) {
        events += o.events;
        points += o.points;
        checked += o.checked;
        repeated += o.repeated;
        symbolic += o.symbolic;
        cut += o.cut;
        raw += o.raw;
        represented += o.represented;
    }
};

// By what happened last before the crash.
enum class CrashEventClass : std::uint8_t {
    data_issued,
    data_done,
    metadata_issued,
    metadata_done,
    origin_issued,
    origin_done,
    flush_done,
    in_recovery,
};
inline constexpr std::size_t crash_event_class_count = 8;
constexpr const char* name_of(CrashEventClass c) {
    constexpr const char* names[crash_event_class_count] = {"copy or data write issued",
                                                            "copy or data write done",
                                                            "metadata write issued",
                                                            "metadata write done",
                                                            "user's write issued",
                                                            "user's write done",
                                                            "flush done",
                                                            "during recovery"};
    return names[static_cast<int>(c)];
}

struct CrashReport {
    CrashCoverage of[crash_event_class_count];
    std::vector<CrashFinding> findings;  // the first of each kind
    std::uint64_t failures = 0;          // branches that failed
    CrashCoverage total() const {
        CrashCoverage t;
        for (const CrashCoverage& c : of) t.add(c);
        return t;
    }
};

}  // namespace cowlab
