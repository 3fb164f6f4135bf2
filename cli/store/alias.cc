#include "cli/store/alias.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <fstream>

namespace cowlab::store {
namespace {

constexpr int depth_max = 8;  // a loop device on a partition of a loop device on …

template <class T>
bool read_attribute(const std::string& path, T& to) {
    std::ifstream file(path);
    return static_cast<bool>(file >> to);
}

std::string sysfs_of(dev_t device) {
    return fmt::format("/sys/dev/block/{}:{}", major(device), minor(device));
}

bool step_below_partition(Extent& e) {
    const std::string at = sysfs_of(e.device);
    std::uint64_t start = 0;
    unsigned disk_major = 0;
    unsigned disk_minor = 0;
    char colon = 0;
    int number = 0;
    if (!read_attribute(at + "/partition", number) || !read_attribute(at + "/start", start))
        return false;
    std::ifstream disk(at + "/../dev");
    if (!(disk >> disk_major >> colon >> disk_minor)) return false;
    e.device = makedev(disk_major, disk_minor);
    e.start += start * sector_bytes;
    return true;
}

bool step_below_loop(Extent& e) {
    const std::string at = sysfs_of(e.device) + "/loop";
    std::string path;
    std::uint64_t offset = 0;
    if (std::ifstream file(at + "/backing_file"); !std::getline(file, path)) return false;
    if (!read_attribute(at + "/offset", offset)) return false;
    struct stat st;
    if (::stat(path.c_str(), &st) != 0) return false;
    if (S_ISBLK(st.st_mode)) {
        e.device = st.st_rdev;
    } else {
        e.on = Extent::On::file;
        e.device = st.st_dev;
        e.inode = st.st_ino;
    }
    e.start += offset;
    return true;
}

}  // namespace

Extent bottom_extent(Extent e) {
    for (int depth = 0; depth < depth_max && e.on == Extent::On::block_device; ++depth) {
        if (!step_below_partition(e) && !step_below_loop(e)) break;
    }
    return e;
}

Result<void> require_apart(const FileImage& cow, const FileImage& origin) {
    const Extent a = bottom_extent(cow.extent());
    const Extent b = bottom_extent(origin.extent());
    if (!a.overlaps(b)) return {};
    const std::uint64_t first = std::max(a.start, b.start);
    const std::uint64_t end = std::min(a.start + a.bytes, b.start + b.bytes);
    if (first == a.start && first == b.start && end == a.start + a.bytes &&
        end == b.start + b.bytes) {
        return refuse(origin.name(),
                      fmt::format("is the same as the COW device {}: give the origin, the "
                                  "device the snapshot was taken of",
                                  cow.name()));
    }
    return refuse(
        origin.name(),
        fmt::format(
            "shares {} sectors, from its sector {} on, with the COW device {}: give windows "
            "that do not overlap (`dmsetup table`, `lvs -a -o +seg_pe_ranges`)",
            (end - first) / sector_bytes, (first - b.start) / sector_bytes, cow.name()));
}

}  // namespace cowlab::store
