// For the tests of this folder: temporary directories, golden images, bytes between guard pages,
// and a reader of the format that shares no line with the one under test.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>
#include <zstd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace cowlab::store::test {

inline const std::string golden = std::string(COWLAB_SOURCE_DIR) + "/scenarios/golden";

class TempDir {
  public:
    explicit TempDir(const std::filesystem::path& in = std::filesystem::temp_directory_path()) {
        std::string pattern = (in / "cowlab-store-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) std::abort();
        path_ = pattern;
    }
    ~TempDir() { std::filesystem::remove_all(path_); }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    const std::string& path() const { return path_; }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

inline std::string shell(const std::string& command) {
    std::string output;
    std::FILE* pipe = ::popen(command.c_str(), "r");
    char buffer[4096];
    for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
        output.append(buffer, n);
    EXPECT_EQ(::pclose(pipe), 0) << command;
    return output;
}

inline std::vector<std::byte> bytes_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::vector<std::byte> bytes(std::filesystem::file_size(path));
    in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return bytes;
}

inline void write_file(const std::string& path, std::span<const std::byte> bytes) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
}

// A .xz or .zst file; returns `to`.
inline std::string unpack(const std::string& packed, const std::string& to) {
    if (packed.ends_with(".xz")) {
        shell("xz -dc '" + packed + "' > '" + to + "'");
        return to;
    }
    // Golden has hundreds of these: a process for each would be most of the time of a test.
    const std::vector<std::byte> in = bytes_of(packed);
    std::vector<std::byte> out(ZSTD_getFrameContentSize(in.data(), in.size()));
    const std::size_t size = ZSTD_decompress(out.data(), out.size(), in.data(), in.size());
    EXPECT_EQ(size, out.size()) << packed;
    write_file(to, out);
    return to;
}

inline std::string sha256_of(const std::string& path) {
    return shell("sha256sum < '" + path + "'").substr(0, 64);
}

// What a command printed, and how it ended.
struct Ran {
    std::string out;
    std::string messages;
    int exit = -1;      // as main makes it of the Result
    std::string error;  // what main prints of an Error: "cowlab: WHERE: TEXT"; empty: none
};

template <class Command>  // Result<int>(FILE* out, FILE* messages)
Ran run(Command&& command) {
    char* text[2] = {};
    std::size_t size[2] = {};
    std::FILE* out = ::open_memstream(&text[0], &size[0]);
    std::FILE* messages = ::open_memstream(&text[1], &size[1]);
    const Result<int> result = command(out, messages);
    std::fclose(out);
    std::fclose(messages);
    Ran ran{{text[0], size[0]}, {text[1], size[1]}, -1, {}};
    std::free(text[0]);
    std::free(text[1]);
    if (result) {
        ran.exit = *result;
    } else {
        constexpr int exit_of_kind[] = {1, 2, 3, 4, 75};
        ran.exit = exit_of_kind[static_cast<int>(result.error().kind)];
        ran.error = "cowlab: " + result.error().where + ": " + result.error().text;
    }
    return ran;
}

// A loop device over a file, for as long as this lives; empty path: none to be had here.
class LoopDevice {
  public:
    explicit LoopDevice(const std::string& file, const std::string& options = "") {
        std::FILE* pipe =
            ::popen(("losetup " + options + " -f --show '" + file + "' 2>/dev/null").c_str(), "r");
        char line[64] = {};
        if (std::fgets(line, sizeof line, pipe) != nullptr)
            path_.assign(line, std::strcspn(line, "\n"));
        ::pclose(pipe);
    }
    ~LoopDevice() {
        if (!path_.empty()) shell("losetup -d " + path_);
    }
    LoopDevice(const LoopDevice&) = delete;
    LoopDevice& operator=(const LoopDevice&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace cowlab::store::test
