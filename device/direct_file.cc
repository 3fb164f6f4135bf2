#include "device/direct_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/magic.h>
#include <linux/major.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace cowlab {
namespace {

constexpr std::uint32_t alignment_assumed = 4096;  // where the file system does not say

Error refusal(const std::string& path, const std::string& text) {
    return {Error::Kind::refused, path, text};
}

Error errno_refusal(const std::string& path, const char* what, int error,
                    const char* instead = "check the name and its permissions") {
    const bool full = error == ENOSPC || error == EDQUOT;
    const bool host = full || error == EIO || error == ENODEV;
    return {host ? Error::Kind::host : Error::Kind::refused, path,
            fmt::format("{}: {}: {}", what, std::strerror(error),
                        full ? "make room, or name another place" : instead)};
}

std::string mount_point_of(dev_t device) {
    std::ifstream mounts("/proc/self/mountinfo");
    const std::string wanted = fmt::format("{}:{}", major(device), minor(device));
    std::string id, parent, number, root, point, rest;
    while (mounts >> id >> parent >> number >> root >> point && std::getline(mounts, rest)) {
        if (number == wanted) return point;
    }
    return {};
}

}  // namespace

DirectFile& DirectFile::operator=(DirectFile&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(path_, other.path_);
    is_block_ = other.is_block_;
    size_ = other.size_;
    logical_block_ = other.logical_block_;
    memory_alignment_ = other.memory_alignment_;
    self_ = other.self_;
    below_ = other.below_;
    return *this;
}

DirectFile::~DirectFile() {
    if (fd_ >= 0) ::close(fd_);
}

// ---- Opening ----------------------------------------------------------------------------------

Result<DirectFile> DirectFile::open(const std::string& path) {
    struct stat s {};
    if (::stat(path.c_str(), &s) != 0) {
        if (errno == ENOENT)
            return failure(refusal(path,
                                   "does not exist: check the name, or make it with "
                                   "--create"));
        return failure(errno_refusal(path, "cannot be looked at", errno));
    }
    const bool block = S_ISBLK(s.st_mode);
    if (!block && !S_ISREG(s.st_mode))
        return failure(refusal(path, "is neither a file nor a block device: bind one of these"));
    if (block) {
        if (const std::string point = mount_point_of(s.st_rdev); !point.empty())
            return failure(refusal(path, fmt::format("is mounted on {}: `umount {}` first, or bind "
                                                     "another device",
                                                     point, point)));
    }
    DirectFile f;
    f.path_ = path;
    f.fd_ = ::open(path.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC | (block ? O_EXCL : 0));
    if (f.fd_ < 0) {
        if (errno == EINVAL)
            return failure(refusal(path,
                                   "its file system has no O_DIRECT, and nothing is done "
                                   "through the page cache: move it to ext4, xfs or a device"));
        if (errno == EBUSY)
            return failure(refusal(path,
                                   "is in use (mounted, in a RAID or LVM volume, swap, or open "
                                   "exclusively): stop its user, or bind another device"));
        if (errno == EACCES || errno == EPERM || errno == EROFS)
            return failure(
                refusal(path, fmt::format("cannot be written ({}): be root or in the group "
                                          "of the device, or make it writable (chmod, "
                                          "blockdev --setrw)",
                                          std::strerror(errno))));
        return failure(
            errno_refusal(path, "cannot be opened for direct reading and writing", errno));
    }
    if (auto r = f.examine(); !r) return failure(std::move(r).error());
    if (auto r = f.hold(); !r) return failure(std::move(r).error());
    return f;
}

Result<DirectFile> DirectFile::create(const std::string& path, Sectors size) {
    DirectFile f;
    f.path_ = path;
    f.fd_ = ::open(path.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC | O_CREAT | O_EXCL, 0600);
    if (f.fd_ < 0) {
        if (errno == EEXIST)
            return failure(refusal(path,
                                   "exists already: say --overwrite if its content may go, or "
                                   "leave --create out to go on with it"));
        if (errno == EINVAL) {
            // The name is there although the open has failed.
            ::unlink(path.c_str());
            return failure(refusal(path,
                                   "its file system has no O_DIRECT, and nothing is done "
                                   "through the page cache: name a place on ext4 or xfs"));
        }
        return failure(errno_refusal(path, "cannot be created", errno));
    }
    const auto made = [&]() -> Result<bool> {
        if (::ftruncate(f.fd_, static_cast<off_t>(size.bytes())) != 0)
            return failure(
                errno_refusal(path, "cannot be made that large", errno, "make the disk smaller"));
        if (auto r = f.examine(); !r) return r;
        return f.hold();
    };
    if (auto r = made(); !r) {
        ::unlink(path.c_str());
        return failure(std::move(r).error());
    }
    return f;
}

Result<DirectFile> DirectFile::create_nameless(const std::string& directory, Sectors size) {
    DirectFile f;
    f.path_ = directory;
    f.fd_ = ::open(directory.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC | O_TMPFILE, 0600);
    if (f.fd_ < 0) {
        if (errno == EINVAL || errno == EOPNOTSUPP)
            return failure(refusal(directory,
                                   "its file system has no O_DIRECT (or no O_TMPFILE): "
                                   "name a folder on ext4 or xfs with --device-dir"));
        return failure(errno_refusal(directory, "no file can be made there", errno,
                                     "name another folder with --device-dir"));
    }
    if (::ftruncate(f.fd_, static_cast<off_t>(size.bytes())) != 0)
        return failure(errno_refusal(directory, "no file can be made that large", errno,
                                     "name another folder with --device-dir"));
    if (auto r = f.examine(); !r) return failure(std::move(r).error());
    return f;
}

