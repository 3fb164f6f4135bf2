#include "cli/store/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/bytes.h"
#include "cli/store/printer.h"

namespace cowlab::store {
namespace {

constexpr std::size_t hole_bytes = 4096;  // the block of common file systems
constexpr int name_attempts = 100;

std::string directory_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

Error create_error(const std::string& target, int error) {
    switch (error) {
        case ENOENT:
        case ENOTDIR:
            return {Error::Kind::refused, target,
                    fmt::format("the directory {} does not exist: make it first",
                                directory_of(target))};
        case EACCES:
        case EPERM:
        case EROFS:
            return {Error::Kind::refused, target,
                    fmt::format("no file can be made in {} ({}): write to another directory",
                                directory_of(target), std::strerror(error))};
        default: return write_error(target, error);
    }
}

}  // namespace

Result<std::unique_ptr<OutputFile>> OutputFile::create(const std::string& target,
                                                       std::uint64_t bytes) {
    mode_t mode = 0666;  // the umask is applied to it
    bool replaces = false;
    if (struct stat st; ::stat(target.c_str(), &st) == 0) {
        if (!S_ISREG(st.st_mode)) {
            return refuse(
                target, fmt::format("is not a regular file, and -o only makes those: give another "
                                    "name, or write into it with `> {}` instead of -o",
                                    target));
        }
        mode = st.st_mode & 0777;
        replaces = true;
    }
    std::string temporary;
    int fd = -1;
    for (int i = 0; i < name_attempts && fd < 0; ++i) {
        temporary = fmt::format("{}.part-{}-{}", target, ::getpid(), i);
        fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0 && errno != EEXIST) break;
    }
    if (fd < 0) return failure(create_error(target, errno));
    std::unique_ptr<OutputFile> file(new OutputFile(target, std::move(temporary), fd));
    if (replaces) (void)::fchmod(fd, mode);  // the umask may have taken bits of the old mode
    if (::ftruncate(fd, static_cast<off_t>(bytes)) != 0) return failure(write_error(target, errno));
    return file;
}

OutputFile::~OutputFile() {
    if (fd_ >= 0) ::close(fd_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<void> OutputFile::write(std::uint64_t offset, std::span<const std::byte> data) {
    while (!data.empty()) {
        // Up to the next block boundary of the file, so that holes are whole blocks of it.
        const auto block = [&](std::size_t at) {
            return std::min<std::size_t>(hole_bytes - (offset + at) % hole_bytes, data.size() - at);
        };
        std::size_t n = block(0);
        const bool zero = all_zero(data.data(), n);
        while (n < data.size() && all_zero(data.data() + n, block(n)) == zero) n += block(n);
        for (std::size_t done = 0; !zero && done < n;) {
            const ssize_t put =
                ::pwrite(fd_, data.data() + done, n - done, static_cast<off_t>(offset + done));
            if (put < 0 && errno == EINTR) continue;
            if (put < 0) return failure(write_error(target_, errno));
            done += static_cast<std::size_t>(put);
        }
        offset += n;
        data = data.subspan(n);
    }
    return {};
}

Result<void> OutputFile::commit() {
    if (::fsync(fd_) != 0) return failure(write_error(target_, errno));
    // Some file systems report a write only now.
    if (::close(std::exchange(fd_, -1)) != 0) return failure(write_error(target_, errno));
    if (::rename(temporary_.c_str(), target_.c_str()) != 0)
        return failure(create_error(target_, errno));
    temporary_.clear();
    const int directory = ::open(directory_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return failure(write_error(target_, errno));
    const int error = ::fsync(directory) == 0 ? 0 : errno;
    ::close(directory);
    // Some file systems cannot sync a directory; they say so with EINVAL.
    if (error != 0 && error != EINVAL) return failure(write_error(target_, error));
    return {};
}

}  // namespace cowlab::store
