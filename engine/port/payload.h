// What a request carries: data the engine never looks at, metadata bytes, or zeros.
//
// User data travels as *sector cells*, one cell a sector: 512 real bytes, or an 8-byte content id,
// as the world chose. The engine passes cells on, slices them by sector and frees them; it never
// reads one. Metadata is always bytes. A payload of zeros has no memory behind it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/units.h"

namespace cowlab {

class Payload {
  public:
    enum class Kind : std::uint8_t { none, cells, bytes, zeros };

    constexpr Payload() = default;
    // `first` is the first cell; cells are contiguous, `cell_bytes` each.
    static constexpr Payload cells(std::byte* first, std::size_t cell_bytes) {
        return {Kind::cells, first, cell_bytes};
    }
    // 512 bytes a sector, 512-byte aligned at least (a device may ask for more: alignment()).
    static constexpr Payload bytes(std::byte* first) { return {Kind::bytes, first, sector_bytes}; }
    static constexpr Payload zeros() { return {Kind::zeros, nullptr, 0}; }

    constexpr Kind kind() const { return kind_; }
    constexpr std::byte* data() const { return data_; }
    constexpr std::size_t bytes_per_sector() const { return stride_; }
    // The payload without its first `offset` sectors.
    constexpr Payload from(Sectors offset) const {
        return {kind_, data_ == nullptr ? nullptr : data_ + offset.value * stride_, stride_};
    }

  private:
    constexpr Payload(Kind kind, std::byte* data, std::size_t stride)
        : data_(data), stride_(static_cast<std::uint32_t>(stride)), kind_(kind) {}
    std::byte* data_ = nullptr;
    std::uint32_t stride_ = 0;
    Kind kind_ = Kind::none;
};

// The world's pool of sector cells.
class CellPool {
  public:
    // Cells for `count` sectors, zeroed or not; kind() == none when the pool is exhausted, which is
    // not an error: wait until cells come back.
    virtual Payload allocate_cells(Sectors count) = 0;
    virtual void free_cells(Payload cells, Sectors count) = 0;
    // Makes the content of cells or bytes zeros.
    virtual void zero_cells(Payload payload, Sectors count) = 0;

  protected:
    ~CellPool() = default;
};

}  // namespace cowlab
