// Words of a table line: numbers in, device numbers out.
#pragma once

#include <optional>
#include <string_view>

#include "base/text.h"
#include "engine/port/block_device.h"

namespace cowlab::words {

// An unsigned decimal number; a leading '+' and leading zeros are fine, nothing else is.
inline std::optional<std::uint64_t> decimal(std::string_view word) {
    if (!word.empty() && word.front() == '+') word.remove_prefix(1);
    if (word.empty()) return std::nullopt;
    std::uint64_t value = 0;
    for (const char c : word) {
        if (c < '0' || c > '9') return std::nullopt;
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (value > (UINT64_MAX - digit) / 10) return std::nullopt;
        value = value * 10 + digit;
    }
    return value;
}

struct DeviceWord {
    DeviceNumber number;
};
inline DeviceWord device(const BlockDevice& d) { return {d.number()}; }
inline TextSink& operator<<(TextSink& out, const DeviceWord& d) {
    return out << d.number.major << ":" << d.number.minor;
}

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

}  // namespace cowlab::words
