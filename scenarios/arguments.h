// Takes the words of a line one after the other as what they should be, and keeps the sentence that
// says why one of them is not: the base of the parsers of a line.
//
// Every take_… gives false when the line is refused at that word; error() then says what is wrong
// and what to write instead. A golden line may have any names and any 64-bit numbers (what the
// kernel answers to them is the world's business); a scenario's are checked, and its largest
// numbers keep every sum of two of them inside 64 bits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/units.h"
#include "scenarios/verb.h"
#include "scenarios/words.h"

namespace cowlab {

enum class Dialect : std::uint8_t { golden, scenario };

class Arguments {
  public:
    Arguments(std::string_view line, Dialect dialect)
        : words_(line), strict_(dialect == Dialect::scenario) {}
    const std::string& error() const { return error_; }

  protected:
    // Always false.
    bool fail(std::string reason) {
        error_ = std::move(reason);
        return false;
    }
    // The line's whole form, which an error about a missing word shows.
    virtual std::string form() const = 0;

    bool take_word(std::string_view placeholder, std::string_view& word);
    bool take_name(std::string_view placeholder, std::string& name);
    bool take_number(std::string_view placeholder, std::uint64_t& value, std::uint64_t most);
    bool take_sectors(std::string_view placeholder, Sectors& sectors);
    bool take_ms(std::string_view placeholder, Milliseconds& ms);
    bool take_bytes(std::string_view placeholder, std::uint64_t& bytes);
    bool take_seconds(std::string_view placeholder, std::uint64_t& seconds);
    // 1 for the first.
    bool take_ordinal(std::string_view placeholder, std::uint64_t& value);
    // S+N, at least one sector.
    bool take_range(std::string_view placeholder, Sectors& start, Sectors& count);
    // The name of one of the first `count` values of Enum.
    template <class Enum>
    bool take_one_of(std::string_view placeholder, std::size_t count, Enum& value) {
        std::size_t index = 0;
        const auto name = [](std::size_t i) { return name_of(static_cast<Enum>(i)); };
        if (!take_index(placeholder, count, name, index)) return false;
        value = static_cast<Enum>(index);
        return true;
    }
    bool take_nothing_more();

    Words words_;
    const bool strict_;

    ~Arguments() = default;

  private:
    bool take_index(std::string_view placeholder, std::size_t count,
                    std::string_view (*name)(std::size_t), std::size_t& index);
    bool number_of(std::string_view placeholder, std::string_view word, std::uint64_t& value,
                   std::uint64_t most);

    std::string error_;
};

}  // namespace cowlab
