// The atoms of a line: words between blanks, numbers, names, and how an error quotes them.
//
// Everything takes any bytes and works in time linear in its argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cowlab {

// Blanks separate words and are dropped around a line. (Line ends other than LF count as blanks.)
constexpr bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}
std::string_view trim(std::string_view text);

class Words {
  public:
    explicit Words(std::string_view line) : left_(trim(line)) {}
    bool at_end() const { return left_.empty(); }
    std::string_view peek() const;
    std::string_view next();  // empty at the end
    // All that is left, as it stands, blanks around it dropped.
    std::string_view rest();

  private:
    std::string_view left_;
};

enum class NumberFault : std::uint8_t { none, not_a_number, too_large };
struct Number {
    std::uint64_t value = 0;
    NumberFault fault = NumberFault::none;
};
// Decimal, or hexadecimal after 0x; `most` is the largest value allowed.
Number number_from(std::string_view word, std::uint64_t most);
// A count that begins with 1: `3`, also `3rd` (`st`, `nd`, `rd` and `th` are not told apart).
Number ordinal_from(std::string_view word);

inline constexpr std::size_t name_size_most = 127;  // DM_NAME_LEN without its zero
bool is_name(std::string_view word);
bool is_hex_bytes(std::string_view word);

// The column (from 1) of the first byte that is not text: a control character other than the tab,
// or no UTF-8.
std::optional<std::size_t> column_that_is_not_text(std::string_view line);

// In quotes, shortened when it is long, bytes that are not text replaced: safe in any message.
std::string in_quotes(std::string_view word);
// "a, b or c".
std::string alternatives(std::span<const std::string_view> words);
// The candidate with the smallest edit distance; empty when none is near.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace cowlab
