#include "scenarios/line_parser.h"

#include <fmt/format.h>

#include "scenarios/form.h"
#include "scenarios/option_parser.h"
#include "scenarios/words.h"

namespace cowlab {
namespace {

class LineParser final : public OptionParser {
  public:
    using OptionParser::OptionParser;
    bool parse();

  private:
    bool parse_head();
    bool parse_slot(std::string_view placeholder);
    bool parse_io_line();
    bool parse_table();
};

bool LineParser::parse() {
    const std::string_view word = words_.next();
    verb_ = step_.verb = verb_named(word);
    if (!strict_ && (is_laboratory(verb_) || is_header_word(word))) return refuse_laboratory(word);
    if (verb_ != Verb::unknown) return parse_head() && parse_options() && take_nothing_more();
    const std::string_view near = nearest(word, first_words());
    return fail(near.empty()
                    ? fmt::format("unknown verb {}: scenarios/scenario.h and golden/README.md "
                                  "list the verbs",
                                  in_quotes(word))
                    : fmt::format("unknown verb {}: did you mean \"{}\"?", in_quotes(word), near));
}

bool LineParser::parse_head() {
    for (Words head(form_of(verb_).head); !head.at_end();) {
        if (!parse_slot(head.next())) return false;
    }
    return true;
}

bool LineParser::parse_slot(std::string_view p) {
    switch (slot_of(p)) {
        case Slot::name: return take_name(p, step_.name.empty() ? step_.name : step_.other);
        case Slot::job: return take_name(p, step_.job);
        case Slot::start: return take_sectors(p, step_.start);
        case Slot::count: return take_sectors(p, step_.count);
        case Slot::seed: return take_number(p, step_.seed, UINT64_MAX);
        case Slot::byte: return take_bytes(p, step_.byte);
        case Slot::length: return take_bytes(p, step_.length);
        case Slot::entries: return take_number(p, step_.entries, UINT64_MAX);
        case Slot::ms: return take_ms(p, step_.ms.emplace());
        case Slot::point: return take_name(p, step_.pin.point);
        case Slot::nth: return take_ordinal(p, step_.pin.nth);
        case Slot::choice: return take_number(p, step_.pin.choice, UINT64_MAX);
        case Slot::hex: {
            std::string_view word;
            if (!take_word(p, word)) return false;
            if (!is_hex_bytes(word)) {
                return fail(fmt::format("{} {} is not hexadecimal: write two digits for each byte",
                                        p, in_quotes(word)));
            }
            step_.text = word;
            return true;
        }
        case Slot::table: return parse_table();
        case Slot::text:
            step_.text = words_.rest();
            if (step_.text.empty() && strict_) {
                return fail(fmt::format("{} is missing: the form is \"{}\"", p, form()));
            }
            return true;
        case Slot::io_line: return parse_io_line();
    }
    return fail("no such slot");
}

// The verb of a background job or of a lane. One level deep: bg and lane are no I/O verbs.
bool LineParser::parse_io_line() {
    std::string_view word;
    if (!take_word("IO-LINE", word)) return false;
    const Verb outer = verb_;
    step_.io_verb = verb_named(word);
    if (!is_io(step_.io_verb)) {
        return fail(
            fmt::format("{} is no I/O verb: {} takes write, read, flush, discard, zeroout, "
                        "limits, hex or writebytes",
                        in_quotes(word), name_of(outer)));
    }
    verb_ = step_.io_verb;
    return parse_head();
}

// Words joined by one blank. A scenario's table must have the shape dmsetup asks for (START LENGTH
// TARGET, targets separated by a lone `;`); whether it means anything is the device mapper's to
// say, as errors of tables are behaviour too.
bool LineParser::parse_table() {
    std::size_t place = 0;  // in the target: 0 START, 1 LENGTH, 2 TARGET, then arguments
    bool shaped = true;
    while (!words_.at_end()) {
        const std::string_view word = words_.next();
        if (strict_ && word.size() > 1 && word.find(';') != std::string_view::npos) {
            return fail(
                fmt::format("{} joins two targets: put blanks around the ;", in_quotes(word)));
        }
        if (word == ";") {
            shaped = shaped && place >= 3;
            place = 0;
        } else {
            const bool number = word.find_first_not_of("0123456789") == std::string_view::npos;
            shaped = shaped && (place > 1 || number);
            ++place;
        }
        if (!step_.text.empty()) step_.text += ' ';
        step_.text += word;
    }
    if (!strict_) return true;
    if (step_.text.empty())
        return fail(fmt::format("TABLE is missing: the form is \"{}\"", form()));
    if (shaped && place >= 3) return true;
    return fail(
        fmt::format("table {}: a target is START LENGTH TARGET ARGS, several are separated "
                    "by \" ; \"",
                    in_quotes(step_.text)));
}

}  // namespace

std::optional<std::string> parse_line(std::string_view line, Dialect dialect, Step& step) {
    line = trim(line);
    step = Step{};
    LineParser parser(line, dialect, step);
    std::optional<std::string> reason;
    if (!parser.parse()) {
        if (dialect == Dialect::scenario || parser.is_refused()) {
            reason = parser.error();
        } else {
            const Verb verb = step.verb;
            step = Step{};
            step.verb = verb;
            step.malformed = verb != Verb::unknown;
            step.text = line;
        }
    }
    step.source.text = line;
    return reason;
}

}  // namespace cowlab
