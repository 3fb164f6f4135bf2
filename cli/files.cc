#include "cli/files.h"

#include <fmt/format.h>
#include <lzma.h>
#include <sys/stat.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace cowlab {
namespace {

constexpr std::size_t image_bytes_max = std::size_t{4} << 30;

struct File {
    explicit File(std::FILE* f) : file(f) {}
    ~File() {
        if (file != nullptr) std::fclose(file);
    }
    File(const File&) = delete;
    std::FILE* file;
};

Result<std::string> read_all(const std::string& path) {
    struct stat st {};
    if (stat(path.c_str(), &st) != 0) return failure(errno_error(path, "cannot read", errno));
    if (S_ISDIR(st.st_mode)) {
        return refuse(path, "this is a directory: name a file in it");
    }
    File f(std::fopen(path.c_str(), "rb"));
    if (f.file == nullptr) return failure(errno_error(path, "cannot read", errno));
    std::string text;
    char buffer[65536];
    for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, f.file)) > 0;)
        text.append(buffer, n);
    if (std::ferror(f.file) != 0) return failure(errno_error(path, "cannot read", errno));
    return text;
}

}  // namespace

Error errno_error(const std::string& path, const std::string& what, int error_number) {
    const char* advice = "check the path";
    Error::Kind kind = Error::Kind::refused;
    switch (error_number) {
        case ENOENT: advice = "check the name, or create it first"; break;
        case EACCES:
        case EPERM: advice = "change its permissions, or run as its owner"; break;
        case ENOTDIR: advice = "a part of the path is not a directory: correct it"; break;
        case EISDIR: advice = "this is a directory: name a file in it"; break;
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
            advice = error_number == EFBIG
                         ? "no file may become so large here: raise `ulimit -f`"
                         : "the disk is full: make room, or choose another with --out or -o";
            kind = Error::Kind::host;
            break;
        case EIO:
        case ENXIO:
        case ENODEV:
            advice = "the host's device failed or vanished: see its kernel log";
            kind = Error::Kind::host;
            break;
        case EROFS: advice = "this file system is read-only: choose another place"; break;
        default: break;
    }
    return {kind, path, fmt::format("{}: {}: {}", what, std::strerror(error_number), advice)};
}

Result<std::string> read_text_file(const std::string& path) { return read_all(path); }

namespace {

Result<FileBytes> unpack_xz(const std::string& path, const std::string& raw) {
    FileBytes out;
    lzma_stream stream = LZMA_STREAM_INIT;
    if (lzma_stream_decoder(&stream, UINT64_MAX, 0) != LZMA_OK) {
        return refuse(path, "no memory to unpack it: unpack it yourself with `xz -d`");
    }
    std::vector<std::uint8_t> chunk(1 << 20);
    stream.next_in = reinterpret_cast<const std::uint8_t*>(raw.data());
    stream.avail_in = raw.size();
    lzma_ret rc = LZMA_OK;
    while (rc == LZMA_OK && out.size() <= image_bytes_max) {
        stream.next_out = chunk.data();
        stream.avail_out = chunk.size();
        rc = lzma_code(&stream, LZMA_FINISH);
        out.insert(out.end(), chunk.data(), chunk.data() + (chunk.size() - stream.avail_out));
    }
    lzma_end(&stream);
    if (rc != LZMA_STREAM_END) {
        return refuse(path, "this is not a whole xz file: make it again with `xz IMAGE`");
    }
    return out;
}

}  // namespace

Result<FileBytes> read_image_file(const std::string& path) {
    auto raw = read_all(path);
    if (!raw) return failure(std::move(raw).error());
    if (path.ends_with(".xz")) return unpack_xz(path, *raw);
    if (!path.ends_with(".zst")) return FileBytes(raw->begin(), raw->end());
    FileBytes out;
    ZSTD_DStream* stream = ZSTD_createDStream();
    ZSTD_inBuffer in{raw->data(), raw->size(), 0};
    std::vector<char> chunk(ZSTD_DStreamOutSize());
    std::size_t rc = 1;
    while (in.pos < in.size || rc != 0) {
        ZSTD_outBuffer o{chunk.data(), chunk.size(), 0};
        const std::size_t before = in.pos;
        rc = ZSTD_decompressStream(stream, &o, &in);
        const bool starved = ZSTD_isError(rc) == 0 && rc != 0 && in.pos == before && o.pos == 0;
        if (ZSTD_isError(rc) != 0 || starved || out.size() > image_bytes_max) {
            ZSTD_freeDStream(stream);
            return refuse(path, "this is not a whole zstd file: make it again with `zstd IMAGE`");
        }
        out.insert(out.end(), chunk.data(), chunk.data() + o.pos);
    }
    ZSTD_freeDStream(stream);
    return out;
}

Result<bool> write_file(const std::string& path, const std::string& text) {
    const std::string beside = path + ".part";
    {
        File f(std::fopen(beside.c_str(), "wb"));
        if (f.file == nullptr) return failure(errno_error(path, "cannot write", errno));
        const bool written = std::fwrite(text.data(), 1, text.size(), f.file) == text.size() &&
                             std::fflush(f.file) == 0;
        const int write_error = errno;
        const bool closed = std::fclose(f.file) == 0;
        f.file = nullptr;
        if (!written || !closed) {
            const int e = written ? errno : write_error;
            std::remove(beside.c_str());
            return failure(errno_error(path, "cannot write", e));
        }
    }
    if (std::rename(beside.c_str(), path.c_str()) != 0) {
        return failure(errno_error(path, "cannot write", errno));
    }
    return true;
}

Result<std::vector<std::string>> list_files(const std::string& directory,
                                            const std::string& ending) {
    std::error_code ec;
    const std::filesystem::directory_iterator it(directory, ec);
    if (ec) return failure(errno_error(directory, "cannot read the directory", ec.value()));
    std::vector<std::string> names;
    for (const auto& entry : it) {
        const std::string name = entry.path().filename().string();
        if (name.ends_with(ending)) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace cowlab
