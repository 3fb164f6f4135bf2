// The exceptions of a store as they stand on the medium, loaded as the kernel loads them (spec
// §9.6): area after area up to the first record whose new chunk is 0. Nothing is judged here.
//
// Work and memory are bounded by the metadata that is really there: an area is read in pieces of at
// most 1 MiB, and records that follow each other (old+1, new+1) take one Run.
#pragma once

#include <vector>

#include "cli/image_file.h"
#include "cli/store/layout.h"

namespace cowlab::store {

// Consecutive records of one area whose numbers rise by one. `first` numbers through all areas.
struct Run {
    ChunkIndex old_chunk;
    ChunkIndex new_chunk;
    std::uint64_t count;
    std::uint64_t first;
};

// Consecutive old chunks.
struct OldRange {
    ChunkIndex first;
    std::uint64_t count;
};

struct ExceptionList {
    std::vector<std::uint64_t> area_records;  // of each area read; all but the last are full
    std::vector<Run> runs;
    std::uint64_t records = 0;
    // False: the last area is full and the next one would lie beyond the end of the image.
    bool terminated = false;
    ChunkIndex next_free = format::first_data_chunk;  // spec §9.5

    // The area where the list ends or should go on.
    std::uint64_t current_area() const {
        return terminated ? area_records.size() - 1 : area_records.size();
    }
};

// The numbers of a status line, in sectors (spec §9.5).
struct Usage {
    std::uint64_t allocated;
    std::uint64_t total;
    std::uint64_t metadata;
};
// None: a record points so far that the sum is no number of sectors.
std::optional<Usage> usage(const Image& image, const Layout& layout, const ExceptionList& list);

Result<ExceptionList> load_list(const Image& image, const Layout& layout);

}  // namespace cowlab::store
