#include "device/kernel_runner/media.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "scenarios/pattern.h"

namespace cowlab::kernel_runner {
namespace {

constexpr std::uint64_t slice_alignment = 2048;  // 1 MiB: no block size is cut
constexpr std::uint64_t piece_sectors = 2048;
constexpr const char* ram_disk = "/dev/ram0";

struct Descriptor {
    int fd;
    explicit Descriptor(int f) : fd(f) {}
    ~Descriptor() {
        if (fd >= 0) close(fd);
    }
    Descriptor(const Descriptor&) = delete;
};

// Page-aligned memory, as O_DIRECT wants it.
struct AlignedBuffer {
    explicit AlignedBuffer(std::size_t size)
        : data(static_cast<std::uint8_t*>(std::aligned_alloc(4096, (size + 4095) / 4096 * 4096))) {}
    ~AlignedBuffer() { std::free(data); }
    AlignedBuffer(const AlignedBuffer&) = delete;
    std::uint8_t* data;
};

// One or the other, in pieces.
int transfer(const Medium& m, std::uint64_t sector, std::uint64_t count, std::uint8_t* in,
             const std::uint8_t* out) {
    const Descriptor device(open(m.path.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC));
    if (device.fd < 0) return errno;
    AlignedBuffer buffer(piece_sectors * sector_bytes);
    if (buffer.data == nullptr) return ENOMEM;
    const std::uint64_t block = m.block / sector_bytes;
    while (count > 0) {
        // Whole logical blocks; the last one may reach over what was asked for.
        const std::uint64_t from = sector / block * block;
        const std::uint64_t n = std::min(count, piece_sectors - block - (sector - from));
        const std::uint64_t blocks = (sector - from + n + block - 1) / block * block;
        const auto bytes = static_cast<std::size_t>(blocks * sector_bytes);
        const auto at = static_cast<off_t>((m.first + from) * sector_bytes);
        std::uint8_t* place = buffer.data + (sector - from) * sector_bytes;
        const bool whole = from == sector && blocks == n;
        if (out == nullptr || !whole) {
            if (pread(device.fd, buffer.data, bytes, at) != static_cast<ssize_t>(bytes))
                return errno == 0 ? EIO : errno;
        }
        if (out != nullptr) {
            std::memcpy(place, out, n * sector_bytes);
            if (pwrite(device.fd, buffer.data, bytes, at) != static_cast<ssize_t>(bytes))
                return errno == 0 ? EIO : errno;
            out += n * sector_bytes;
        } else {
            std::memcpy(in, place, n * sector_bytes);
            in += n * sector_bytes;
        }
        sector += n;
        count -= n;
    }
    return 0;
}

}  // namespace

int read_medium(const Medium& medium, std::uint64_t sector, std::uint64_t count, void* bytes) {
    return transfer(medium, sector, count, static_cast<std::uint8_t*>(bytes), nullptr);
}

int write_medium(const Medium& medium, std::uint64_t sector, std::uint64_t count,
                 const void* bytes) {
    return transfer(medium, sector, count, nullptr, static_cast<const std::uint8_t*>(bytes));
}

int Media::make_loop(std::uint64_t sectors, std::uint32_t block, Medium& out) {
    const Descriptor control(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    if (control.fd < 0) return errno;
    const int number = ioctl(control.fd, LOOP_CTL_GET_FREE);
    if (number < 0) return errno;
    const std::string file = directory_ + "/loop" + std::to_string(loops_++);
    const Descriptor backing(open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (backing.fd < 0) return errno;
    unlink(file.c_str());
    if (ftruncate(backing.fd, static_cast<off_t>(sectors * sector_bytes)) != 0) return errno;
    out.path = "/dev/loop" + std::to_string(number);
    const Descriptor device(open(out.path.c_str(), O_RDWR | O_CLOEXEC));
    if (device.fd < 0) return errno;
    loop_config config{};
    config.fd = static_cast<std::uint32_t>(backing.fd);
    config.block_size = block;
    if (ioctl(device.fd, LOOP_CONFIGURE, &config) != 0) return errno;
    out.loop = number;
    out.block = block;
    return 0;
}

int Media::make(const Step& disk, const std::string& members, Medium& out) {
    out = {};
    out.sectors = disk.count.value;
    if (out.sectors > ram_sectors_) return ENOSPC;
    bool zeros = true;
    if (!disk.disk.path.empty()) {
        out.path = disk.disk.path;
        zeros = disk.disk.keep;  // what is there is the caller's
    } else if (disk.disk.lbs != 0) {
        if (const int e = make_loop(out.sectors, disk.disk.lbs, out); e != 0) return e;
    } else {
        if (next_ + out.sectors > ram_sectors_) return ENOSPC;
        out.path = ram_disk;
        out.first = next_;
        next_ += (out.sectors + slice_alignment - 1) / slice_alignment * slice_alignment;
        zeros = out.first >= dirty_;
    }
    struct stat st {};
    if (stat(out.path.c_str(), &st) != 0) return errno;
    out.number = st.st_rdev;
    const DiskContent content = disk.disk.content;
    if (zeros && content != DiskContent::fill && content != DiskContent::image) return 0;
    std::vector<std::uint8_t> bytes(out.sectors * sector_bytes, 0);
    if (content == DiskContent::fill) {
        for (std::uint64_t s = 0; s < out.sectors; ++s)
            fill_pattern(bytes.data() + s * sector_bytes, disk.seed, s);
    } else if (content == DiskContent::image) {
        if (disk.disk.image.find('/') != std::string::npos) return ENOENT;
        const Descriptor image(open((members + "/" + disk.disk.image).c_str(), O_RDONLY));
        if (image.fd < 0) return errno;
        std::size_t at = 0;
        for (ssize_t n = 1; n > 0 && at < bytes.size(); at += static_cast<std::size_t>(n)) {
            n = read(image.fd, bytes.data() + at, bytes.size() - at);
            if (n < 0) return errno;
        }
    }
    return write_medium(out, 0, out.sectors, bytes.data());
}

bool Media::drop_all(const std::vector<Medium>& media) {
    bool all = true;
    for (const Medium& m : media) {
        if (m.loop < 0) continue;
        const Descriptor device(open(m.path.c_str(), O_RDWR | O_CLOEXEC));
        if (device.fd < 0 || ioctl(device.fd, LOOP_CLR_FD) != 0) all = false;
    }
    dirty_ = std::max(dirty_, next_);
    next_ = 0;
    return all;
}

}  // namespace cowlab::kernel_runner
