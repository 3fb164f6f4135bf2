// Images in memory, by the name that a scenario calls them.
#pragma once

#include <algorithm>
#include <cstring>

#include "device/kernel_oracle.h"
#include "world/world.h"

namespace cowlab {

using ImageSet = std::map<std::string, KernelImage>;

// The caller keeps the set alive.
class MemoryImages final : public ImageSource {
  public:
    explicit MemoryImages(const ImageSet& images) : images_(images) {}

    bool open(std::string_view member, Sectors& size) override {
        const auto found = images_.find(std::string(member));
        if (found == images_.end()) return false;
        current_ = &found->second;
        size = sectors_ceil(current_->size());
        return true;
    }
    void read(Sectors sector, std::uint8_t* bytes) override {
        std::memset(bytes, 0, sector_bytes);
        const std::size_t at = sector.bytes();
        if (at >= current_->size()) return;
        std::memcpy(bytes, current_->data() + at,
                    std::min<std::size_t>(sector_bytes, current_->size() - at));
    }

  private:
    const ImageSet& images_;
    const KernelImage* current_ = nullptr;
};

}  // namespace cowlab
