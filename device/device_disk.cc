#include "device/device_disk.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "base/hash.h"
#include "base/prng.h"

namespace cowlab {
namespace {

// What one operation moves at most; a longer request goes on where it ended.
constexpr std::uint64_t piece_bytes = std::uint64_t{64} << 20;
constexpr std::uint64_t zeros_bytes = std::uint64_t{1} << 20;

// Zeros to write: pages that the kernel shares.
void* zeros() {
    static void* const p =
        ::mmap(nullptr, zeros_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED, "a process has address space for zeros");
    return p;
}

std::size_t bounce_bytes(const Bio& bio) {
    return std::max<std::size_t>(bio.length.bytes(), 4096);  // page aligned
}

}  // namespace

DeviceDisk::DeviceDisk(Arena& arena, DeviceExecutor& executor, Uring& ring, Cells& cells,
                       DiskObserver* observer, const DirectFile& file, const MediumSpec& spec,
                       DeviceNumber number, std::uint32_t actor, HostTrouble& trouble)
    : arena_(arena),
      executor_(executor),
      ring_(ring),
      cells_(cells),
      observer_(observer),
      file_(file),
      spec_(spec),
      number_(number),
      actor_(actor),
      trouble_(trouble) {
    CHECK(file.size() >= spec.size, "a disk is not larger than what it lies on");
    limits_.logical_block = spec.logical_block;
    limits_.physical_block = limits_.io_min = spec.physical_block;
    limits_.write_cache = spec.write_cache;
    limits_.discard = spec.discard;
    limits_.memory_alignment = file.memory_alignment();
}

// ---- Requests ---------------------------------------------------------------------------------

bool DeviceDisk::fits(const Bio& bio) const {
    if (bio.op == Op::flush) return true;
    // Alignment is checked here: on holes of a file the kernel does not.
    return bio.end() <= spec_.size && bio.end() >= bio.start &&
           is_multiple_of(bio.start, file_.logical_block()) &&
           is_multiple_of(bio.length, file_.logical_block());
}

void DeviceDisk::submit(Bio& bio) {
    close_window();
    void* p = arena_.allocate(sizeof(Request));
    CHECK(p != nullptr, "a world's arena has room for requests in flight");
    auto& request = *new (p) Request();
    request.disk = this;
    request.bio = &bio;
    request.run = &DeviceDisk::completed;
    request.RingOperation::ended = &DeviceDisk::operation_ended;
    ++in_flight_;
    if (observer_ != nullptr) observer_->request_issued(actor_, bio);
    if (Schedule* repeated = executor_.repeated(); repeated != nullptr) {
        const Schedule::Request* recorded = repeated->next_request(actor_, bio);
        if (recorded == nullptr) executor_.lose_step();
        request.waits_for_turn = recorded != nullptr && recorded->contended;
        executor_.post_after(request, recorded == nullptr ? 0 : recorded->delay_us);
    }
    if (!request.waits_for_turn) begin(request);
}

void DeviceDisk::begin(Request& request) {
    const Bio& bio = *request.bio;
    if (!fits(bio)) {
        end(request, Errc::eio);
    } else if (bio.op == Op::discard && !spec_.discard) {
        end(request, Errc::ok);
    } else {
        request.phase = bio.op == Op::write && bio.preflush ? Phase::preflush : Phase::data;
        if (bio.payload.kind() == Payload::Kind::zeros && request.phase == Phase::data)
            request.phase = Phase::zeros;
        go_on(request);
    }
}

// The next operation of a request.
void DeviceDisk::go_on(Request& request) {
    const Bio& bio = *request.bio;
    if (request.phase == Phase::preflush || bio.op == Op::flush) {
        ring_.queue_flush(request, file_.descriptor());
    } else if (bio.length.value == 0) {
        end(request, Errc::ok);
    } else if (bio.op == Op::discard && request.phase == Phase::data) {
        ring_.queue_punch(request, file_.descriptor(), bio.start.bytes(), bio.length.bytes());
    } else {
        transfer(request);
    }
}

bool DeviceDisk::is_aligned(const void* memory) const {
    return reinterpret_cast<std::uintptr_t>(memory) % file_.memory_alignment() == 0;
}

void DeviceDisk::transfer(Request& request) {
    const Bio& bio = *request.bio;
    const std::uint64_t left = bio.length.bytes() - request.bytes_done;
    Uring::Transfer t;
    t.file = file_.descriptor();
    t.offset = bio.start.bytes() + request.bytes_done;
    if (request.phase == Phase::zeros) {
        t.memory = zeros();
        t.bytes = static_cast<std::uint32_t>(std::min(left, zeros_bytes));
    } else {
        if (request.bounce == nullptr && !is_aligned(bio.payload.data())) {
            request.bounce = static_cast<std::byte*>(arena_.allocate(bounce_bytes(bio)));
            CHECK(request.bounce != nullptr, "a world's arena has room for a bounce buffer");
            if (bio.op == Op::write)
                std::memcpy(request.bounce, bio.payload.data(), bio.length.bytes());
        }
        std::byte* first = request.bounce != nullptr ? request.bounce : bio.payload.data();
        t.memory = first + request.bytes_done;
        t.bytes = static_cast<std::uint32_t>(std::min(left, piece_bytes));
    }
    if (bio.op == Op::read) {
        ring_.queue_read(request, t);
    } else {
        ring_.queue_write(request, t, bio.fua || !spec_.write_cache);
    }
}

void DeviceDisk::operation_ended(RingOperation& operation, int result) {
    auto& request = static_cast<Request&>(operation);
    request.disk->took(request, result);
}

// What an operation of the request came to.
void DeviceDisk::took(Request& request, int result) {
    const Bio& bio = *request.bio;
    if (result == -EINTR || result == -EAGAIN) return go_on(request);
    if (bio.op == Op::discard && request.phase == Phase::data && result == -EOPNOTSUPP) {
        // No holes here; a disk of ours reads zeros after a discard all the same.
        request.phase = Phase::zeros;
        return go_on(request);
    }
    if (result < 0) return end(request, errc_of(-result));
    if (request.phase == Phase::preflush) {
        request.phase = bio.payload.kind() == Payload::Kind::zeros ? Phase::zeros : Phase::data;
        return go_on(request);
    }
    const bool moves_bytes =
        bio.op == Op::read || bio.op == Op::write || request.phase == Phase::zeros;
    if (!moves_bytes) return end(request, Errc::ok);
    // A transfer may end short, and not on a block; then it goes on from the last whole one.
    const std::uint64_t block = file_.logical_block().bytes();
    const std::uint64_t all = bio.length.bytes();
    std::uint64_t done = request.bytes_done + static_cast<std::uint64_t>(result);
    if (done < all) done -= done % block;
    if (done == request.bytes_done) return end(request, Errc::eio);
    request.bytes_done = done;
    if (done < all) return go_on(request);
    end(request, Errc::ok);
}

Errc DeviceDisk::errc_of(int error) {
    const bool full = error == ENOSPC || error == EDQUOT;
    const bool gone = error == ENODEV || error == ENXIO;
    if ((full || gone) && trouble_.error == 0) trouble_ = {error, &file_};
    if (full) return Errc::enospc;
    return error == EOPNOTSUPP ? Errc::eopnotsupp : Errc::eio;
}

void DeviceDisk::end(Request& request, Errc result) {
    Bio& bio = *request.bio;
    if (request.bounce != nullptr) {
        if (bio.op == Op::read && result == Errc::ok)
            std::memcpy(bio.payload.data(), request.bounce, bio.length.bytes());
        arena_.free(request.bounce, bounce_bytes(bio));
        request.bounce = nullptr;
    }
    request.result = result;
    request.ended = true;
    if (executor_.repeated() == nullptr) executor_.post(request);
}

void DeviceDisk::completed(Task& task) {
    auto& request = static_cast<Request&>(task);
    DeviceDisk& disk = *request.disk;
    Bio& bio = *request.bio;
    if (request.waits_for_turn) disk.begin(request);
    while (!request.ended) disk.ring_.wait();
    bio.status = request.result;
    disk.arena_.free(&request, sizeof(Request));
    --disk.in_flight_;
    if (disk.observer_ != nullptr) disk.observer_->request_done(disk.actor_, bio);
    bio.done(bio);
}

// ---- Past the requests ------------------------------------------------------------------------

void DeviceDisk::move_window_to(Sectors sector) const {
    if (window_length_.value > 0 && sector >= window_start_ &&
        sector < window_start_ + window_length_)
        return;
    const_cast<DeviceDisk&>(*this).close_window();
    if (window_ == nullptr) {
        window_ = static_cast<std::byte*>(arena_.allocate(window_sectors.bytes()));
        CHECK(window_ != nullptr, "a world's arena has room for a window");
    }
    window_start_ = {sector.value / window_sectors.value * window_sectors.value};
    window_length_ = min(window_sectors, file_.size() - window_start_);
    const int error = file_.read_now(window_start_, window_length_, window_);
    CHECK(error == 0, "the medium of a disk can be read past its requests");
}

void DeviceDisk::write_back() { close_window(); }

void DeviceDisk::close_window() {
    if (window_changed_) {
        window_changed_ = false;
        const int error = file_.write_now(window_start_, window_length_, window_);
        CHECK(error == 0, "the medium of a disk can be written past its requests");
    }
    window_length_ = {0};
}

ContentId DeviceDisk::raw_read(Sectors sector) {
    move_window_to(sector);
    return cells_.keep(reinterpret_cast<const std::uint8_t*>(window_) +
                       (sector - window_start_).bytes());
}

void DeviceDisk::raw_write(Sectors sector, ContentId id) {
    CHECK(sector < spec_.size, "a disk is not written beyond its end");
    move_window_to(sector);
    cells_.bytes_of(id,
                    reinterpret_cast<std::uint8_t*>(window_) + (sector - window_start_).bytes());
    window_changed_ = true;
}

std::uint64_t DeviceDisk::content_digest() const {
    // As a simulated disk: a sum over what is not as it was in the beginning.
    std::uint64_t sum = mix64(spec_.size.value);
    for (Sectors s; s < spec_.size; s += {1}) {
        move_window_to(s);
        const ContentId id = content_id(reinterpret_cast<const std::uint8_t*>(window_) +
                                        (s - window_start_).bytes());
        const ContentId initial = spec_.content == DiskContent::fill
                                      ? pattern_word(spec_.fill_seed, s.value)
                                      : zero_content;
        if (id != initial) sum += mix64(mix64(s.value + 1) ^ id);
    }
    return sum;
}

void DeviceDisk::add_inject(const Inject&) {
    CHECK(false, "faults are the simulator's: such a line is refused before");
}

PowerLossCount DeviceDisk::lose_power(SurvivalDefault) {
    CHECK(false, "power losses are the simulator's: such a line is refused before");
    return {};
}

}  // namespace cowlab
