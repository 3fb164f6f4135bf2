// The content of a snapshot as an image: where a chunk is mapped the COW device, elsewhere the
// origin.
#pragma once

#include <vector>

#include "cli/image_file.h"
#include "cli/store/list.h"

namespace cowlab::store {

class SnapshotImage final : public Image {
  public:
    // `map` is sorted by old chunk, has each chunk once and points at chunks the COW device has.
    // REQUIRES: size <= the origin's. Keeps references to both images, which must outlive it.
    SnapshotImage(const Image& origin, const Image& cow, const Layout& layout, std::vector<Run> map,
                  Sectors size)
        : Image(cow.name(), size.bytes()),
          origin_(origin),
          cow_(cow),
          layout_(layout),
          map_(std::move(map)) {}

    Result<void> read(std::uint64_t offset, std::span<std::byte> to) const override;
    Result<std::uint64_t> next_data(std::uint64_t offset) const override;

  private:
    // A stretch of the snapshot that lies in one piece on one device.
    struct Piece {
        const Image& from;
        std::uint64_t at;      // byte on `from`
        std::uint64_t length;  // to the end of the run, of the gap, or of the snapshot
    };
    Piece piece_at(std::uint64_t offset) const;

    const Image& origin_;
    const Image& cow_;
    Layout layout_;
    std::vector<Run> map_;
};

}  // namespace cowlab::store
