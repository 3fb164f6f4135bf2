#include "cli/image_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace cowlab {
namespace {

// 2^55 sectors are more than any device has (base/units.h); larger numbers are typing errors.
constexpr std::uint64_t sector_number_limit = std::uint64_t{1} << 55;

bool parse_sectors(std::string_view text, Sectors& to) {
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        text.remove_prefix(2);
        base = 16;
    }
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, to.value, base);
    return error == std::errc{} && stopped == end && to.value < sector_number_limit;
}

// Closes the descriptor on every way out of open() but the last.
class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(Descriptor&& o) noexcept : fd_(o.release()) {}
    Descriptor& operator=(Descriptor&& o) noexcept {
        std::swap(fd_, o.fd_);
        return *this;
    }
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }

  private:
    int fd_;
};

std::string open_problem(int error) {
    switch (error) {
        case ENOENT:
        case ENOTDIR:
            return "there is no such file: check the path (a window is written PATH@SECTOR+COUNT)";
        case EACCES:
        case EPERM: return "permission denied: run this as a user who may read it";
        case EBUSY:
            return "the device is in use (mounted, or part of a live table): take the snapshot "
                   "down first (dmsetup remove, lvchange -an) or read a copy";
        case ENXIO:
        case ENODEV: return "the device is not there: check that it is attached";
        default: return fmt::format("cannot be opened ({}): read a copy", std::strerror(error));
    }
}

struct Compression {
    std::string_view magic;
    std::string_view name;
    std::string_view command;
};
using namespace std::string_view_literals;
constexpr Compression compressions[] = {
    {"\xfd"
     "7zXZ\0"sv,
     "xz", "xz -d"},
    {"\x28\xb5\x2f\xfd"sv, "zstd", "zstd -d"},
    {"\x1f\x8b\x08"sv, "gzip", "gzip -d"},
    {"BZh"sv, "bzip2", "bzip2 -d"},
    {"\x04\x22\x4d\x18"sv, "lz4", "lz4 -d"},
};
constexpr auto qcow2_magic = "QFI\xfb"sv;

// What the first bytes say an image must first be turned into; empty: nothing.
std::string unpacking_advice(int fd, const std::string& path) {
    char first[8] = {};
    const ssize_t got = ::pread(fd, first, sizeof first, 0);
    const std::string_view head(first, got > 0 ? static_cast<std::size_t>(got) : 0);
    for (const Compression& c : compressions) {
        if (!head.starts_with(c.magic)) continue;
        return fmt::format(
            "the image is compressed ({}): unpack it first with `{} {}` (if these are "
            "the device's own bytes, give the window {}@0+COUNT)",
            c.name, c.command, path, path);
    }
    if (!head.starts_with(qcow2_magic)) return {};
    return fmt::format(
        "the image is a qcow2 file: convert it first with `qemu-img convert -O raw {} "
        "{}.raw`",
        path, path);
}

// The file or device itself, locked; whole or window does not matter yet.
Result<Descriptor> open_object(const std::string& typed, const std::string& path,
                               FileImage::Access access) {
    // O_NONBLOCK: a FIFO without a writer must be refused, not waited for.
    Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat st;
    if (fd.get() < 0 || ::fstat(fd.get(), &st) != 0) return refuse(typed, open_problem(errno));
    if (S_ISDIR(st.st_mode)) {
        return refuse(typed, "is a directory: give an image file or a block device");
    }
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
        return refuse(typed,
                      "is neither a file nor a block device: give one of them (a pipe must be "
                      "stored in a file first)");
    }
    if (S_ISBLK(st.st_mode)) {
        if (access == FileImage::Access::exclusive) {
            Descriptor claimed(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_EXCL));
            if (claimed.get() < 0) return refuse(typed, open_problem(errno));
            struct stat again;
            if (::fstat(claimed.get(), &again) != 0 || again.st_rdev != st.st_rdev) {
                return refuse(typed, "changed while it was opened: try again");
            }
            fd = std::move(claimed);
        }
        // device-mapper writes below the page cache of the device: what was cached may be old.
        (void)::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
    }
    if (::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        return refuse(typed,
                      "a running engine holds it (an exclusive lock): take the snapshot down "
                      "first or read a copy");
    }
    return fd;
}

Result<Extent> extent_of(const std::string& typed, const std::string& path, const Descriptor& fd,
                         const std::optional<ImageWindow>& window) {
    struct stat st;
    const off_t end = ::lseek(fd.get(), 0, SEEK_END);
    if (end < 0 || ::fstat(fd.get(), &st) != 0) return refuse(typed, open_problem(errno));
    const auto whole = static_cast<std::uint64_t>(end);
    if (whole == 0) return refuse(typed, "is empty: give an image with content");

    Extent extent;
    extent.on = S_ISBLK(st.st_mode) ? Extent::On::block_device : Extent::On::file;
    extent.device = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
    extent.inode = S_ISBLK(st.st_mode) ? 0 : st.st_ino;
    if (window) {
        const Sectors available = exact_sectors(whole);  // part of a sector is out of reach
        if (window->start >= available || window->length > available - window->start) {
            return refuse(
                typed, fmt::format("the window ends at sector {}, beyond the end of {}, "
                                   "which has {} sectors: give one that lies inside",
                                   (window->start + window->length).value, path, available.value));
        }
        extent.start = window->start.bytes();
        extent.bytes = window->length.bytes();
        return extent;
    }
    if (std::string advice = unpacking_advice(fd.get(), path); !advice.empty()) {
        return refuse(typed, std::move(advice));
    }
    if (whole % sector_bytes != 0) {
        return refuse(typed,
                      fmt::format("has {} bytes, which is no multiple of 512: was it cut off? "
                                  "Copy it again, or read the whole sectors with {}@0+{}",
                                  whole, path, whole / sector_bytes));
    }
    extent.bytes = whole;
    return extent;
}

}  // namespace

