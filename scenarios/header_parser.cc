#include "scenarios/header_parser.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "scenarios/arguments.h"

namespace cowlab {
namespace {

class HeaderLine final : public Arguments {
  public:
    HeaderLine(std::string_view line, Header& header)
        : Arguments(line, Dialect::scenario), header_(header) {}

    bool parse(bool& has_policy);

  private:
    std::string form() const override { return std::string(form_); }
    bool parse_policy();
    bool parse_without();
    bool parse_mute();
    bool parse_limit();
    bool parse_verdict();

    Header& header_;
    std::string_view form_;
};

bool HeaderLine::parse(bool& has_policy) {
    const std::string_view word = words_.next();
    if (word == "policy") {
        if (has_policy) return fail("the second policy: a scenario has one, leave one out");
        has_policy = true;
        return parse_policy() && take_nothing_more();
    }
    if (word == "without") return parse_without() && take_nothing_more();
    if (word == "mute") return parse_mute() && take_nothing_more();
    if (word == "limit") return parse_limit() && take_nothing_more();
    if (word == "verdict") return parse_verdict() && take_nothing_more();
    return fail("the second \"cowlab 1\": it is the first line, leave this one out");
}

bool HeaderLine::parse_policy() {
    form_ = "policy default|kernel|4.12";
    return take_one_of("policy", 3, header_.policy);
}

bool HeaderLine::parse_without() {
    form_ = "without RULE";
    std::string rule;
    if (!take_name("RULE", rule)) return false;
    auto& rules = header_.without;
    if (std::find(rules.begin(), rules.end(), rule) != rules.end()) {
        return fail(fmt::format("rule {} is there twice: leave one out", in_quotes(rule)));
    }
    rules.push_back(std::move(rule));
    return true;
}

bool HeaderLine::parse_mute() {
    form_ = "mute ORACLE";
    std::string oracle;
    if (!take_name("ORACLE", oracle)) return false;
    if (std::find(std::begin(oracle_names), std::end(oracle_names), oracle) ==
        std::end(oracle_names)) {
        return fail(fmt::format("unknown oracle {}: use {}", in_quotes(oracle),
                                alternatives(oracle_names)));
    }
    auto& muted = header_.muted;
    if (std::find(muted.begin(), muted.end(), oracle) != muted.end()) {
        return fail(fmt::format("oracle {} is there twice: leave one out", in_quotes(oracle)));
    }
    muted.push_back(std::move(oracle));
    return true;
}

bool HeaderLine::parse_limit() {
    form_ = "limit NAME VALUE";
    Limit limit;
    if (!take_name("NAME", limit.name)) return false;
    if (std::find(std::begin(limit_names), std::end(limit_names), limit.name) ==
        std::end(limit_names)) {
        return fail(fmt::format("unknown limit {}: use {}", in_quotes(limit.name),
                                alternatives(limit_names)));
    }
    for (const Limit& other : header_.limits) {
        if (other.name != limit.name) continue;
        return fail(fmt::format("limit {} is there twice: leave one out", in_quotes(limit.name)));
    }
    if (!take_number("VALUE", limit.value, UINT64_MAX)) return false;
    header_.limits.push_back(std::move(limit));
    return true;
}

bool HeaderLine::parse_verdict() {
    using Kind = ExpectedVerdict::Kind;
    form_ = "verdict pass or verdict fail WORD [INV-n]";
    ExpectedVerdict& verdict = header_.verdict;
    if (verdict.kind != Kind::unstated) {
        return fail("the second verdict: a scenario has one, leave one out");
    }
    std::string_view word;
    if (!take_word("the verdict", word)) return false;
    if (word == "pass") {
        verdict.kind = Kind::pass;
        return true;
    }
    if (word != "fail") {
        return fail(fmt::format("unknown verdict {}: use pass or fail", in_quotes(word)));
    }
    verdict.kind = Kind::fail;
    if (!take_name("WORD", verdict.word)) return false;
    if (words_.at_end()) return true;
    const std::string_view invariant = words_.next();
    constexpr std::string_view prefix = "INV-";
    if (invariant.starts_with(prefix)) {
        const std::string_view digits = invariant.substr(prefix.size());
        const Number n = number_from(digits, UINT32_MAX);
        verdict.invariant = static_cast<std::uint32_t>(n.value);
        if (n.value > 0 && !digits.starts_with('0')) return true;
    }
    return fail(fmt::format("invariant {}: write INV- and its number", in_quotes(invariant)));
}

}  // namespace

std::optional<std::string> check_version_line(std::string_view line) {
    Words words(line);
    words.next();
    const std::string_view version = words.next();
    const std::string first_line = fmt::format("\"cowlab {}\"", language_version);
    if (version.empty()) {
        return fmt::format("the language version is missing: write {}", first_line);
    }
    if (number_from(version, UINT64_MAX).fault == NumberFault::not_a_number) {
        return fmt::format("language version {} is no number: write {}", in_quotes(version),
                           first_line);
    }
    if (version != std::to_string(language_version)) {
        return fmt::format("language version {}: this cowlab reads language version {}",
                           in_quotes(version), language_version);
    }
    if (words.at_end()) return std::nullopt;
    return fmt::format("{} is one word too many: write {}", in_quotes(words.peek()), first_line);
}

std::optional<std::string> HeaderParser::parse(std::string_view line) {
    HeaderLine parser(line, header_);
    if (parser.parse(has_policy_)) return std::nullopt;
    return parser.error();
}

}  // namespace cowlab
