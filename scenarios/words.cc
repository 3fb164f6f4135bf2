#include "scenarios/words.h"

#include <algorithm>
#include <array>

namespace cowlab {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

constexpr int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// The length of the UTF-8 sequence at the start of `s`; 0 if there is none (overlong forms,
// surrogates and what is beyond U+10FFFF are none). REQUIRES: s is not empty.
std::size_t utf8_length(std::string_view s) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || s.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return 0;
    }
    const unsigned second = byte(1);
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
    if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
    return length;
}

std::size_t text_length(std::string_view s) {
    const auto c = static_cast<unsigned char>(s[0]);
    if ((c < 0x20 && c != '\t') || c == 0x7F) return 0;
    return utf8_length(s);
}

constexpr std::size_t longest_compared = 24;

// Levenshtein's distance. REQUIRES: a and b are at most longest_compared long.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::array<std::size_t, longest_compared + 1> row{};
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row[b.size()];
}

}  // namespace

std::string_view trim(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

std::string_view Words::peek() const {
    std::size_t n = 0;
    while (n < left_.size() && !is_blank(left_[n])) ++n;
    return left_.substr(0, n);
}

std::string_view Words::next() {
    const std::string_view word = peek();
    left_.remove_prefix(word.size());
    while (!left_.empty() && is_blank(left_.front())) left_.remove_prefix(1);
    return word;
}

std::string_view Words::rest() {
    const std::string_view all = left_;
    left_ = {};
    return all;
}

Number number_from(std::string_view word, std::uint64_t most) {
    const bool hexadecimal = word.starts_with("0x") || word.starts_with("0X");
    const std::uint64_t base = hexadecimal ? 16 : 10;
    if (hexadecimal) word.remove_prefix(2);
    if (word.empty()) return {0, NumberFault::not_a_number};
    Number n;
    for (const char c : word) {
        const int digit = hex_digit(c);
        if (digit < 0 || static_cast<std::uint64_t>(digit) >= base) {
            return {0, NumberFault::not_a_number};
        }
        const unsigned __int128 wide =
            static_cast<unsigned __int128>(n.value) * base + static_cast<unsigned>(digit);
        if (wide > most) n.fault = NumberFault::too_large;  // a bad digit may still follow
        if (n.fault == NumberFault::none) n.value = static_cast<std::uint64_t>(wide);
    }
    if (n.fault != NumberFault::none) n.value = 0;
    return n;
}

Number ordinal_from(std::string_view word) {
    for (const std::string_view ending : {"st", "nd", "rd", "th"}) {
        if (word.size() > ending.size() && word.ends_with(ending)) {
            word.remove_suffix(ending.size());
            break;
        }
    }
    if (word.starts_with("0x")) return {0, NumberFault::not_a_number};
    return number_from(word, UINT64_MAX);
}

bool is_name(std::string_view word) {
    if (word.empty() || word.size() > name_size_most) return false;
    if (!is_letter(word[0]) && !is_digit(word[0]) && word[0] != '_') return false;
    return std::all_of(word.begin(), word.end(), [](char c) {
        return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.' || c == '+';
    });
}

bool is_hex_bytes(std::string_view word) {
    return !word.empty() && word.size() % 2 == 0 &&
           std::all_of(word.begin(), word.end(), [](char c) { return hex_digit(c) >= 0; });
}

std::optional<std::size_t> column_that_is_not_text(std::string_view line) {
    for (std::size_t i = 0; i < line.size();) {
        const std::size_t n = text_length(line.substr(i));
        if (n == 0) return i + 1;
        i += n;
    }
    return std::nullopt;
}

std::string in_quotes(std::string_view word) {
    constexpr std::size_t most = 40;
    std::string text = "\"";
    std::size_t i = 0;
    while (i < word.size() && i < most) {
        const std::size_t n = text_length(word.substr(i));
        if (n == 0) {
            text += '?';
        } else {
            text += word.substr(i, n);
        }
        i += n == 0 ? 1 : n;
    }
    if (i < word.size()) text += "…";
    return text += '"';
}

std::string alternatives(std::span<const std::string_view> words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
        text += words[i];
    }
    return text;
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
    if (word.size() > longest_compared) return {};
    std::string_view best;
    std::size_t best_distance = word.size() / 3 + 2;  // as far as this is no help
    for (const std::string_view candidate : candidates) {
        if (candidate.size() > longest_compared) continue;
        const std::size_t distance = edit_distance(word, candidate);
        if (distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

}  // namespace cowlab
