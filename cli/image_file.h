// A read-only image: a regular file, a block device, a window of either, or bytes in memory.
//
//     PATH[@SECTOR+COUNT]     the window counted in sectors of 512 bytes, decimal or 0x…
//
// Nothing is read before it is asked for, so a 16 TiB image costs what is looked at. Offsets are
// bytes from the start of the window; everything outside the window does not exist.
// Errors: a refusal at open says what to type instead; a failed read says which sector.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "base/units.h"

namespace cowlab {

class Image {
  public:
    virtual ~Image() = default;
    // REQUIRES: offset + to.size() <= bytes(). An error leaves `to` with any content.
    virtual Result<void> read(std::uint64_t offset, std::span<std::byte> to) const = 0;
    // The first offset >= `offset` that may be anything but zero; bytes() if there is none. What
    // lies before it reads as zeros. `offset` itself is always a right answer.
    virtual Result<std::uint64_t> next_data(std::uint64_t offset) const { return offset; }

    std::uint64_t bytes() const { return bytes_; }
    // As it was typed, window included: the `where` of errors.
    const std::string& name() const { return name_; }
    // What requests to the device must be aligned to; 1 for files.
    Sectors logical_block() const { return logical_block_; }

  protected:
    Image(std::string name, std::uint64_t bytes) : name_(std::move(name)), bytes_(bytes) {}
    Sectors logical_block_{1};

  private:
    std::string name_;
    std::uint64_t bytes_;
};

// The first byte of [from, to) that is not zero; `to` if there is none. Skips holes.
Result<std::uint64_t> first_nonzero(const Image& image, std::uint64_t from, std::uint64_t to);

// The caller keeps the bytes alive.
class MemoryImage final : public Image {
  public:
    MemoryImage(std::string name, std::span<const std::byte> content)
        : Image(std::move(name), content.size()), content_(content) {}
    Result<void> read(std::uint64_t offset, std::span<std::byte> to) const override;

  private:
    std::span<const std::byte> content_;
};

// Where the bytes of an image lie on this host. Two names of one file or device have one identity.
struct Extent {
    enum class On : std::uint8_t { file, block_device };
    On on = On::file;
    dev_t device = 0;  // file: the file system's; block device: its own number
    ino_t inode = 0;   // files only
    std::uint64_t start = 0;
    std::uint64_t bytes = 0;

    bool same_object(const Extent& o) const {
        return on == o.on && device == o.device && inode == o.inode;
    }
    bool overlaps(const Extent& o) const {
        return same_object(o) && start < o.start + o.bytes && o.start < start + bytes;
    }
};

class FileImage final : public Image {
  public:
    enum class Access : std::uint8_t {
        // Others may have it open, a running engine may not (flock).
        shared,
        // … and neither may the kernel: a block device that is mounted or part of a live table
        // is refused (O_EXCL). One image of a device at a time can be open like this.
        exclusive,
    };

    // A file whose name contains an @ is taken whole if it exists under that very name.
    static Result<std::unique_ptr<FileImage>> open(const std::string& typed, Access access);
    ~FileImage() override;
    FileImage(const FileImage&) = delete;
    FileImage& operator=(const FileImage&) = delete;

    Result<void> read(std::uint64_t offset, std::span<std::byte> to) const override;
    Result<std::uint64_t> next_data(std::uint64_t offset) const override;

    const Extent& extent() const { return extent_; }
    int descriptor() const { return fd_; }

  private:
    FileImage(std::string name, int fd, const Extent& extent, Sectors logical_block);

    int fd_;
    Extent extent_;
};

// The window behind the @, "2048+8192": start and length in sectors.
struct ImageWindow {
    Sectors start;
    Sectors length;
};
Result<ImageWindow> parse_image_window(const std::string& typed, std::string_view window);

}  // namespace cowlab
