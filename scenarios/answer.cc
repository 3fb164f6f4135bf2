#include "scenarios/answer.h"

#include <algorithm>

#include <fmt/format.h>

namespace cowlab {

std::optional<AnswerDifference> compare(const Answer& expected, const Answer& actual) {
    const std::size_t lines = std::max(expected.size(), actual.size());
    const auto line_of = [](const Answer& a, std::size_t i) {
        return i < a.size() ? a[i] : std::string();
    };
    for (std::size_t i = 0; i < lines; ++i) {
        const bool both = i < expected.size() && i < actual.size();
        if (both && expected[i] == actual[i]) continue;
        return AnswerDifference{i, line_of(expected, i), line_of(actual, i)};
    }
    return std::nullopt;
}

std::string answer_text(std::string_view text) { return std::string("= ").append(text); }

std::string answer_of(Errc error) {
    return error == Errc::ok ? "= ok" : fmt::format("= err {}", name_of(error));
}

std::string answer_of(Errc error, std::string_view step) {
    return error == Errc::ok ? "= ok" : fmt::format("= err {} ({})", name_of(error), step);
}

std::string answer_open_failed(Errc error) { return fmt::format("= open err {}", name_of(error)); }

}  // namespace cowlab
