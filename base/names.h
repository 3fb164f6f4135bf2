// Are two names the same? Names differ at their ends (cow0, cow1) more than anywhere else, and most
// comparisons are of names that do differ.
#pragma once

#include <cstring>
#include <string_view>

namespace cowlab {

inline bool same_name(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    return a.empty() ||
           (a.back() == b.back() && std::memcmp(a.data(), b.data(), a.size() - 1) == 0);
}

}  // namespace cowlab
