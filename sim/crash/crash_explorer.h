// Every crash state of a run, loaded by the real engine and judged (verification, crash
// exploration).
//
// After every turn in which a write was issued or completed or a flush completed, the world is
// saved. Then for one crash state after the other: the power goes, each open unit keeping the
// version this state says; the devices come back; the judge looks at the structure of every store
// and at every sector of every volume; for one state of each kind, life goes on (writes, another
// power loss, a merge, another). Then the world is restored, and the run goes on as if nothing had
// been.
//
// The reductions, each of which may be switched off:
//
// * content: crash_space.h.
// * read_set: sectors that recovery never reads as metadata matter only to the volume sectors that
//   show them. A branch with symbols for data (crash_lens.h) tells which open units were read as
//   metadata: for these every combination of versions is tried, one *leaf* each. Within a leaf
//   everything the engine does is the same, as it never looks at data; each volume sector shows
//   what one certain disk sector holds. The judge decides sector by sector, for one sector of the
//   origin and the same sector of its snapshots together, so units that are shown at the same
//   sector form a *column*, and columns do not matter to each other: it is enough that every
//   combination within each column was judged once, all columns at the same time. The product over
//   columns becomes the longest column.
// * protected_store: a unit that no volume shows in a leaf (a data sector of a chunk that no
//   durable record names) does not matter there, whatever it holds.
// * identical: states with equal images, equal tables and an equal judge have equal futures; the
//   second is counted, not run.
//
// Findings stand alone: a scenario that reproduces them, by `power-loss after` and pins.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "sim/crash/crash_report.h"
#include "sim/crash/crash_walk.h"
#include "sim/scenario_run.h"

namespace cowlab {

struct CrashReductions {
    bool content = true;
    bool read_set = true;
    bool protected_store = true;
    bool identical = true;
};

struct CrashState {
    std::uint64_t point;  // counts moments
    std::uint64_t image;  // a fingerprint of what all disks hold
    bool is_allowed;
    bool is_loaded;  // else it is known by what it has in common with states that were
};

struct CrashOptions {
    // Of the run itself: nobody but pins decides about anything.
    bool chooses_fifo = true;
    CrashReductions reduce;
    std::uint64_t branches_per_point = 1024;  // UINT64_MAX: exhaustive
    std::uint32_t depth = 1;  // 2: also crashes in recovery; 3: in the recovery of that
    bool goes_on = true;      // forward progress
    std::uint32_t findings_max = 8;
    // Of a long run: not every moment, but one in so many, drawn by `salt`; and an end.
    std::uint64_t one_in = 1;
    std::uint64_t salt = 0;
    std::uint64_t branches_in_all = UINT64_MAX;
    // Told of every state that is checked, if set: all that its volumes show, and their statuses.
    // For a leaf that stands for many, of each state it stands for, as it would show.
    std::function<void(std::uint64_t view)> on_view;
    // Told of states one by one: of all that are loaded, and of those that a leaf stands for
    // (crash_walk.h), `states_per_leaf` at most; so of some twice.
    std::function<void(const CrashState&)> on_state;
    std::uint64_t states_per_leaf = UINT64_MAX;
    // Nothing is loaded: on_state is told of every image, `states_per_leaf` at each moment.
    bool only_images = false;
};

class CrashExplorer final : public RunWatcher, private TurnVisitor, private DiskObserver {
  public:
    CrashExplorer(SimHost& host, const CrashOptions& options);
    CrashExplorer(const CrashExplorer&) = delete;

    // RunWatcher: explores from here on whatever happens in this world, under the eyes of its
    // judge; a line stays the caller's until the run ends.
    void run_begins(SimWorld& sim, ModelJudge* judge) override;
    void line_begins(const Step& step) override;
    void lines_ended() override { watching_ = false; }
    // Whether to explore at the events that come.
    void watch(bool on) { watching_ = on; }

    const CrashReport& report() const { return report_; }
    CrashReport& report() { return report_; }
    // For somebody who prints how far it is: called now and then.
    std::function<void(const CrashReport&)> on_progress;

  private:
    static constexpr std::int16_t symbol = -1;  // in an assignment: no version yet
    struct DiskCount {
        std::uint64_t issued = 0;
        std::uint64_t done = 0;
    };
    // One crash on the path to where we are.
    struct Frame {
        SavedWorld saved;
        bool is_dirty = false;  // the world is not as it was saved
        CrashSpace space;
        CrashLens lens;
        CrashMoment moment;
        std::uint64_t branches = 0;
        std::uint64_t base_image = 0;
        bool is_cut = false;  // not every state could be had within the budget
        CrashCoverage* coverage = nullptr;
    };
    // The lines under way at one depth.
    struct Path {
        std::vector<const Step*> lines;
        std::deque<Step> own;           // those of them that nobody else keeps
        std::vector<DiskCount> counts;  // since the last of them began, by disk
    };

    // TurnVisitor, DiskObserver
    void between_turns() override;
    void request_issued(std::uint32_t actor, const Bio& bio) override;
    void request_done(std::uint32_t actor, const Bio& bio) override;
    void note(std::uint32_t actor, const Bio& bio, Moment moment);

    void explore(Frame& f);
    void explore_assignment(Frame& f, CrashAssignment& a);
    void explore_leaf(Frame& f, CrashAssignment& a);
    void walk(Frame& f, const CrashColumns& columns, const CrashAssignment& leaf, bool all_allowed);
    void refuse(Frame& f, const CrashColumns& columns, const CrashAssignment& leaf,
                CrashWalk::Refused& refused);
    bool allows_sectors(Frame& f, const CrashAssignment& a,
                        const std::vector<std::uint64_t>& sectors);
    std::vector<std::string> volumes() const;
    void every_combination(Frame& f, const std::vector<std::uint32_t>& units, CrashAssignment& a,
                           const std::function<void(CrashCount weight)>& visit);
    void restore(Frame& f);
    void choose_survivors(const Frame& f, const CrashAssignment& a);
    bool judge_state(Frame& f, const CrashAssignment& a, bool goes_on);
    // True if it is allowed; one that was met before is not run again.
    bool run_state(Frame& f, const CrashAssignment& a, bool goes_on);
    void recover(Frame& f, bool goes_on);
    void run_symbolic(Frame& f, const CrashAssignment& a);
    Answer run_line(const Step& step);
    bool is_over() const;
    std::uint64_t state_digest() const;
    std::uint64_t status_digest();
    std::uint64_t view_of(const Frame& f, std::uint64_t status) const;
    void note_failure();
    CrashFinding finding() const;

    SimHost& host_;
    CrashOptions options_;
    SimWorld* sim_ = nullptr;
    ModelJudge* judge_ = nullptr;
    bool symbolic_ = false;  // the branch under way
    bool watching_ = false;
    std::uint32_t depth_ = 0;  // crashes on the path to where we are
    CrashEventClass last_event_ = CrashEventClass::data_issued;
    std::vector<std::unique_ptr<Frame>> frames_;
    std::vector<Path> paths_;  // one more than frames in use
    std::uint64_t point_ = 0;
    std::uint64_t events_ = 0;
    std::uint64_t branches_ = 0;                                 // of moments that are done
    std::unordered_map<std::uint64_t, CrashCount> points_seen_;  // which part of it is represented
    std::unordered_set<std::uint64_t> states_seen_;
    std::unordered_set<std::uint64_t> refused_states_;
    std::unordered_set<std::uint64_t> metadata_;  // sectors that were read as metadata before
    Step loss_;
    Step reload_;
    Step check_;
    CrashReport report_;
};

}  // namespace cowlab
