#include "device/kernel_runner/disk_user.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/hash.h"
#include "scenarios/pattern.h"
#include "scenarios/runs.h"

namespace cowlab::kernel_runner {
namespace {

// More than any machine of ours has: a request of so much is out of memory.
constexpr std::uint64_t largest_request = std::uint64_t{1} << 31;

class Mapping {
  public:
    explicit Mapping(std::uint64_t sectors) : size_(std::max<std::uint64_t>(sectors, 1) * 512) {
        if (sectors * 512 > largest_request || sectors > largest_request) return;
        void* p = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p != MAP_FAILED) data_ = static_cast<std::uint8_t*>(p);
    }
    ~Mapping() {
        if (data_ != nullptr) munmap(data_, size_);
    }
    Mapping(const Mapping&) = delete;
    std::uint8_t* data() { return data_; }

  private:
    std::uint8_t* data_ = nullptr;
    std::size_t size_;
};

class Device {
  public:
    Device(const Step& step, int fd) : s_(step), fd_(fd) {
        std::uint64_t bytes = 0;
        if (ioctl(fd, BLKGETSIZE64, &bytes) == 0) size_ = bytes / 512;
    }

    Answer write() {
        // Beyond the end the kernel looks at nothing but where the request ends.
        const std::uint64_t most = s_.start.value < size_ ? size_ - s_.start.value + 64 : 64;
        const std::uint64_t count = std::min(s_.count.value, most);
        Mapping memory(count);
        if (memory.data() == nullptr) return error(ENOMEM);
        for (std::uint64_t i = 0; i < count; ++i)
            fill_pattern(memory.data() + i * 512, s_.seed, s_.start.value + i);
        if (count == 0) return error(0);
        const ssize_t n = pwrite(fd_, memory.data(), count * 512, offset(s_.start.value));
        if (n < 0) return error(errno);
        if (static_cast<std::uint64_t>(n) < s_.count.value * 512)
            return {fmt::format("= short {}", n / 512)};
        return error(0);
    }

    Answer read() {
        const std::uint64_t most = s_.start.value < size_ ? size_ - s_.start.value + 64 : 64;
        const std::uint64_t count = std::min(s_.count.value, most);
        Mapping memory(count);
        if (memory.data() == nullptr) return error(ENOMEM);
        const ssize_t n = pread(fd_, memory.data(), count * 512, offset(s_.start.value));
        if (n < 0) return error(errno);
        const auto got = static_cast<std::uint64_t>(n) / 512;
        return {fmt::format("= {} {}", got < s_.count.value ? "short" : "ok",
                            data_text(memory.data(), got))};
    }

    Answer range(unsigned long request) {
        std::uint64_t range[2] = {s_.start.value * 512, s_.count.value * 512};
        return error(ioctl(fd_, request, range) != 0 ? errno : 0);
    }

    Answer limits() {
        int logical = 0, read_only = 0;
        unsigned physical = 0, minimum = 0, optimal = 0;
        if (ioctl(fd_, BLKSSZGET, &logical) != 0 || ioctl(fd_, BLKPBSZGET, &physical) != 0 ||
            ioctl(fd_, BLKIOMIN, &minimum) != 0 || ioctl(fd_, BLKIOOPT, &optimal) != 0 ||
            ioctl(fd_, BLKROGET, &read_only) != 0) {
            return error(errno);
        }
        return {fmt::format("= sectors {} lbs {} pbs {} iomin {} ioopt {} ro {}", size_, logical,
                            physical, minimum, optimal, read_only != 0 ? 1 : 0)};
    }

