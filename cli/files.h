// Files of the host: read whole, decompressed by their ending, written beside and renamed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace cowlab {

using FileBytes = std::vector<std::uint8_t>;

// What is missing, not readable or a directory is refused with a sentence.
Result<std::string> read_text_file(const std::string& path);
// A file ending in .zst or .xz is unpacked; up to 4 GiB.
Result<FileBytes> read_image_file(const std::string& path);
Result<bool> write_file(const std::string& path, const std::string& text);
// The names of the files in a directory that end in `ending`, sorted.
Result<std::vector<std::string>> list_files(const std::string& directory,
                                            const std::string& ending);
Error errno_error(const std::string& path, const std::string& what, int error_number);

}  // namespace cowlab
