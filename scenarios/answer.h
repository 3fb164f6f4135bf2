// Answers: what a world says to a line, and whether it is what was expected.
//
// An answer is its lines as a .out file has them: `= …`, then `| …` if there are more. They are
// equal when they are equal to the byte; nothing in an answer is approximate.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/errc.h"

namespace cowlab {

using Answer = std::vector<std::string>;

// Where two answers part: the line (from 0), and what each has there ("" if it has ended).
struct AnswerDifference {
    std::size_t line = 0;
    std::string expected;
    std::string actual;
    bool operator==(const AnswerDifference&) const = default;
};
std::optional<AnswerDifference> compare(const Answer& expected, const Answer& actual);

// The usual first lines: `= ok`, `= err EIO`, `= err EINVAL (load)`, `= open err ENOENT`, `= TEXT`.
std::string answer_text(std::string_view text);
std::string answer_of(Errc error);
std::string answer_of(Errc error, std::string_view step);
std::string answer_open_failed(Errc error);

}  // namespace cowlab
