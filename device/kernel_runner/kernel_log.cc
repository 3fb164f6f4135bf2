#include "device/kernel_runner/kernel_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace cowlab::kernel_runner {

KernelLog::KernelLog() : fd_(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
    if (fd_ >= 0) lseek(fd_, 0, SEEK_END);
}

KernelLog::~KernelLog() {
    if (fd_ >= 0) close(fd_);
}

std::vector<std::string> KernelLog::take() {
    std::vector<std::string> out;
    char record[8192];
    while (fd_ >= 0) {
        const ssize_t n = read(fd_, record, sizeof record);
        if (n < 0 && errno == EPIPE) continue;  // messages were overwritten
        if (n <= 0) break;
        // "LEVEL,SEQUENCE,TIME,FLAGS;TEXT\n" and lines of the dictionary, which begin with a blank.
        std::string text(record, static_cast<std::size_t>(n));
        const std::size_t from = text.find(';');
        if (from == std::string::npos) continue;
        text = text.substr(from + 1);
        text = text.substr(0, text.find('\n'));
        out.push_back(std::move(text));
    }
    return out;
}

}  // namespace cowlab::kernel_runner
