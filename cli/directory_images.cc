#include "cli/directory_images.h"

#include <cstring>

namespace cowlab {

bool DirectoryImages::open(std::string_view member, Sectors& size) {
    if (member.empty() || member.front() == '/' || member.find("..") != std::string_view::npos) {
        return false;
    }
    if (name_ != member) {
        const std::string path = directory_ + "/" + std::string(member);
        auto bytes = read_image_file(path + ".zst");
        if (!bytes) bytes = read_image_file(path);
        if (!bytes) return false;
        bytes_ = std::move(*bytes);
        name_ = member;
    }
    size = sectors_ceil(bytes_.size());
    return true;
}

void DirectoryImages::read(Sectors sector, std::uint8_t* bytes) {
    std::memset(bytes, 0, sector_bytes);
    const std::size_t at = sector.bytes();
    if (at < bytes_.size()) {
        std::memcpy(bytes, bytes_.data() + at, std::min<std::size_t>(sector_bytes, bytes_.size() - at));
    }
}

}  // namespace cowlab
