// The file system a kernel unpacks into memory at its start: a cpio archive in the format "newc".
//
// Made here, byte for byte, because a machine in qemu sees nothing of the host, and making device
// nodes any other way needs root.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cowlab {

class Initramfs {
  public:
    // Parents first; names without a leading slash.
    void add_folder(std::string_view name) { add(name, 0040755, {}, 0, 0); }
    void add_program(std::string_view name, std::string_view bytes) {
        add(name, 0100755, bytes, 0, 0);
    }
    void add_character_device(std::string_view name, std::uint32_t major, std::uint32_t minor) {
        add(name, 0020600, {}, major, minor);
    }
    // The whole archive; nothing may be added after it.
    const std::string& finish();

  private:
    void add(std::string_view name, std::uint32_t mode, std::string_view bytes, std::uint32_t major,
             std::uint32_t minor);
    void pad() { bytes_.append((4 - bytes_.size() % 4) % 4, '\0'); }

    std::string bytes_;
    std::uint32_t next_inode_ = 1;
};

}  // namespace cowlab
