#include "cli/store/tail_check.h"

#include <fmt/format.h>

#include <array>

namespace cowlab::store {
namespace {

constexpr std::size_t ranges_kept = 1000;

// The area in which the list ends, seen from there.
struct Tail {
    const Layout& layout;
    std::uint64_t terminator_index;
    std::uint64_t terminator;  // byte
    std::uint64_t end;         // byte: of the area

    std::uint64_t index_at(std::uint64_t byte) const {
        return terminator_index + (byte - terminator) / format::record_bytes;
    }
    std::string name_at(std::uint64_t byte) const { return layout.record_name(index_at(byte)); }
};

Result<std::vector<OldRange>> collect(const Image& image, const RecordRules& rules,
                                      std::uint64_t from, std::uint64_t end) {
    std::vector<OldRange> found;
    std::vector<std::byte> buffer;
    for (; from < end; from += buffer.size()) {
        buffer.resize(std::min<std::uint64_t>(end - from, 1 << 20));
        if (auto r = image.read(from, buffer); !r) return failure(std::move(r).error());
        for (std::uint64_t i = 0; i < buffer.size() / format::record_bytes; ++i) {
            const format::Record r = format::Record::read(buffer.data(), i);
            if (!rules.plausible(r)) continue;
            if (!found.empty() && found.back().first + found.back().count == r.old_chunk) {
                ++found.back().count;
            } else if (found.size() == ranges_kept) {
                return found;
            } else {
                found.push_back({r.old_chunk, 1});
            }
        }
    }
    return found;
}

void not_ended(const Layout& layout, const ExceptionList& list, Findings& findings) {
    findings.add(Kind::area_beyond_end, layout.byte_of_record(list.records - 1), [&](Finding& f) {
        f.what = fmt::format("area {} is full and area {} would lie beyond the end of the image",
                             list.area_records.size() - 1, list.area_records.size());
        f.consequence =
            "no kernel loads it (EIO): the image was cut off, or the last record is not one";
    });
}

void terminator_not_zero(const Tail& tail, Findings& findings) {
    findings.add(Kind::terminator_not_zero, tail.terminator, [&](Finding& f) {
        f.what = fmt::format("{} has new chunk 0 but an old chunk", tail.name_at(tail.terminator));
        f.consequence =
            "the list ends here, although a record stood here: it and all behind it are not served";
    });
}

void records_behind(const Tail& tail, std::uint64_t next, Findings& findings) {
    const bool other_sector = next % sector_bytes == 0;
    const Kind kind = other_sector ? Kind::records_after_terminator : Kind::hole_in_list;
    findings.add(kind, other_sector ? next : tail.terminator, [&](Finding& f) {
        f.other = other_sector ? tail.terminator : next;
        if (other_sector) {
            f.what = fmt::format(
                "records go on at {} behind the end of the list ({}), in another sector: the "
                "last write of the area was torn, or a sector was lost",
                tail.name_at(next), tail.name_at(tail.terminator));
            f.consequence =
                "they are not served; a kernel that goes on with the store revives them later "
                "(cowlab clears them)";
        } else {
            f.what = fmt::format(
                "{} is zero, yet records follow in the same sector, from {}: no power loss "
                "does that",
                tail.name_at(tail.terminator), tail.name_at(next));
            f.consequence = "the list ends here: the records behind are not served";
        }
    });
}

}  // namespace

Result<std::vector<OldRange>> check_tail(const Image& image, const Layout& layout,
                                         const RecordRules& rules, const ExceptionList& list,
                                         Findings& findings) {
    if (!list.terminated) {
        not_ended(layout, list, findings);
        return {};
    }
    const std::uint64_t begin = layout.byte_of(layout.area_chunk(list.current_area()));
    const Tail tail{layout, list.records, begin + list.area_records.back() * format::record_bytes,
                    begin + layout.chunk().bytes()};

    std::array<std::byte, format::record_bytes> bytes;
    if (auto r = image.read(tail.terminator, bytes); !r) return failure(std::move(r).error());
    const bool terminator_zero = all_zero(bytes.data(), bytes.size());
    if (!terminator_zero) terminator_not_zero(tail, findings);

    auto behind = first_nonzero(image, tail.terminator + format::record_bytes, tail.end);
    if (!behind) return failure(std::move(behind).error());
    if (*behind == tail.end) return {};
    const std::uint64_t next = *behind - *behind % format::record_bytes;
    if (auto r = image.read(next, bytes); !r) return failure(std::move(r).error());
    const format::Record follows = format::Record::read(bytes.data(), 0);
    if (!rules.plausible(follows)) {
        findings.add(Kind::tail_not_zero, *behind, [&](Finding& f) {
            f.other = tail.terminator;
            f.what =
                fmt::format("behind the end of the list ({}) stands something that is no record",
                            tail.name_at(tail.terminator));
            f.consequence =
                "a kernel that goes on with the store keeps it and may take it for exceptions "
                "later (cowlab clears it)";
        });
    } else if (terminator_zero) {  // otherwise that finding says it already
        records_behind(tail, next, findings);
    }
    return collect(image, rules, next, tail.end);
}

}  // namespace cowlab::store
