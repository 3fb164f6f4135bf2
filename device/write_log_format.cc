#include "device/write_log_format.h"

#include <algorithm>

#include "base/units.h"

namespace cowlab {
namespace {

// The kernel's Documentation/admin-guide/device-mapper/log-writes.rst: a super block, then entries
// of one block, each followed by its data.
constexpr std::uint64_t log_magic = 0x6a736677736872;
constexpr std::uint64_t flag_flush = 1, flag_fua = 2, flag_discard = 4, flag_mark = 8;
constexpr std::size_t entry_bytes = 32;

std::uint64_t le64(const std::uint8_t* p) {
    std::uint64_t v = 0;
    for (int i = 7; i >= 0; --i) v = v << 8 | p[i];
    return v;
}

}  // namespace

std::vector<WriteLogEntry> parse_write_log(std::uint64_t sectors, const LogReader& read) {
    std::vector<WriteLogEntry> out;
    std::vector<std::uint8_t> block(4096);
    if (sectors < 8 || !read(0, 1, block.data())) return out;
    if (le64(block.data()) != log_magic) return out;
    const std::uint64_t entries = le64(block.data() + 16);
    const std::uint64_t unit =
        std::clamp<std::uint64_t>((le64(block.data() + 24) & 0xffffffff) / sector_bytes, 1, 8);
    std::uint64_t at = unit;
    for (std::uint64_t i = 0; i < entries && at + unit <= sectors; ++i) {
        if (!read(at, unit, block.data())) break;
        at += unit;
        WriteLogEntry e;
        e.sector = le64(block.data());
        e.sectors = le64(block.data() + 8);
        const std::uint64_t flags = le64(block.data() + 16);
        const std::uint64_t length = le64(block.data() + 24);
        e.flush = (flags & flag_flush) != 0;
        e.fua = (flags & flag_fua) != 0;
        e.discard = (flags & flag_discard) != 0;
        e.is_mark = (flags & flag_mark) != 0;
        if (e.is_mark) {
            const std::uint64_t room = unit * sector_bytes - entry_bytes;
            e.mark.assign(reinterpret_cast<const char*>(block.data()) + entry_bytes,
                          std::min(length, room));
            e.mark = e.mark.c_str();
        }
        if (!e.discard && e.sectors > 0) {
            const std::uint64_t n = e.sectors * unit;
            if (at + n > sectors) break;
            e.data.resize(n * sector_bytes);
            if (!read(at, n, e.data.data())) break;
            at += n;
        }
        out.push_back(std::move(e));
    }
    return out;
}

}  // namespace cowlab
