#include "cli/store/list.h"

#include <fmt/format.h>

#include <algorithm>

namespace cowlab::store {
namespace {

constexpr std::uint64_t piece_bytes = 1 << 20;

void append(ExceptionList& list, const format::Record& r, bool starts_area) {
    const std::uint64_t index = list.records++;
    if (!starts_area && !list.runs.empty()) {
        Run& last = list.runs.back();
        if (r.old_chunk == last.old_chunk + last.count &&
            r.new_chunk == last.new_chunk + last.count) {
            ++last.count;
            return;
        }
    }
    list.runs.push_back({r.old_chunk, r.new_chunk, 1, index});
}

// Adds the records of one area; true: it is full.
Result<bool> load_area(const Image& image, const Layout& layout, std::uint64_t area,
                       std::vector<std::byte>& buffer, ExceptionList& list) {
    const std::uint64_t begin = layout.byte_of(layout.area_chunk(area));
    const std::uint64_t end = begin + layout.chunk().bytes();
    for (std::uint64_t at = begin; at < end; at += buffer.size()) {
        buffer.resize(std::min(piece_bytes, end - at));
        if (auto r = image.read(at, buffer); !r) return failure(std::move(r).error());
        for (std::uint64_t i = 0; i < buffer.size() / format::record_bytes; ++i) {
            const format::Record record = format::Record::read(buffer.data(), i);
            if (record.ends_list()) return false;
            // Saturating: a number this wild is a finding elsewhere, and must not become a small
            // one.
            const std::uint64_t after = record.new_chunk.value + 1;
            list.next_free = std::max(list.next_free, ChunkIndex{after == 0 ? after - 1 : after});
            append(list, record, at == begin && i == 0);
        }
    }
    return true;
}

}  // namespace

std::optional<Usage> usage(const Image& image, const Layout& layout, const ExceptionList& list) {
    const std::uint64_t chunk = layout.chunk().sectors().value;
    if (list.next_free.value > UINT64_MAX / chunk) return std::nullopt;
    return Usage{list.next_free.value * chunk, image.bytes() / sector_bytes,
                 (list.current_area() + 2) * chunk};
}

std::string Layout::record_name(std::uint64_t index) const {
    return fmt::format("record {} of area {}", index % records_per_area(),
                       index / records_per_area());
}

Result<ExceptionList> load_list(const Image& image, const Layout& layout) {
    ExceptionList list;
    std::vector<std::byte> buffer;
    for (std::uint64_t area = 0; !list.terminated && layout.fits(layout.area_chunk(area)); ++area) {
        const std::uint64_t before = list.records;
        auto full = load_area(image, layout, area, buffer, list);
        if (!full) return failure(std::move(full).error());
        list.area_records.push_back(list.records - before);
        list.terminated = !*full;
    }
    // Never on a metadata chunk (CVE-2013-4299 was this skip missing).
    if (format::is_metadata_chunk(layout.chunk(), list.next_free))
        list.next_free = list.next_free + 1;
    return list;
}

}  // namespace cowlab::store
