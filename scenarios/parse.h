// From a file's text to a Scenario, or to one sentence that says which line is wrong and what to
// write instead.
//
// A text that begins with `cowlab 1` (comments and empty lines may come first) is read strictly:
// the first line that is not understood is the error. Any other text is a golden case, in which
// only two things are refused: words of the laboratory (the writer forgot the header) and a
// language version this program does not read. Both parsers take any bytes, in linear time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "scenarios/scenario.h"

namespace cowlab {

// `filename` is what errors name: Error.where is FILENAME:LINE.
Result<Scenario> parse(std::string_view text, std::string_view filename);

// One line of a .out file and what was answered to it.
struct Exchange {
    std::uint32_t line = 0;
    std::string input;
    std::vector<std::string> answer;    // `= …`, then `| …`; empty if nothing was answered
    std::vector<std::string> log;       // `# k: …`
    std::vector<std::string> comments;  // the trace's, before the line
    bool operator==(const Exchange&) const = default;
};
Result<std::vector<Exchange>> parse_out(std::string_view text, std::string_view filename);

}  // namespace cowlab
