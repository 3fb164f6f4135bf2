#include "device/initramfs.h"

#include <fmt/format.h>

namespace cowlab {

void Initramfs::add(std::string_view name, std::uint32_t mode, std::string_view bytes,
                    std::uint32_t major, std::uint32_t minor) {
    const std::uint32_t links = (mode & 0170000) == 0040000 ? 2 : 1;
    // magic; inode mode uid gid links mtime size; device (two) rdevice (two); name's length, check
    bytes_ += fmt::format("070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}", next_inode_++, mode,
                          0, 0, links, 0, bytes.size());
    bytes_ +=
        fmt::format("{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}", 0, 0, major, minor, name.size() + 1, 0);
    bytes_ += name;
    bytes_ += '\0';
    pad();
    bytes_ += bytes;
    pad();
}

const std::string& Initramfs::finish() {
    add("TRAILER!!!", 0, {}, 0, 0);
    return bytes_;
}

}  // namespace cowlab