    Answer hex() {
        const std::uint64_t first = s_.byte / 512;
        const std::uint64_t count = (s_.byte + s_.length + 511) / 512 - first;
        Mapping memory(count);
        if (memory.data() == nullptr) return error(ENOMEM);
        const ssize_t n = pread(fd_, memory.data(), count * 512, offset(first));
        if (n < 0) return error(errno);
        if (static_cast<std::uint64_t>(n) < count * 512) return {"= err short"};
        Answer answer{"= ok"};
        std::string line;
        for (std::uint64_t i = 0; i < s_.length; ++i) {
            if (i % 16 == 0) line = fmt::format("| {:08x} ", s_.byte + i);
            line += fmt::format(" {:02x}", memory.data()[s_.byte % 512 + i]);
            if (i % 16 == 15 || i + 1 == s_.length) answer.push_back(line);
        }
        return answer;
    }

    Answer write_bytes() {
        const std::uint64_t length = s_.text.size() / 2;
        const std::uint64_t first = s_.byte / 512;
        const std::uint64_t count = (s_.byte + length + 511) / 512 - first;
        if (first + count > size_) return error(EINVAL);
        Mapping memory(count);
        if (memory.data() == nullptr) return error(ENOMEM);
        const auto bytes = static_cast<ssize_t>(count * 512);
        ssize_t n = pread(fd_, memory.data(), count * 512, offset(first));
        if (n != bytes) return error(n < 0 ? errno : EIO);
        const auto digit = [](char c) {
            return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        };
        for (std::uint64_t i = 0; i < length; ++i) {
            memory.data()[s_.byte % 512 + i] =
                static_cast<std::uint8_t>(digit(s_.text[2 * i]) << 4 | digit(s_.text[2 * i + 1]));
        }
        n = pwrite(fd_, memory.data(), count * 512, offset(first));
        return error(n < 0 ? errno : n != bytes ? EIO : 0);
    }

  private:
    static Answer error(int e) { return {answer_of_errno(e)}; }
    static off_t offset(std::uint64_t sector) {
        constexpr std::uint64_t most = INT64_MAX / 512;
        return static_cast<off_t>(std::min(sector, most - largest_request) * 512);
    }

    const Step& s_;
    int fd_;
    std::uint64_t size_ = 0;
};

Answer use(const Step& step, Verb verb, int fd) {
    Device device(step, fd);
    switch (verb) {
        case Verb::write: return device.write();
        case Verb::read: return device.read();
        case Verb::flush: return {answer_of_errno(fsync(fd) != 0 ? errno : 0)};
        case Verb::discard: return device.range(BLKDISCARD);
        case Verb::zeroout: return device.range(BLKZEROOUT);
        case Verb::limits: return device.limits();
        case Verb::hex: return device.hex();
        case Verb::writebytes: return device.write_bytes();
        default: return {answer_of_errno(ENOSYS)};
    }
}

}  // namespace

std::string answer_of_errno(int error) {
    if (error == 0) return "= ok";
    const char* name = strerrorname_np(error);
    return fmt::format("= err {}", name == nullptr ? std::to_string(error) : name);
}

std::string answer_of_errno(int error, const char* step) {
    return error == 0 ? "= ok" : fmt::format("{} ({})", answer_of_errno(error), step);
}

std::string data_text(const void* bytes, std::uint64_t sectors) {
    const auto* p = static_cast<const std::uint8_t*>(bytes);
    Fnv1a64 fnv;
    fnv.add(p, sectors * 512);
    Runs runs;
    for (std::uint64_t i = 0; i < sectors; ++i) runs.add(recognise(p + i * 512));
    const std::string& text = runs.text();
    return fmt::format("fnv={:016x}{}{}", fnv.value(), text.empty() ? "" : " ", text);
}

Answer use_disk(const Step& step, Verb verb, const std::string& path, std::atomic<bool>& opened) {
    int error = ENOENT, fd = -1;
    if (!path.empty()) {
        // A read-only device refuses the write, not the open; the ioctls want a writer.
        fd = open(path.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC);
        if (fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM))
            fd = open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
        error = errno == ENXIO ? ENOENT : errno;
    }
    opened = true;
    if (fd < 0) {
        return {"= open " + answer_of_errno(error).substr(2)};
    }
    Answer answer = use(step, verb, fd);
    close(fd);
    return answer;
}

}  // namespace cowlab::kernel_runner
