// A file or block device that is open for direct I/O, and what it asks of those who use it.
//
// There is no other way in: a path on which O_DIRECT is not possible, or only pretended (tmpfs), is
// refused, and so is one that somebody else uses. A block device is held exclusively (O_EXCL), a
// file by a lock.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/units.h"

namespace cowlab {

class DirectFile {
  public:
    // What exists. `path` is what the sentences of a refusal begin with.
    static Result<DirectFile> open(const std::string& path);
    // A new one of this size, all zeros. Refused if it exists.
    static Result<DirectFile> create(const std::string& path, Sectors size);
    // One without a name, gone when it is closed, on the file system of `directory`.
    static Result<DirectFile> create_nameless(const std::string& directory, Sectors size);

    DirectFile() = default;
    DirectFile(DirectFile&& other) noexcept { *this = std::move(other); }
    DirectFile& operator=(DirectFile&& other) noexcept;
    ~DirectFile();

    int descriptor() const { return fd_; }
    const std::string& path() const { return path_; }
    bool is_block_device() const { return is_block_; }
    Sectors size() const { return size_; }
    // Positions and lengths are multiples of it.
    Sectors logical_block() const { return logical_block_; }
    // … and addresses of it, in bytes.
    std::uint32_t memory_alignment() const { return memory_alignment_; }
    // Two paths to the same sectors: the same file or device, a loop device and the file behind it.
    // (A disk and its partition cannot both be held exclusively.)
    bool overlaps(const DirectFile& other) const;
    // That path leads to this file or device.
    bool is_at(const std::string& path) const;

    // Past the ring, waiting, on whole logical blocks; `memory` is page aligned. 0 or an errno.
    // A write is durable.
    int read_now(Sectors start, Sectors count, void* memory) const;
    int write_now(Sectors start, Sectors count, const void* memory) const;

  private:
    // A thing on the host that has sectors: a file (its file system and inode), or a block device.
    struct Identity {
        bool is_device = false;
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        bool operator==(const Identity&) const = default;
        bool is_set() const { return device != 0 || inode != 0; }
    };
    Result<bool> examine();
    Result<bool> examine_file();
    Result<bool> examine_device();
    Result<bool> hold() const;

    int fd_ = -1;
    std::string path_;
    bool is_block_ = false;
    Sectors size_;
    Sectors logical_block_{1};
    std::uint32_t memory_alignment_ = 512;
    Identity self_;
    Identity below_;  // the file behind a loop device
};

}  // namespace cowlab
