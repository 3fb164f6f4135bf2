#include "scenarios/parse.h"

#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "scenarios/form.h"
#include "scenarios/header_parser.h"
#include "scenarios/line_parser.h"
#include "scenarios/words.h"

namespace cowlab {
namespace {

constexpr std::size_t line_size_most = std::size_t{1} << 20;

// Cuts a text into lines; a last line without a line end counts.
class Lines {
  public:
    explicit Lines(std::string_view text) : left_(text) {}
    bool next(std::string_view& line) {
        if (left_.empty()) return false;
        const std::size_t end = left_.find('\n');
        line = left_.substr(0, end);
        left_.remove_prefix(end == std::string_view::npos ? left_.size() : end + 1);
        return true;
    }

  private:
    std::string_view left_;
};

bool is_comment(std::string_view trimmed) { return trimmed.empty() || trimmed[0] == '#'; }

// The first line that is not a comment begins with the word `cowlab`.
bool has_header(std::string_view text) {
    Lines lines(text);
    for (std::string_view line; lines.next(line);) {
        if (!is_comment(trim(line))) return Words(line).next() == "cowlab";
    }
    return false;
}

bool is_answer(std::string_view trimmed) {
    return trimmed == "=" || trimmed == "|" || trimmed.starts_with("= ") ||
           trimmed.starts_with("| ");
}

// What a strict parse refuses before it looks at words.
std::optional<std::string> fault_of_bytes(std::string_view line) {
    if (line.size() > line_size_most) {
        return fmt::format("a line of {} bytes: use at most {}", line.size(), line_size_most);
    }
    const auto column = column_that_is_not_text(line);
    if (!column) return std::nullopt;
    const auto byte = static_cast<unsigned char>(line[*column - 1]);
    if (byte == '\r' && *column == line.size()) {
        return "the line ends with a carriage return: save the file with Unix line ends";
    }
    return fmt::format(
        "byte 0x{:02x} in column {} is not text: save the file as UTF-8, without "
        "control characters",
        byte, *column);
}

class FileParser {
  public:
    explicit FileParser(bool strict)
        : dialect_(strict ? Dialect::scenario : Dialect::golden), header_(scenario_.header) {}

    // Gives the reason if the line is refused.
    std::optional<std::string> take(std::string_view line);
    Scenario finish();

  private:
    using Reason = std::optional<std::string>;
    bool is_strict() const { return dialect_ == Dialect::scenario; }
    void take_comment(std::string_view line, std::string_view trimmed);
    Reason take_version(std::string_view trimmed);
    Reason take_header(std::string_view trimmed);
    Reason take_answer(std::string_view line, std::string_view trimmed);
    Reason take_step(std::string_view trimmed);
    std::vector<std::string> pending_comments();

