#include "cli/store/snapshot_image.h"

#include <algorithm>

namespace cowlab::store {

SnapshotImage::Piece SnapshotImage::piece_at(std::uint64_t offset) const {
    const std::uint64_t chunk_bytes = layout_.chunk().bytes();
    const ChunkIndex chunk{offset / chunk_bytes};
    const std::uint64_t within = offset % chunk_bytes;
    const auto next = std::upper_bound(map_.begin(), map_.end(), chunk,
                                       [](ChunkIndex c, const Run& r) { return c < r.old_chunk; });
    if (next != map_.begin()) {
        const Run& r = *(next - 1);
        if (const std::uint64_t i = chunk - r.old_chunk; i < r.count) {
            const std::uint64_t length = (r.count - i) * chunk_bytes - within;
            return {cow_, layout_.byte_of(r.new_chunk + i) + within,
                    std::min(length, bytes() - offset)};
        }
    }
    // A map may reach beyond a snapshot that is read shorter than its origin.
    const std::uint64_t end = next == map_.end() ? bytes() : layout_.byte_of(next->old_chunk);
    return {origin_, offset, std::min(end, bytes()) - offset};
}

Result<void> SnapshotImage::read(std::uint64_t offset, std::span<std::byte> to) const {
    while (!to.empty()) {
        const Piece p = piece_at(offset);
        const std::size_t n =
            static_cast<std::size_t>(std::min<std::uint64_t>(p.length, to.size()));
        if (auto r = p.from.read(p.at, to.first(n)); !r) return r;
        offset += n;
        to = to.subspan(n);
    }
    return {};
}

Result<std::uint64_t> SnapshotImage::next_data(std::uint64_t offset) const {
    while (offset < bytes()) {
        const Piece p = piece_at(offset);
        auto data = p.from.next_data(p.at);
        if (!data) return data;
        if (*data < p.at + p.length) return offset + (*data - p.at);
        offset += p.length;
    }
    return bytes();
}

}  // namespace cowlab::store
