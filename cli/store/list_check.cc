// The rules of a list, in the order in which they are tried:
//
//   1. a record by itself: its old chunk lies on the origin, its new chunk on the COW device and
//      not on metadata;
//   2. no new chunk is used twice. Of two records the one out of its place (layout.h) is the wrong
//      one, for the other stands where the allocator put it;
//   3. a record alone out of its place, between neighbours in theirs and with nobody else in it,
//      was changed after it was written. Any other disorder may be the work of a kernel before
//      3.14, which committed exceptions as their copies ended and leaked chunks at a crash: that is
//      suspicious, not damage;
//   4. no old chunk is mapped twice. Nothing tells which of the two is wrong; the first is served,
//      as the kernel does.
#include "cli/store/list_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/store/serving_map.h"

namespace cowlab::store {
namespace {

struct Displaced {
    std::uint64_t index;
    format::Record record;
};

class ListCheck {
  public:
    ListCheck(const Layout& layout, const RecordRules& rules, const ExceptionList& list,
              Findings& findings)
        : layout_(layout), rules_(rules), list_(list), findings_(findings) {}

    ListReport run() {
        for (const Run& r : list_.runs) each_by_itself(r);
        duplicate_new_chunks();
        disorder();
        std::vector<std::uint64_t>& lost = report_.lost;
        std::sort(lost.begin(), lost.end());
        lost.erase(std::unique(lost.begin(), lost.end()), lost.end());
        report_.map = serving_map(
            list_.runs, lost,
            [this](std::uint64_t later, std::uint64_t first) { duplicate_old(later, first); });
        return std::move(report_);
    }

  private:
    std::string record_name(std::uint64_t index) const { return layout_.record_name(index); }
    std::string record_text(std::uint64_t index, const format::Record& r) const {
        return fmt::format("{} maps old chunk {} to new chunk {}", record_name(index),
                           r.old_chunk.value, r.new_chunk.value);
    }
    void lose(Kind kind, std::uint64_t index, const format::Record& r, std::string_view more,
              std::string_view consequence) {
        report_.lost.push_back(index);
        findings_.add(kind, layout_.byte_of_record(index), [&](Finding& f) {
            f.what = fmt::format("{}{}", record_text(index, r), more);
            f.consequence = consequence;
        });
    }

    void each_by_itself(const Run& run) {
        const bool in_place = run.new_chunk == layout_.place_of(run.first);
        const bool whole = layout_.fits(run.new_chunk + (run.count - 1)) &&
                           run.old_chunk.value < rules_.old_chunks() &&
                           run.count <= rules_.old_chunks() - run.old_chunk.value;
        if (in_place && whole) return;
        for (std::uint64_t i = 0; i < run.count; ++i) {
            const format::Record r{run.old_chunk + i, run.new_chunk + i};
            const std::uint64_t index = run.first + i;
            if (!in_place) moved_.push_back(index);
            const auto bad_new = rules_.broken_by_new(r.new_chunk);
            const auto bad_old = rules_.broken_by_old(r.old_chunk);
            if (bad_new) {
                lose_for_new(*bad_new, index, r);
            } else if (bad_old) {
                lose(*bad_old, index, r,
                     fmt::format(", the origin has {} chunks", rules_.old_chunks()),
                     "nothing of the snapshot can be read through it: damaged, or not the "
                     "right origin");
            }
            if (!in_place && !bad_new) displaced_.push_back({index, r});
        }
    }

    void lose_for_new(Kind kind, std::uint64_t index, const format::Record& r) {
        if (kind == Kind::record_new_reserved) {
            return lose(kind, index, r, ", which needs more than 56 bits",
                        "a kernel takes the top byte for a run length and maps wrong chunks");
        }
        if (kind == Kind::record_new_on_metadata) {
            return lose(kind, index, r, ", which holds exception records",
                        "reads return metadata, a write destroys the exceptions of an area");
        }
        lose(kind, index, r, fmt::format(", the image has {} whole chunks", layout_.chunks()),
             "reads of the old chunk fail with EIO: damaged, or the image was cut off");
    }