// ---- What it is -------------------------------------------------------------------------------

Result<bool> DirectFile::examine() {
    struct stat s {};
    if (::fstat(fd_, &s) != 0) return failure(errno_refusal(path_, "cannot be looked at", errno));
    is_block_ = S_ISBLK(s.st_mode);
    if ((::fcntl(fd_, F_GETFL) & O_DIRECT) == 0)
        return failure(refusal(path_,
                               "is not open with O_DIRECT, and nothing is done through the "
                               "page cache: name another place"));
    self_ = is_block_ ? Identity{true, s.st_rdev, 0} : Identity{false, s.st_dev, s.st_ino};
    if (is_block_) return examine_device();
    size_ = {static_cast<std::uint64_t>(s.st_size) / sector_bytes};
    return examine_file();
}

Result<bool> DirectFile::examine_file() {
    struct statfs fs {};
    if (::fstatfs(fd_, &fs) != 0)
        return failure(errno_refusal(path_, "cannot be looked at", errno));
    if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC)
        return failure(refusal(path_,
                               "lies in memory (tmpfs), where O_DIRECT is only pretended: "
                               "name a place on ext4, xfs or a device"));
    memory_alignment_ = alignment_assumed;
    logical_block_ = exact_sectors(alignment_assumed);
#ifdef STATX_DIOALIGN
    struct statx x {};
    if (::statx(fd_, "", AT_EMPTY_PATH, STATX_DIOALIGN, &x) == 0 &&
        (x.stx_mask & STATX_DIOALIGN) != 0) {
        if (x.stx_dio_offset_align == 0)
            return failure(refusal(path_,
                                   "has no O_DIRECT (encrypted or verified files have none): "
                                   "name another place"));
        memory_alignment_ = std::max<std::uint32_t>(x.stx_dio_mem_align, 1);
        logical_block_ = max(sectors_ceil(x.stx_dio_offset_align), Sectors{1});
    }
#endif
    return true;
}

Result<bool> DirectFile::examine_device() {
    std::uint64_t bytes = 0;
    int block = 0, read_only = 0;
    if (::ioctl(fd_, BLKGETSIZE64, &bytes) != 0 || ::ioctl(fd_, BLKSSZGET, &block) != 0 ||
        ::ioctl(fd_, BLKROGET, &read_only) != 0)
        return failure(errno_refusal(path_, "cannot be asked for its size", errno));
    if (read_only != 0)
        return failure(refusal(path_, "is read-only: `blockdev --setrw` it, or bind another"));
    size_ = exact_sectors(bytes);
    logical_block_ = exact_sectors(static_cast<std::uint64_t>(block));
    memory_alignment_ = static_cast<std::uint32_t>(block);
    loop_info64 loop{};
    if (major(self_.device) == LOOP_MAJOR && ::ioctl(fd_, LOOP_GET_STATUS64, &loop) == 0)
        below_ = {false, loop.lo_device, loop.lo_inode};
    return true;
}

Result<bool> DirectFile::hold() const {
    if (is_block_) return true;  // O_EXCL holds it
    std::error_code ec;
    for (const auto& entry : std::filesystem::directory_iterator("/sys/block", ec)) {
        std::ifstream in(entry.path() / "loop/backing_file");
        std::string backing;
        struct stat s {};
        if (!std::getline(in, backing) || ::stat(backing.c_str(), &s) != 0) continue;
        if (Identity{false, s.st_dev, s.st_ino} != self_) continue;
        const std::string device = "/dev/" + entry.path().filename().string();
        return failure(refusal(path_, fmt::format("is in use: it is the file behind {}: bind {} "
                                                  "instead, or `losetup -d {}` first",
                                                  device, device, device)));
    }
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0)
        return failure(refusal(path_,
                               "is in use: another cowlab has locked it: wait for its end, or "
                               "bind another file"));
    return true;
}

bool DirectFile::overlaps(const DirectFile& other) const {
    if (self_ == other.self_) return true;
    if (below_.is_set() && below_ == other.self_) return true;
    if (other.below_.is_set() && other.below_ == self_) return true;
    return below_.is_set() && below_ == other.below_;  // two loop devices upon one file
}

bool DirectFile::is_at(const std::string& path) const {
    struct stat s {};
    if (::stat(path.c_str(), &s) != 0) return false;
    return self_ == (S_ISBLK(s.st_mode) ? Identity{true, s.st_rdev, 0}
                                        : Identity{false, s.st_dev, s.st_ino});
}

// ---- Past the ring ----------------------------------------------------------------------------

int DirectFile::read_now(Sectors start, Sectors count, void* memory) const {
    auto* at = static_cast<std::uint8_t*>(memory);
    std::uint64_t offset = start.bytes();
    for (std::uint64_t left = count.bytes(); left > 0;) {
        const ssize_t n = ::pread(fd_, at, left, static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        if (n == 0) return EIO;
        at += n;
        offset += static_cast<std::uint64_t>(n);
        left -= static_cast<std::uint64_t>(n);
    }
    return 0;
}

int DirectFile::write_now(Sectors start, Sectors count, const void* memory) const {
    auto* at = static_cast<const std::uint8_t*>(memory);
    std::uint64_t offset = start.bytes();
    for (std::uint64_t left = count.bytes(); left > 0;) {
        const iovec v{const_cast<std::uint8_t*>(at), left};
        const ssize_t n = ::pwritev2(fd_, &v, 1, static_cast<off_t>(offset), RWF_DSYNC);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        if (n == 0) return EIO;
        at += n;
        offset += static_cast<std::uint64_t>(n);
        left -= static_cast<std::uint64_t>(n);
    }
    return 0;
}

}  // namespace cowlab
