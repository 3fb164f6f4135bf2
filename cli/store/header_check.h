// What the header chunk says, and what is wrong with it.
#pragma once

#include "cli/image_file.h"
#include "cli/store/findings.h"
#include "cli/store/layout.h"

namespace cowlab::store {

struct HeaderReport {
    format::Header fields{};
    std::optional<Layout> layout;  // none: the header does not tell where the list is
};

Result<HeaderReport> check_header(const Image& image, Findings& findings);

// The chunk size under which the image holds the beginning of a list (first record to chunk 2, the
// next to 3 or none): what a header that lost its chunk size should say. None if no size fits.
Result<std::optional<Sectors>> chunk_size_of_a_list(const Image& image);

// Empty, or why no kernel would take this chunk size (spec §1).
std::string_view chunk_size_problem(std::uint64_t sectors);

}  // namespace cowlab::store
