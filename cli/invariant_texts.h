// The invariants' sentences, as docs/invariants.md has them (a test compares), for the last screen
// of a failing run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cowlab {

// Empty for a number that has none.
std::string_view invariant_text(std::uint32_t number);
// Its first sentence, with the devices by their names instead of the page's letters O and C.
std::string invariant_sentence(std::uint32_t number);

}  // namespace cowlab
