// The copier of one snapshot: copies ranges between devices, and calls back in one place (spec
// §11).
//
// A job up to the piece size is one read and then one write; a longer one is cut into pieces that
// complete in any order. After the first error no new piece is started; those in flight end, so a
// failed job may have written any part of its destination. Jobs end in any order among themselves.
//
// Callbacks run one after the other on one fiber and may wait; whoever needs order brings it (the
// sequence numbers of pending exceptions do). finish_external() puts a job that somebody else
// carried out (a full bio) into the same line, so that all completions of a snapshot are serial.
//
// Copies carry no flush and no FUA. Buffers are bounded, for each copier on its own (a bound shared
// with the snapshots below could not be given back while one waits for them, B14): a piece that
// finds none waits, it does not fail.
#pragma once

#include "engine/copy_throttle.h"
#include "engine/engine.h"

namespace cowlab {

struct CopyJob : ListNode<> {
    BlockDevice* source = nullptr;  // nullptr: zeros are written
    Sectors source_start;
    BlockDevice* destination = nullptr;
    Sectors destination_start;
    Sectors length;
    Purpose write_purpose = Purpose::copy_write;
    bool read_error = false;
    bool write_error = false;
    // Fiber; may wait; the job may be gone when it returns.
    void (*done)(CopyJob& job) = nullptr;
    void* owner = nullptr;

    bool failed() const { return read_error || write_error; }

    // The copier's.
    Sectors next_piece;
    std::uint32_t pieces_in_flight = 0;
};

class Copier {
  public:
    explicit Copier(Engine& engine);
    ~Copier();
    Copier(const Copier&) = delete;
    Copier& operator=(const Copier&) = delete;

    // Takes the job until `done`. A job of length 0 is done at once (in its turn).
    void copy(CopyJob& job);
    // Counts a job that somebody else carries out; finish_external() ends it. Any context.
    void begin_external() { ++jobs_; }
    void finish_external(CopyJob& job) { completed(job); }

    std::uint64_t jobs() const { return jobs_; }
    // Fiber: until no job is left, callbacks included.
    void drain();

  private:
    struct OwnedTask : Task {
        Copier* copier = nullptr;
    };
    static void run_worker(Task& task);
    static void run_callbacks(Task& task);
    void start_worker();
    bool work_left() const { return !waiting_.empty(); }
    void copy_piece(CopyJob& job, Sectors offset, Sectors length);
    void acquire_buffer(Sectors length);
    void release_buffer(Sectors length);
    void completed(CopyJob& job);

    Engine& engine_;
    CopyThrottle throttle_;
    List<CopyJob> waiting_;   // with pieces not started yet
    List<CopyJob> finished_;  // waiting for their callback
    OwnedTask worker_task_;
    OwnedTask callback_task_;
    std::uint32_t workers_ = 0;
    bool callbacks_running_ = false;
    std::uint64_t jobs_ = 0;
    std::uint64_t buffer_sectors_ = 0;
    WaitQueue buffer_free_;
    WaitQueue drained_;
};

}  // namespace cowlab
