// Everything there is to know about a store without its origin's content: what `check` prints, and
// what `read` needs to know before it serves anything.
#pragma once

#include "cli/store/header_check.h"
#include "cli/store/list_check.h"

namespace cowlab::store {

struct ExamineOptions {
    std::optional<Sectors> origin;  // its size, if it is known
    // Takes the header for lost: the store is read as a valid one of this chunk size.
    std::optional<ChunkSize> chunk_size;
};

struct Examination {
    format::Header header{};
    std::optional<Layout> layout;  // none: the header does not tell where the list is
    ExceptionList list;
    ListReport records;
    std::vector<OldRange> tail;    // of records behind the end of the list, which nobody serves
    std::uint64_t old_chunks = 0;  // that the origin has, or at most can have
    Findings findings;

    bool servable() const { return layout && findings.first_serious() == nullptr; }
    // How many records the map of the list serves.
    std::uint64_t served() const {
        std::uint64_t n = 0;
        for (const Run& r : records.map) n += r.count;
        return n;
    }
};

// Errors: a part of the metadata could not be read.
Result<Examination> examine(const Image& cow, const ExamineOptions& options);

// For commands that need a list they can walk: a header with a layout, or the refusal.
Error no_store_here(const Image& cow, const Findings& findings);
Result<HeaderReport> require_store(const Image& cow);

}  // namespace cowlab::store
