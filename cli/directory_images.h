// The images a scenario names: files beside it, plain, .zst or .xz.
#pragma once

#include <map>
#include <string>

#include "cli/files.h"
#include "world/world.h"

namespace cowlab {

class DirectoryImages final : public ImageSource {
  public:
    explicit DirectoryImages(std::string directory) : directory_(std::move(directory)) {}

    // A member is a name in the directory, never a path that leads out of it.
    bool open(std::string_view member, Sectors& size) override;
    void read(Sectors sector, std::uint8_t* bytes) override;

  private:
    std::string directory_;
    std::map<std::string, FileBytes> images_;  // read once, kept
    const FileBytes* current_ = nullptr;
};

}  // namespace cowlab
