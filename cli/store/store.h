// `cowlab store dump|check|read`: offline work on a COW device that holds a persistent store.
//
// main parses the command line into these options and exits with the value, or prints the Error
// (`cowlab: WHERE: TEXT`) and exits with the code of its kind. Images are written
// PATH[@SECTOR+COUNT] (cli/image_file.h) and only ever read.
#pragma once

#include <cstdio>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/units.h"

namespace cowlab::store {

struct DumpOptions {
    std::string image;
    bool json = false;
};
// The header, the areas and the exceptions as they stand on the medium; judges nothing. 0.
Result<int> dump(const DumpOptions& options, std::FILE* out);

struct CheckOptions {
    std::string image;
    std::optional<std::string> origin;  // its size bounds the old chunks
    bool json = false;
};
// A line a finding (findings.h), then the verdict. 0: nothing found, 1: something; an image that
// cannot be read is an Error.
Result<int> check(const CheckOptions& options, std::FILE* out);

struct ReadOptions {
    std::string cow;
    std::string origin;
    std::optional<std::string> output;  // without: `out`
    std::optional<Sectors> size;        // of the snapshot; without: the origin's
    bool salvage = false;
    // Only with salvage: reads a store whose header is lost, as one of this chunk size.
    std::optional<std::uint64_t> chunk_size;
};
// The content of the snapshot, byte for byte. What is not served as recorded, and what is odd about
// a store that is served, goes to `messages`, a line each. A damaged or invalidated store is
// refused unless salvage is set. 0.
Result<int> read(const ReadOptions& options, std::FILE* out, std::FILE* messages);

}  // namespace cowlab::store
