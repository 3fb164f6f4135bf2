// One line of a file, without the answer below it, to a Step.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "scenarios/arguments.h"
#include "scenarios/scenario.h"

namespace cowlab {

// Sets what the line says in `step` (which is reset first), and Source::text. Gives the reason if
// the line is refused: what is wrong, and what to write instead. In the golden dialect only words
// of the laboratory are refused; a line that is not understood becomes an unknown or a malformed
// step.
std::optional<std::string> parse_line(std::string_view line, Dialect dialect, Step& step);

}  // namespace cowlab
