// The grammar as a table: for every verb the words that follow it.
//
// `head` are placeholders that are always there, one word each (TABLE, TEXT and PROGRAM-ARGS take
// the rest of the line); parser and printer both walk it, so that they cannot disagree. `tail` is
// what may follow, as an error shows it; its options are read in line_parser.cc and written in
// print.cc.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "scenarios/scenario.h"

namespace cowlab {

struct VerbForm {
    Verb verb;
    std::string_view head;
    std::string_view tail;
};

// REQUIRES: verb is not unknown.
const VerbForm& form_of(Verb verb);

// What a placeholder of a head stands for: a field of Step, or a part of one.
enum class Slot : std::uint8_t {
    name,  // NAME, DEV, DISK, LOG, OLD, ACTOR: the first of them in a head is Step::name,
           // and a second one (with NEW, TAG) is Step::other
    job,
    start,
    count,
    seed,
    byte,
    length,
    entries,
    ms,
    point,
    nth,
    choice,
    hex,
    table,
    text,
    io_line,
};
Slot slot_of(std::string_view placeholder);

// "write DEV SECTOR COUNT SEED", for people.
std::string form_text(Verb verb);

// All words a line of a scenario may begin with: the verbs, then the header's.
std::span<const std::string_view> first_words();
inline constexpr std::string_view header_words[] = {"cowlab", "policy", "without",
                                                    "mute",   "limit",  "verdict"};
bool is_header_word(std::string_view word);

}  // namespace cowlab
