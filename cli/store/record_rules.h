// The rules a record can break by itself (spec §9.3, §9.4).
#pragma once

#include <algorithm>
#include <optional>

#include "cli/store/findings.h"
#include "cli/store/layout.h"

namespace cowlab::store {

class RecordRules {
  public:
    // Without an origin an old chunk must only lie on some device: none has more than 2^63 bytes.
    RecordRules(const Layout& layout, std::optional<Sectors> origin)
        : layout_(layout), old_chunks_((std::uint64_t{1} << 63) / layout.chunk().bytes()) {
        if (origin) old_chunks_ = layout.chunk().chunks_ceil(*origin);
    }

    std::optional<Kind> broken_by_new(ChunkIndex c) const {
        if (c.value >= format::chunk_number_limit) return Kind::record_new_reserved;
        if (!layout_.fits(c)) return Kind::record_new_out_of_range;
        if (format::is_metadata_chunk(layout_.chunk(), c)) return Kind::record_new_on_metadata;
        return std::nullopt;
    }
    std::optional<Kind> broken_by_old(ChunkIndex c) const {
        if (c.value >= old_chunks_) return Kind::record_old_out_of_range;
        return std::nullopt;
    }
    // Not for the record that ends a list: its new chunk is metadata.
    bool plausible(const format::Record& r) const {
        return !broken_by_new(r.new_chunk) && !broken_by_old(r.old_chunk);
    }
    std::uint64_t old_chunks() const { return old_chunks_; }

  private:
    Layout layout_;
    std::uint64_t old_chunks_;
};

}  // namespace cowlab::store
