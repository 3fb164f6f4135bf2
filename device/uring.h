// A ring of io_uring, and operations that end with a call.
//
// A plain ring: no drain, no links, no registration; whoever waits waits for one completion
// (docs/device-world.md says why). An operation stays where it is from queue_…() until `ended` has
// run. Single-threaded.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <optional>
#include <string>

namespace cowlab {

struct RingOperation {
    // `result`: bytes or 0, or minus an errno.
    void (*ended)(RingOperation& operation, int result) = nullptr;
};

class Uring {
  public:
    // Nothing if a ring can be had here; else the sentence that says why not and what to do.
    static std::optional<std::string> why_not();

    // REQUIRES: !why_not().
    explicit Uring(unsigned entries = 256);
    // Waits for what is in flight: the kernel may be writing to its buffers. Nobody is told.
    ~Uring();
    Uring(const Uring&) = delete;

    struct Transfer {
        int file = -1;
        void* memory = nullptr;
        std::uint32_t bytes = 0;
        std::uint64_t offset = 0;
    };
    void queue_read(RingOperation& operation, const Transfer& t);
    // `durable`: it is on the medium when it ends (RWF_DSYNC).
    void queue_write(RingOperation& operation, const Transfer& t, bool durable);
    void queue_flush(RingOperation& operation, int file);
    // Makes a hole; the size stays.
    void queue_punch(RingOperation& operation, int file, std::uint64_t offset, std::uint64_t bytes);

    // Hands what is queued to the kernel. Does not wait.
    void submit();
    // Calls `ended` of everything that has ended. Does not wait.
    void reap();
    // Submits, waits until something has ended, or at most so long; then as reap().
    void wait(std::optional<std::uint64_t> microseconds = {});

    std::uint64_t in_flight() const { return in_flight_; }
    // Completions that came out of the ring so far.
    std::uint64_t completions() const { return completions_; }

  private:
    io_uring_sqe& next_entry(RingOperation& operation);
    void take(io_uring_cqe& entry);

    io_uring ring_;
    unsigned queued_ = 0;
    std::uint64_t in_flight_ = 0;
    std::uint64_t completions_ = 0;
};

}  // namespace cowlab
