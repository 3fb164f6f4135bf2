#include "cli/directory_images.h"

#include <cstring>

namespace cowlab {

bool DirectoryImages::open(std::string_view member, Sectors& size) {
    if (member.empty() || member.front() == '/' || member.find("..") != std::string_view::npos) {
        return false;
    }
    const auto known = images_.find(std::string(member));
    if (known != images_.end()) {
        current_ = &known->second;
    } else {
        const std::string path =
            (directory_.empty() ? "." : directory_) + "/" + std::string(member);
        auto bytes = read_image_file(path);
        for (const char* packed : {".zst", ".xz"}) {
            if (!bytes) bytes = read_image_file(path + packed);
        }
        if (!bytes) return false;
        current_ = &images_.emplace(std::string(member), std::move(*bytes)).first->second;
    }
    size = sectors_ceil(current_->size());
    return true;
}

void DirectoryImages::read(Sectors sector, std::uint8_t* bytes) {
    std::memset(bytes, 0, sector_bytes);
    const std::size_t at = sector.bytes();
    if (at < current_->size()) {
        std::memcpy(bytes, current_->data() + at,
                    std::min<std::size_t>(sector_bytes, current_->size() - at));
    }
}

}  // namespace cowlab