    bool in_place(std::uint64_t index) const {
        return index < list_.records && !std::binary_search(moved_.begin(), moved_.end(), index);
    }

    void duplicate_new_chunks() {
        std::vector<Displaced> by_new = displaced_;
        std::sort(by_new.begin(), by_new.end(), [](const Displaced& a, const Displaced& b) {
            return a.record.new_chunk != b.record.new_chunk
                       ? a.record.new_chunk < b.record.new_chunk
                       : a.index < b.index;
        });
        for (std::size_t i = 0; i < by_new.size(); ++i) {
            const Displaced& d = by_new[i];
            claimed_.push_back(d.record.new_chunk);
            const auto owner = layout_.record_placed_at(d.record.new_chunk);
            std::optional<std::uint64_t> first;
            if (owner && in_place(*owner)) {
                first = *owner;
            } else if (i > 0 && by_new[i - 1].record.new_chunk == d.record.new_chunk) {
                first = claimed_by_;
            } else {
                claimed_by_ = d.index;
            }
            if (!first) continue;
            duplicates_.push_back(d.index);
            report_.lost.push_back(d.index);
            findings_.add(Kind::duplicate_new, layout_.byte_of_record(d.index), [&](Finding& f) {
                f.what = fmt::format("{}, which {} uses as well", record_text(d.index, d.record),
                                     record_name(*first));
                f.consequence = "one of two old chunks reads the other's data";
                f.other = layout_.byte_of_record(*first);
            });
        }
        std::sort(duplicates_.begin(), duplicates_.end());
    }

    void disorder() {
        std::uint64_t unexplained = 0;
        std::uint64_t first = 0;
        for (const Displaced& d : displaced_) {
            if (std::binary_search(duplicates_.begin(), duplicates_.end(), d.index)) continue;
            const ChunkIndex place = layout_.place_of(d.index);
            const bool alone = (d.index == 0 || in_place(d.index - 1)) &&
                               (d.index + 1 == list_.records || in_place(d.index + 1)) &&
                               !std::binary_search(claimed_.begin(), claimed_.end(), place);
            if (alone) {
                lose(Kind::record_new_out_of_place, d.index, d.record,
                     fmt::format(", but stands where chunk {} was allocated", place.value),
                     "the old chunk reads wrong data: the number was changed after it was written");
            } else if (unexplained++ == 0) {
                first = d.index;
            }
        }
        if (unexplained == 0) return;
        findings_.add(
            Kind::not_in_allocation_order, layout_.byte_of_record(first), [&](Finding& f) {
                f.what =
                    fmt::format("{} of {} records are out of the order of allocation, first {}",
                                unexplained, list_.records, record_name(first));
                f.consequence =
                    "harmless if a kernel before 3.14 wrote the store; otherwise these old chunks "
                    "may read wrong data";
            });
    }

    void duplicate_old(std::uint64_t later, std::uint64_t first) {
        findings_.add(Kind::duplicate_old, layout_.byte_of_record(later), [&](Finding& f) {
            f.what = fmt::format("{} maps the same old chunk as {}", record_name(later),
                                 record_name(first));
            f.consequence =
                "one of the two is wrong: kernels since 5.2 serve the first, older ones the last";
            f.other = layout_.byte_of_record(first);
        });
    }

    const Layout& layout_;
    const RecordRules& rules_;
    const ExceptionList& list_;
    Findings& findings_;
    ListReport report_;
    std::vector<std::uint64_t> moved_;  // every record not in its place, ascending
    std::vector<Displaced> displaced_;  // of these, the ones with a possible new chunk
    std::vector<ChunkIndex> claimed_;   // their new chunks, ascending
    std::vector<std::uint64_t> duplicates_;
    std::uint64_t claimed_by_ = 0;
};

}  // namespace

ListReport check_list(const Layout& layout, const RecordRules& rules, const ExceptionList& list,
                      Findings& findings) {
    return ListCheck(layout, rules, list, findings).run();
}

}  // namespace cowlab::store