    Dialect dialect_;
    Scenario scenario_;
    HeaderParser header_;
    std::uint32_t line_ = 0;
    std::vector<std::string> comments_;         // since the last line that was none
    std::vector<std::string> header_comments_;  // between header lines: they move below
};

std::optional<std::string> FileParser::take(std::string_view line) {
    ++line_;
    if (is_strict()) {
        if (auto reason = fault_of_bytes(line)) return reason;
    }
    const std::string_view trimmed = trim(line);
    if (is_comment(trimmed)) {
        take_comment(line, trimmed);
        return std::nullopt;
    }
    if (is_strict() && scenario_.version == 0) return take_version(trimmed);
    if (is_strict() && is_header_word(Words(trimmed).next())) return take_header(trimmed);
    const bool answers = is_strict() || scenario_.form == Form::out;
    if (answers && is_answer(trimmed) && (is_strict() || !scenario_.steps.empty())) {
        return take_answer(line, trimmed);
    }
    return take_step(trimmed);
}

void FileParser::take_comment(std::string_view line, std::string_view trimmed) {
    const std::string_view kept = is_strict() ? trimmed : line;
    if (scenario_.form == Form::out && comments_.empty() && kept.starts_with("# k:")) {
        scenario_.steps.back().log.emplace_back(kept);
    } else {
        comments_.emplace_back(kept);
    }
}

std::optional<std::string> FileParser::take_version(std::string_view trimmed) {
    if (auto reason = check_version_line(trimmed)) return reason;
    scenario_.version = language_version;
    scenario_.preamble = std::exchange(comments_, {});
    return std::nullopt;
}

std::optional<std::string> FileParser::take_header(std::string_view trimmed) {
    if (!scenario_.steps.empty()) {
        return fmt::format("{} below the first verb: move the line up, below \"cowlab 1\"",
                           in_quotes(Words(trimmed).next()));
    }
    for (std::string& comment : comments_) {
        if (!comment.empty()) header_comments_.push_back(std::move(comment));
    }
    comments_.clear();
    return header_.parse(trimmed);
}

// An answer is kept to the byte in the .out form; a hand-written one without the blanks around it.
std::optional<std::string> FileParser::take_answer(std::string_view line,
                                                   std::string_view trimmed) {
    const bool first = trimmed[0] == '=';
    if (is_strict()) {
        const bool placed = !scenario_.steps.empty() && comments_.empty() &&
                            scenario_.steps.back().expected.empty() == first;
        if (!placed && first) {
            return "an answer that belongs to no line: put it directly below the line it answers, "
                   "one for each line";
        }
        if (!placed) return "\"|\" without an answer above it: begin the answer with \"= \"";
    }
    if (scenario_.form == Form::out) {
        trimmed = line.substr(static_cast<std::size_t>(trimmed.data() - line.data()));
    }
    std::string& answer = scenario_.steps.back().expected.emplace_back(trimmed);
    if (answer.size() == 1) answer += ' ';
    return std::nullopt;
}

std::optional<std::string> FileParser::take_step(std::string_view trimmed) {
    const bool marked = trimmed.starts_with("> ");
    if (scenario_.steps.empty()) scenario_.form = marked ? Form::out : Form::plain;
    const bool out = scenario_.form == Form::out;
    if (is_strict() && out != marked) {
        return out ? fmt::format(
                         "{} without \"> \": in a file whose first line has it, every "
                         "line that is answered begins with it",
                         in_quotes(trimmed))
                   : "\"> \" before a line: put it before every line, or before none";
    }
    if (out && marked) trimmed = trim(trimmed.substr(2));

    Step step;
    if (auto reason = parse_line(trimmed, dialect_, step)) return reason;
    step.source.line = line_;
    step.comments = pending_comments();
    scenario_.steps.push_back(std::move(step));
    return std::nullopt;
}

std::vector<std::string> FileParser::pending_comments() {
    std::vector<std::string> all = std::exchange(header_comments_, {});
    all.insert(all.end(), std::make_move_iterator(comments_.begin()),
               std::make_move_iterator(comments_.end()));
    comments_.clear();
    return all;
}

Scenario FileParser::finish() {
    scenario_.epilogue = pending_comments();
    return std::move(scenario_);
}

}  // namespace

Result<Scenario> parse(std::string_view text, std::string_view filename) {
    FileParser parser(has_header(text));
    Lines lines(text);
    std::uint64_t number = 0;
    for (std::string_view line; lines.next(line);) {
        ++number;
        if (auto reason = parser.take(line)) {
            return refuse(fmt::format("{}:{}", filename, number), *std::move(reason));
        }
    }
    return parser.finish();
}

Result<std::vector<Exchange>> parse_out(std::string_view text, std::string_view filename) {
    Result<Scenario> scenario = parse(text, filename);
    if (!scenario) return failure(std::move(scenario).error());
    std::vector<Exchange> exchanges;
    exchanges.reserve(scenario->steps.size());
    for (Step& step : scenario->steps) {
        exchanges.push_back({step.source.line, std::move(step.source.text),
                             std::move(step.expected), std::move(step.log),
                             std::move(step.comments)});
    }
    return exchanges;
}

}  // namespace cowlab
