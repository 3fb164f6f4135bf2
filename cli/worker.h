// A worker: a child process that runs seeds in batches, until it is told to end or dies of one.
//
// What goes down is a batch; what comes up is its result, which is trusted as far as it can be
// checked. Where a worker was when it died stands on its Board.
#pragma once

#include <memory>
#include <vector>

#include "cli/child_process.h"
#include "cli/seed_runs.h"
#include "cli/shards.h"
#include "cli/totals.h"

namespace cowlab {

// Seeds by their place among those of this shard.
struct Batch {
    enum class Kind : std::uint8_t {
        runs,     // once each, or twice with --check-determinism
        suspect,  // one that a worker died at: in a new worker, alone
        repeat,   // in a new worker, in reverse order: only digests are wanted
    };
    Kind kind = Kind::runs;
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    bool operator==(const Batch&) const = default;
};

// A run that failed.
struct Failure {
    std::uint64_t place = 0;
    std::uint64_t seed = 0;
    Verdict verdict;
    std::string event;  // what kind of line it was seen at: read, write, reload, …
    std::string known;  // under --compat kernel: the defects of Linux it belongs to
};

struct BatchResult {
    Batch batch;  // count: as many as were done
    std::vector<std::uint64_t> digests;
    std::vector<std::uint64_t> digests_again;  // the second time in the same process
    Totals totals;
    std::vector<Failure> failures;
};

// What a worker was started for.
struct WorkerTask {
    const Plan* plan = nullptr;
    Shard shard;
    std::uint64_t seed_first = 1;
    bool twice = false;
    std::uint64_t seed(std::uint64_t place) const { return shard.seed(seed_first, place); }
};

class Worker {
  public:
    explicit Worker(const WorkerTask& task) : task_(task) {}

    // False: the host has no process for it.
    bool start();
    void retire();
    bool is_running() const { return child_.is_running(); }
    bool is_new() const { return is_new_; }
    bool is_busy() const { return is_busy_; }
    const Batch& batch() const { return batch_; }
    void assign(const Batch& batch);
    void ask_to_stop() { board_->stop = 1; }

    int fd() const { return child_.fd(); }
    enum class News { nothing, result, death };
    // REQUIRES: fd() is readable.
    News receive(BatchResult& result, ChildEnd& end);
    // The place of the seed it was at, if what its board says can be.
    bool place_of_death(std::uint64_t& place) const;
    const Board& board() const { return *board_; }
    // No beat for so long that it is neither running nor thinking.
    bool is_silent(std::uint64_t now_ms);
    void kill_it();

  private:
    WorkerTask task_;
    Shared<Board> board_;
    Child child_;
    Batch batch_;
    bool is_new_ = true;
    bool is_busy_ = false;
    bool was_killed_ = false;
    std::uint64_t last_beat_ = 0;
    std::uint64_t last_beat_ms_ = 0;
};

// The kind of line a failure was seen at; for grouping.
std::string event_of(const Scenario& scenario, std::uint64_t step);

}  // namespace cowlab
