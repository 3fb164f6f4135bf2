#include "device/loop_device.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

namespace cowlab {
namespace {

constexpr int tries = 20;  // others take free devices at the same time

}  // namespace

std::optional<DirectFile> attach_loop_device(const DirectFile& file, Sectors logical_block) {
    const int control = ::open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0) return {};
    std::optional<DirectFile> out;
    for (int i = 0; i < tries && !out; ++i) {
        const int number = ::ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0) break;
        const std::string path = fmt::format("/dev/loop{}", number);
        const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
        if (fd < 0) break;
        loop_config config{};
        config.fd = static_cast<std::uint32_t>(file.descriptor());
        config.block_size = static_cast<std::uint32_t>(logical_block.bytes());
        config.info.lo_flags = LO_FLAGS_DIRECT_IO | LO_FLAGS_AUTOCLEAR;
        const bool attached = ::ioctl(fd, LOOP_CONFIGURE, &config) == 0;
        const bool taken = !attached && errno == EBUSY;
        if (attached) {
            if (auto opened = DirectFile::open(path)) out = std::move(*opened);
        }
        ::close(fd);
        if (!taken && !out) break;
    }
    ::close(control);
    return out;
}

}  // namespace cowlab