Result<ImageWindow> parse_image_window(const std::string& typed, std::string_view window) {
    const auto malformed = [&](std::string_view what) {
        return refuse(typed, fmt::format("window '{}': {}: write PATH@SECTOR+COUNT, for example "
                                         "pv.img@2048+8192 (sectors of 512 bytes, decimal or 0x…)",
                                         window, what));
    };
    const std::size_t plus = window.find('+');
    if (plus == std::string_view::npos) return malformed("there is no +COUNT");
    ImageWindow w;
    if (!parse_sectors(window.substr(0, plus), w.start)) return malformed("SECTOR is not a number");
    if (!parse_sectors(window.substr(plus + 1), w.length))
        return malformed("COUNT is not a number");
    if (w.length == Sectors{0}) return malformed("COUNT is 0");
    return w;
}

Result<std::uint64_t> first_nonzero(const Image& image, std::uint64_t from, std::uint64_t to) {
    std::vector<std::byte> buffer;
    while (from < to) {
        auto data = image.next_data(from);
        if (!data) return failure(std::move(data).error());
        from = std::min(*data, to);
        const std::uint64_t n = std::min<std::uint64_t>(to - from, 1 << 20);
        buffer.resize(n);
        if (auto r = image.read(from, buffer); !r) return failure(std::move(r).error());
        if (!all_zero(buffer.data(), n)) {
            const auto found = std::find_if(buffer.begin(), buffer.end(),
                                            [](std::byte b) { return b != std::byte{0}; });
            return from + static_cast<std::uint64_t>(found - buffer.begin());
        }
        from += n;
    }
    return to;
}

Result<void> MemoryImage::read(std::uint64_t offset, std::span<std::byte> to) const {
    CHECK(offset <= bytes(), "an image is read inside its window");
    CHECK(to.size() <= bytes() - offset, "an image is read inside its window");
    if (!to.empty()) std::memcpy(to.data(), content_.data() + offset, to.size());
    return {};
}

FileImage::FileImage(std::string name, int fd, const Extent& extent, Sectors logical_block)
    : Image(std::move(name), extent.bytes), fd_(fd), extent_(extent) {
    logical_block_ = logical_block;
}

FileImage::~FileImage() { ::close(fd_); }

Result<std::unique_ptr<FileImage>> FileImage::open(const std::string& typed, Access access) {
    std::string path = typed;
    std::optional<ImageWindow> window;
    if (const std::size_t at = typed.rfind('@');
        at != std::string::npos && ::access(typed.c_str(), F_OK) != 0) {
        auto w = parse_image_window(typed, std::string_view(typed).substr(at + 1));
        if (!w) return failure(std::move(w).error());
        window = *w;
        path.resize(at);
    }
    auto opened = open_object(typed, path, access);
    if (!opened) return failure(std::move(opened).error());
    auto extent = extent_of(typed, path, *opened, window);
    if (!extent) return failure(std::move(extent).error());
    Sectors logical_block{1};
    if (int block = 0; extent->on == Extent::On::block_device &&
                       ::ioctl(opened->get(), BLKSSZGET, &block) == 0 &&
                       block >= int{sector_bytes}) {
        logical_block = exact_sectors(static_cast<std::uint64_t>(block));
    }
    return std::unique_ptr<FileImage>(
        new FileImage(typed, opened->release(), *extent, logical_block));
}

Result<void> FileImage::read(std::uint64_t offset, std::span<std::byte> to) const {
    CHECK(offset <= bytes(), "an image is read inside its window");
    CHECK(to.size() <= bytes() - offset, "an image is read inside its window");
    while (!to.empty()) {
        const ssize_t got =
            ::pread(fd_, to.data(), to.size(), static_cast<off_t>(extent_.start + offset));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            const std::uint64_t sector = offset / sector_bytes;
            if (got == 0) {
                return refuse(name(),
                              fmt::format("ends before sector {}: it shrank while it was read: "
                                          "read a copy that nobody changes",
                                          sector));
            }
            const int error = errno;
            if (error == ENXIO || error == ENODEV || error == ENOMEDIUM) {
                return failure(
                    {Error::Kind::host, name(),
                     fmt::format("the device vanished at sector {}: attach it and start again",
                                 sector)});
            }
            return refuse(name(),
                          fmt::format("sector {} or one soon after it cannot be read ({}): rescue "
                                      "the device with ddrescue and read the copy",
                                      sector, std::strerror(error)));
        }
        offset += static_cast<std::uint64_t>(got);
        to = to.subspan(static_cast<std::size_t>(got));
    }
    return {};
}

Result<std::uint64_t> FileImage::next_data(std::uint64_t offset) const {
    if (offset >= bytes()) return bytes();
    const off_t data = ::lseek(fd_, static_cast<off_t>(extent_.start + offset), SEEK_DATA);
    if (data < 0) {
        if (errno != ENXIO) return offset;  // the file system cannot tell
        // Nothing but a hole up to the end of the file, if that is still where it was.
        struct stat st;
        const bool shrank = ::fstat(fd_, &st) != 0 ||
                            static_cast<std::uint64_t>(st.st_size) < extent_.start + bytes();
        return shrank ? offset : bytes();
    }
    return std::min(static_cast<std::uint64_t>(data) - extent_.start, bytes());
}

}  // namespace cowlab
