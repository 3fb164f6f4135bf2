// What can be wrong with a store, by stable names: scripts and tests depend on the words.
//
//     damaged      what is read through the list may be wrong, or the store does not load
//     state        a well-formed store that serves nothing (never made, or invalidated)
//     suspicious   the list can be served; but a crash, an older kernel or something else has left
//                  what no kernel since 3.14 and no cowlab would have written in peace
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cowlab::store {

enum class Severity : std::uint8_t { damaged, state, suspicious };

enum class Kind : std::uint8_t {
    // the header
    blank,
    bad_magic,
    magic_zeroed,
    bad_version,
    bad_chunk_size,
    chunk_size_changed,
    chunk_size_doubtful,
    chunk_size_not_multiple,
    image_too_small,
    invalidated,
    invalid_flag,
    header_not_zero,
    // one record
    record_new_reserved,
    record_new_on_metadata,
    record_new_out_of_range,
    record_old_out_of_range,
    // records among each other
    duplicate_new,
    duplicate_old,
    record_new_out_of_place,
    not_in_allocation_order,
    // the end of the list
    area_beyond_end,
    terminator_not_zero,
    hole_in_list,
    records_after_terminator,
    tail_not_zero,
};
inline constexpr std::size_t kind_count = 25;

std::string_view name_of(Kind kind);
Severity severity_of(Kind kind);
std::string_view name_of(Severity severity);

struct Finding {
    Kind kind;
    std::uint64_t offset;                // bytes from the start of the image
    std::optional<std::uint64_t> other;  // the other record of a pair
    std::string what;
    std::string consequence;  // one clause
};

// Findings in the order of their offsets. A store of garbage has millions: the first `limit` of
// them are kept, all are counted.
class Findings {
  public:
    static constexpr std::size_t limit = 1000;

    template <class Describe>  // fills in what and consequence; called for findings that are kept
    void add(Kind kind, std::uint64_t offset, Describe&& describe) {
        ++count_[static_cast<std::size_t>(severity_of(kind))];
        if (kept_.size() == limit) return;
        describe(kept_.emplace_back(Finding{kind, offset, std::nullopt, {}, {}}));
    }
    void sort();

    const std::vector<Finding>& kept() const { return kept_; }
    std::uint64_t count(Severity s) const { return count_[static_cast<std::size_t>(s)]; }
    std::uint64_t count() const { return count_[0] + count_[1] + count_[2]; }
    // The first that stands against serving the store; nullptr: none. Each suspicious kind is added
    // at most once, so a serious finding is always among those kept.
    const Finding* first_serious() const;

  private:
    std::vector<Finding> kept_;
    std::uint64_t count_[3] = {};
};

}  // namespace cowlab::store
