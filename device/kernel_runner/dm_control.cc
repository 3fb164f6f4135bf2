#include "device/kernel_runner/dm_control.h"

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace cowlab::kernel_runner {
namespace {

constexpr std::size_t first_buffer = 16 * 1024;
constexpr std::size_t largest_buffer = 4 * 1024 * 1024;

dm_ioctl& header_of(std::vector<char>& buffer) {
    return *reinterpret_cast<dm_ioctl*>(buffer.data());
}

}  // namespace

DmControl::~DmControl() {
    if (fd_ >= 0) close(fd_);
}

int DmControl::open() {
    fd_ = ::open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
    return fd_ < 0 ? errno : 0;
}

void DmControl::prepare(const std::string& name, std::uint32_t flags) {
    buffer_.assign(first_buffer, '\0');
    dm_ioctl& h = header_of(buffer_);
    h.version[0] = DM_VERSION_MAJOR;
    h.data_size = static_cast<std::uint32_t>(buffer_.size());
    h.data_start = sizeof(dm_ioctl);
    h.flags = flags;
    name.copy(h.name, sizeof h.name - 1);
}

int DmControl::send(unsigned long request) {
    return ioctl(fd_, request, buffer_.data()) < 0 ? errno : 0;
}

int DmControl::call(unsigned long request, const std::string& name, std::uint32_t flags) {
    prepare(name, flags);
    return send(request);
}

int DmControl::create(const std::string& name, dev_t& number) {
    const int e = call(DM_DEV_CREATE, name, 0);
    number = static_cast<dev_t>(header_of(buffer_).dev);
    return e;
}

int DmControl::load(const std::string& name, const std::vector<DmTarget>& table, bool read_only) {
    prepare(name, read_only ? DM_READONLY_FLAG : 0);
    buffer_.resize(sizeof(dm_ioctl));
    for (const DmTarget& t : table) {
        dm_target_spec spec{};
        spec.sector_start = t.start;
        spec.length = t.length;
        if (t.type.size() >= sizeof spec.target_type) return EINVAL;
        t.type.copy(spec.target_type, sizeof spec.target_type - 1);
        const std::size_t size = (sizeof spec + t.arguments.size() + 1 + 7) / 8 * 8;
        spec.next = static_cast<std::uint32_t>(size);
        std::vector<char> bytes(size, '\0');
        std::memcpy(bytes.data(), &spec, sizeof spec);
        std::memcpy(bytes.data() + sizeof spec, t.arguments.data(), t.arguments.size());
        buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
        ++header_of(buffer_).target_count;
    }
    if (buffer_.size() < first_buffer) buffer_.resize(first_buffer);
    header_of(buffer_).data_size = static_cast<std::uint32_t>(buffer_.size());
    return send(DM_TABLE_LOAD);
}

int DmControl::suspend(const std::string& name, bool noflush, bool nolockfs) {
    return call(
        DM_DEV_SUSPEND, name,
        DM_SUSPEND_FLAG | (noflush ? DM_NOFLUSH_FLAG : 0u) | (nolockfs ? DM_SKIP_LOCKFS_FLAG : 0u));
}

int DmControl::resume(const std::string& name) { return call(DM_DEV_SUSPEND, name, 0); }
int DmControl::clear(const std::string& name) { return call(DM_TABLE_CLEAR, name, 0); }
int DmControl::remove(const std::string& name) { return call(DM_DEV_REMOVE, name, 0); }

int DmControl::rename(const std::string& from, const std::string& to) {
    prepare(from, 0);
    std::memcpy(buffer_.data() + sizeof(dm_ioctl), to.c_str(), to.size() + 1);
    return send(DM_DEV_RENAME);
}

int DmControl::message(const std::string& name, std::uint64_t sector, const std::string& text) {
    prepare(name, 0);
    if (sizeof(dm_ioctl) + sizeof(dm_target_msg) + text.size() + 1 > buffer_.size()) return EINVAL;
    auto* message = reinterpret_cast<dm_target_msg*>(buffer_.data() + sizeof(dm_ioctl));
    message->sector = sector;
    std::memcpy(message->message, text.c_str(), text.size() + 1);
    return send(DM_TARGET_MSG);
}

int DmControl::info(const std::string& name, DmInfo& out) {
    if (const int e = call(DM_DEV_STATUS, name, 0); e != 0) return e;
    const dm_ioctl& h = header_of(buffer_);
    out.number = static_cast<dev_t>(h.dev);
    out.open_count = h.open_count;
    out.event = h.event_nr;
    out.targets = h.target_count;
    out.suspended = (h.flags & DM_SUSPEND_FLAG) != 0;
    out.live = (h.flags & DM_ACTIVE_PRESENT_FLAG) != 0;
    out.inactive = (h.flags & DM_INACTIVE_PRESENT_FLAG) != 0;
    out.read_only = (h.flags & DM_READONLY_FLAG) != 0;
    return 0;
}

int DmControl::table(const std::string& name, TableKind kind, std::vector<DmTarget>& out) {
    out.clear();
    std::uint32_t flags = 0;
    if (kind != TableKind::status) flags |= DM_STATUS_TABLE_FLAG;
    if (kind == TableKind::inactive_table) flags |= DM_QUERY_INACTIVE_TABLE_FLAG;
    prepare(name, flags);
    for (;;) {
        if (const int e = send(DM_TABLE_STATUS); e != 0) return e;
        if ((header_of(buffer_).flags & DM_BUFFER_FULL_FLAG) == 0) break;
        const std::size_t size = buffer_.size() * 2;
        if (size > largest_buffer) return ENOMEM;
        prepare(name, flags);
        buffer_.resize(size);
        header_of(buffer_).data_size = static_cast<std::uint32_t>(size);
    }
    const dm_ioctl& h = header_of(buffer_);
    const std::size_t base = h.data_start;
    std::size_t at = base;
    for (std::uint32_t i = 0; i < h.target_count && at + sizeof(dm_target_spec) < buffer_.size();
         ++i) {
        dm_target_spec spec;
        std::memcpy(&spec, buffer_.data() + at, sizeof spec);
        out.push_back(
            {spec.sector_start, spec.length, spec.target_type, buffer_.data() + at + sizeof spec});
        at = base + spec.next;  // of a status: from the start of the data
    }
    return 0;
}

}  // namespace cowlab::kernel_runner
