// Where things lie in a store of one chunk size on an image of one size.
//
// Every record has a *place*: the chunk it points at if exceptions were allocated and committed in
// one order without a gap, as every kernel since 3.14 and cowlab do (spec §9.4, G1, G5). Merging
// erases from the end only, and a reload goes on behind the last record, so neither moves a record
// out of its place. The place is what makes a changed number visible.
#pragma once

#include <optional>
#include <string>

#include "engine/store_format.h"

namespace cowlab::store {

class Layout {
  public:
    Layout(ChunkSize chunk, std::uint64_t image_bytes) : chunk_(chunk), image_bytes_(image_bytes) {}

    ChunkSize chunk() const { return chunk_; }
    std::uint64_t records_per_area() const { return format::records_per_area(chunk_); }
    // Whole chunks only: nothing is ever allocated on a partial last one.
    std::uint64_t chunks() const { return image_bytes_ / chunk_.bytes(); }
    bool fits(ChunkIndex c) const { return c.value < chunks(); }
    // REQUIRES: fits(c).
    std::uint64_t byte_of(ChunkIndex c) const { return c.value * chunk_.bytes(); }

    ChunkIndex area_chunk(std::uint64_t area) const { return format::area_chunk(chunk_, area); }
    // Records are numbered through all areas. REQUIRES: the record's area fits.
    std::uint64_t byte_of_record(std::uint64_t index) const {
        return byte_of(area_chunk(index / records_per_area())) +
               index % records_per_area() * format::record_bytes;
    }
    // For people: "record 35 of area 0".
    std::string record_name(std::uint64_t index) const;

    ChunkIndex place_of(std::uint64_t index) const {
        return area_chunk(index / records_per_area()) + (1 + index % records_per_area());
    }
    // The record whose place is `c`; none for the header and the areas.
    std::optional<std::uint64_t> record_placed_at(ChunkIndex c) const {
        if (format::is_metadata_chunk(chunk_, c)) return std::nullopt;
        const std::uint64_t stride = format::area_stride(chunk_);
        return (c.value - 1) / stride * records_per_area() + (c.value - 1) % stride - 1;
    }

  private:
    ChunkSize chunk_;
    std::uint64_t image_bytes_;
};

}  // namespace cowlab::store
