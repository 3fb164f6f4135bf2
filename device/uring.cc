#include "device/uring.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace cowlab {

std::optional<std::string> Uring::why_not() {
    io_uring ring;
    const int result = io_uring_queue_init(8, &ring, 0);
    if (result == 0) {
        io_uring_queue_exit(&ring);
        return {};
    }
    switch (-result) {
        case ENOSYS:
            return "this kernel has no io_uring: the device world needs Linux 5.6 or newer; replay "
                   "on sim";
        case EPERM:
        case EACCES:
            return "io_uring is forbidden here (a container's seccomp filter, or "
                   "kernel.io_uring_disabled): allow it with `sysctl kernel.io_uring_disabled=0`, "
                   "or run outside the container";
        case ENOMEM:
            return "no memory may be locked for io_uring: raise the limit with `ulimit -l`";
        default:
            return std::string("io_uring cannot be set up (") + std::strerror(-result) +
                   "): replay on sim";
    }
}

Uring::Uring(unsigned entries) {
    CHECK(io_uring_queue_init(entries, &ring_, 0) == 0, "whoever makes a ring has asked why_not()");
}

Uring::~Uring() {
    submit();
    while (in_flight_ > 0) {
        io_uring_cqe* entry = nullptr;
        if (io_uring_wait_cqe(&ring_, &entry) != 0) continue;
        io_uring_cqe_seen(&ring_, entry);
        --in_flight_;
    }
    io_uring_queue_exit(&ring_);
}

io_uring_sqe& Uring::next_entry(RingOperation& operation) {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    while (entry == nullptr) {
        submit();
        entry = io_uring_get_sqe(&ring_);
    }
    ++queued_;
    ++in_flight_;
    std::memset(entry, 0, sizeof(*entry));
    entry->user_data = reinterpret_cast<std::uint64_t>(&operation);
    return *entry;
}

// liburing's helpers forget user_data, so it is set after them.
void Uring::queue_read(RingOperation& operation, const Transfer& t) {
    io_uring_sqe& e = next_entry(operation);
    io_uring_prep_read(&e, t.file, t.memory, t.bytes, t.offset);
    e.user_data = reinterpret_cast<std::uint64_t>(&operation);
}

void Uring::queue_write(RingOperation& operation, const Transfer& t, bool durable) {
    io_uring_sqe& e = next_entry(operation);
    io_uring_prep_write(&e, t.file, t.memory, t.bytes, t.offset);
    if (durable) e.rw_flags = RWF_DSYNC;
    e.user_data = reinterpret_cast<std::uint64_t>(&operation);
}

void Uring::queue_flush(RingOperation& operation, int file) {
    io_uring_sqe& e = next_entry(operation);
    io_uring_prep_fsync(&e, file, IORING_FSYNC_DATASYNC);
    e.user_data = reinterpret_cast<std::uint64_t>(&operation);
}

void Uring::queue_punch(RingOperation& operation, int file, std::uint64_t offset,
                        std::uint64_t bytes) {
    io_uring_sqe& e = next_entry(operation);
    io_uring_prep_fallocate(&e, file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                            static_cast<off_t>(offset), static_cast<off_t>(bytes));
    e.user_data = reinterpret_cast<std::uint64_t>(&operation);
}

void Uring::submit() {
    while (queued_ > 0) {
        const int n = io_uring_submit(&ring_);
        if (n > 0) {
            queued_ -= static_cast<unsigned>(n);
        } else {
            // Out of memory or completions for a moment: taking some out makes room.
            CHECK(n == -EAGAIN || n == -EBUSY || n == -EINTR, "a ring takes what it has room for");
            reap();
        }
    }
}

void Uring::take(io_uring_cqe& entry) {
    auto& operation = *reinterpret_cast<RingOperation*>(entry.user_data);
    const int result = entry.res;
    io_uring_cqe_seen(&ring_, &entry);
    --in_flight_;
    ++completions_;
    operation.ended(operation, result);
}

void Uring::reap() {
    io_uring_cqe* entry = nullptr;
    while (io_uring_peek_cqe(&ring_, &entry) == 0 && entry != nullptr) take(*entry);
}

void Uring::wait(std::optional<std::uint64_t> microseconds) {
    submit();
    io_uring_cqe* entry = nullptr;
    if (microseconds) {
        __kernel_timespec limit{};
        limit.tv_sec = static_cast<long long>(*microseconds / 1'000'000);
        limit.tv_nsec = static_cast<long long>(*microseconds % 1'000'000 * 1000);
        if (io_uring_wait_cqe_timeout(&ring_, &entry, &limit) == 0) take(*entry);
    } else if (io_uring_wait_cqe(&ring_, &entry) == 0) {
        take(*entry);
    }
    reap();
}

}  // namespace cowlab
