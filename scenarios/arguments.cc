#include "scenarios/arguments.h"

#include <vector>

#include <fmt/format.h>

namespace cowlab {
namespace {

constexpr std::uint64_t sectors_most = std::uint64_t{1} << 55;  // the biggest device
constexpr std::uint64_t bytes_most = INT64_MAX;                 // the kernel's loff_t
constexpr std::uint64_t time_most = std::uint64_t{1} << 40;     // 35 years of milliseconds

}  // namespace

bool Arguments::take_word(std::string_view placeholder, std::string_view& word) {
    word = words_.next();
    return !word.empty() ||
           fail(fmt::format("{} is missing: the form is \"{}\"", placeholder, form()));
}

bool Arguments::take_nothing_more() {
    if (words_.at_end()) return true;
    return fail(fmt::format("{} is one word too many: the form is \"{}\"", in_quotes(words_.peek()),
                            form()));
}

bool Arguments::take_name(std::string_view placeholder, std::string& name) {
    std::string_view word;
    if (!take_word(placeholder, word)) return false;
    name = word;
    if (!strict_ || is_name(word)) return true;
    if (word.size() > name_size_most) {
        return fail(fmt::format("{} {} is too long: use at most {} characters", placeholder,
                                in_quotes(word), name_size_most));
    }
    return fail(
        fmt::format("{} {} is no name: use letters, digits and _ - . +, beginning with a "
                    "letter, a digit or _",
                    placeholder, in_quotes(word)));
}

bool Arguments::take_number(std::string_view placeholder, std::uint64_t& value,
                            std::uint64_t most) {
    std::string_view word;
    return take_word(placeholder, word) && number_of(placeholder, word, value, most);
}

bool Arguments::take_sectors(std::string_view placeholder, Sectors& sectors) {
    return take_number(placeholder, sectors.value, strict_ ? sectors_most : UINT64_MAX);
}

bool Arguments::take_ms(std::string_view placeholder, Milliseconds& ms) {
    return take_number(placeholder, ms.value, strict_ ? time_most : UINT64_MAX);
}

bool Arguments::take_bytes(std::string_view placeholder, std::uint64_t& bytes) {
    return take_number(placeholder, bytes, strict_ ? bytes_most : UINT64_MAX);
}

bool Arguments::take_seconds(std::string_view placeholder, std::uint64_t& seconds) {
    return take_number(placeholder, seconds, strict_ ? time_most / 1000 : UINT64_MAX);
}

bool Arguments::take_ordinal(std::string_view placeholder, std::uint64_t& value) {
    std::string_view word;
    if (!take_word(placeholder, word)) return false;
    const Number n = ordinal_from(word);
    value = n.value;
    if (n.fault == NumberFault::none && value > 0) return true;
    return fail(fmt::format("{} {} counts nothing: write 1 for the first, 2 for the second, …",
                            placeholder, in_quotes(word)));
}

bool Arguments::take_range(std::string_view placeholder, Sectors& start, Sectors& count) {
    std::string_view word;
    if (!take_word(placeholder, word)) return false;
    const std::size_t plus = word.find('+');
    if (plus == std::string_view::npos) {
        return fail(fmt::format("{} {}: write any or START+COUNT, in sectors", placeholder,
                                in_quotes(word)));
    }
    if (!number_of("START", word.substr(0, plus), start.value, sectors_most) ||
        !number_of("COUNT", word.substr(plus + 1), count.value, sectors_most)) {
        return false;
    }
    if (count.value > 0) return true;
    return fail(
        fmt::format("{} {} is empty: give at least one sector", placeholder, in_quotes(word)));
}

bool Arguments::take_index(std::string_view placeholder, std::size_t count,
                           std::string_view (*name)(std::size_t), std::size_t& index) {
    std::string_view word;
    if (!take_word(placeholder, word)) return false;
    std::vector<std::string_view> names;
    for (index = 0; index < count; ++index) {
        names.push_back(name(index));
        if (word == names.back()) return true;
    }
    return fail(
        fmt::format("unknown {} {}: use {}", placeholder, in_quotes(word), alternatives(names)));
}

bool Arguments::number_of(std::string_view placeholder, std::string_view word, std::uint64_t& value,
                          std::uint64_t most) {
    const Number n = number_from(word, most);
    value = n.value;
    switch (n.fault) {
        case NumberFault::none: return true;
        case NumberFault::too_large:
            return fail(fmt::format("{} {} is too large: use at most {}", placeholder,
                                    in_quotes(word), most));
        case NumberFault::not_a_number: break;
    }
    return fail(fmt::format("{} {} is no number: write it in decimal, or in hexadecimal after 0x",
                            placeholder, in_quotes(word)));
}

}  // namespace cowlab
