// For tests: the images that `disk NAME SECTORS image MEMBER` names, from a folder of the source
// tree, plain or packed with zstd.
#pragma once

#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>

#include "scenarios/golden_test_files.h"
#include "world/world.h"

namespace cowlab {

class TestImages final : public ImageSource {
  public:
    explicit TestImages(std::filesystem::path directory) : directory_(std::move(directory)) {}

    bool open(std::string_view member, Sectors& size) override {
        auto [at, is_new] = images_.try_emplace(std::string(member));
        if (is_new) at->second = content_of(directory_ / member);
        current_ = &at->second;
        size = sectors_ceil(current_->size());
        return !current_->empty();
    }
    void read(Sectors sector, std::uint8_t* bytes) override {
        std::memset(bytes, 0, sector_bytes);
        const std::size_t at = sector.bytes();
        if (at >= current_->size()) return;
        std::memcpy(bytes, current_->data() + at,
                    std::min<std::size_t>(sector_bytes, current_->size() - at));
    }

  private:
    static std::string content_of(const std::filesystem::path& path) {
        if (std::filesystem::exists(path)) return read_file(path);
        const std::string packed = read_file(path.string() + ".zst");
        const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
        if (packed.empty() || size > (1u << 30)) {
            ADD_FAILURE() << path
                          << ": there is no such image, plain or .zst with its size in the frame";
            return {};
        }
        std::string bytes(size, '\0');
        if (ZSTD_decompress(bytes.data(), bytes.size(), packed.data(), packed.size()) != size) {
            ADD_FAILURE() << path << ": not what its frame says";
        }
        return bytes;
    }

    std::filesystem::path directory_;
    std::map<std::string, std::string> images_;
    const std::string* current_ = nullptr;
};

}  // namespace cowlab
