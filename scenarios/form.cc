#include "scenarios/form.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "base/check.h"

namespace cowlab {
namespace {

// In the order of Verb.
constexpr VerbForm forms[] = {
    {Verb::unknown, "", ""},
    {Verb::disk, "NAME SECTORS",
     "[zero|fill SEED|image MEMBER] [lbs N] [on PATH [keep]] [cache|nocache] [atomic N] "
     "[lost zero|garbage]"},
    {Verb::nosave, "", ""},
    {Verb::create, "NAME TABLE", ""},
    {Verb::create_ro, "NAME TABLE", ""},
    {Verb::new_, "NAME", ""},
    {Verb::load, "NAME TABLE", ""},
    {Verb::inactive, "NAME", ""},
    {Verb::suspend, "NAME", "[noflush] [nolockfs]"},
    {Verb::resume, "NAME", ""},
    {Verb::clear, "NAME", ""},
    {Verb::remove, "NAME", ""},
    {Verb::rename, "OLD NEW", ""},
    {Verb::status, "NAME", ""},
    {Verb::table, "NAME", ""},
    {Verb::info, "NAME", ""},
    {Verb::message, "NAME SECTOR TEXT", ""},
    {Verb::write, "DEV SECTOR COUNT SEED", "[fua]"},
    {Verb::read, "DEV SECTOR COUNT", ""},
    {Verb::flush, "DEV", ""},
    {Verb::discard, "DEV SECTOR COUNT", ""},
    {Verb::zeroout, "DEV SECTOR COUNT", ""},
    {Verb::limits, "DEV", ""},
    {Verb::hex, "DEV BYTE LEN", ""},
    {Verb::writebytes, "DEV BYTE HEX", ""},
    {Verb::rawread, "DISK SECTOR COUNT", ""},
    {Verb::fault, "DISK",
     "linear | error | bad SECTOR COUNT | flakey UP DOWN [FEATURES] | delay READ_MS WRITE_MS"},
    {Verb::bg, "ID IO-LINE", ""},
    {Verb::poll, "ID", ""},
    {Verb::wait, "ID", "[MS]"},
    {Verb::mergewait, "DEV", "[MS]"},
    {Verb::loglist, "LOG", ""},
    {Verb::logreplay, "LOG K DISK", "[lossy SEED]"},
    {Verb::sleep, "MS", ""},
    {Verb::save, "DISK TAG", ""},
    {Verb::say, "TEXT", ""},
    {Verb::sys, "PROGRAM-ARGS", ""},
    {Verb::crash, "", ""},
    {Verb::lane, "L IO-LINE", ""},
    {Verb::join, "", "[L]"},
    {Verb::inject, "DISK",
     "CLASS any|START+COUNT KIND [once|sticky|nth N] | heal | no-memory USE [once|sticky|nth N]"},
    {Verb::power_loss, "",
     "[after DISK CLASS NTH [issued|done]] losing everything|keeping everything"},
    {Verb::reload, "", ""},
    {Verb::pin, "ACTOR POINT NTH CHOICE", ""},
    {Verb::check, "", ""},
};

constexpr bool in_the_order_of_verbs() {
    for (std::size_t i = 0; i < std::size(forms); ++i) {
        if (forms[i].verb != static_cast<Verb>(i)) return false;
    }
    return std::size(forms) == verb_count;
}
static_assert(in_the_order_of_verbs());

struct Placeholder {
    std::string_view word;
    Slot slot;
};
constexpr Placeholder placeholders[] = {
    {"NAME", Slot::name},
    {"DEV", Slot::name},
    {"DISK", Slot::name},
    {"LOG", Slot::name},
    {"OLD", Slot::name},
    {"ACTOR", Slot::name},
    {"NEW", Slot::name},
    {"TAG", Slot::name},
    {"ID", Slot::job},
    {"L", Slot::job},
    {"SECTOR", Slot::start},
    {"COUNT", Slot::count},
    {"SECTORS", Slot::count},
    {"SEED", Slot::seed},
    {"BYTE", Slot::byte},
    {"LEN", Slot::length},
    {"K", Slot::entries},
    {"MS", Slot::ms},
    {"POINT", Slot::point},
    {"NTH", Slot::nth},
    {"CHOICE", Slot::choice},
    {"HEX", Slot::hex},
    {"TABLE", Slot::table},
    {"TEXT", Slot::text},
    {"PROGRAM-ARGS", Slot::text},
    {"IO-LINE", Slot::io_line},
};

}  // namespace

const VerbForm& form_of(Verb verb) {
    CHECK(static_cast<std::size_t>(verb) < verb_count, "a verb is one of the enumeration");
    return forms[static_cast<std::size_t>(verb)];
}

Slot slot_of(std::string_view placeholder) {
    for (const Placeholder& p : placeholders) {
        if (p.word == placeholder) return p.slot;
    }
    CHECK(false, "every placeholder of a form has its slot");
    return Slot::text;
}

std::string form_text(Verb verb) {
    const VerbForm& form = form_of(verb);
    std::string text(name_of(verb));
    for (const std::string_view part : {form.head, form.tail}) {
        if (!part.empty()) text.append(1, ' ').append(part);
    }
    return text;
}

std::span<const std::string_view> first_words() {
    static const auto words = [] {
        std::array<std::string_view, verb_count - 1 + std::size(header_words)> all;
        for (std::size_t i = 1; i < verb_count; ++i) all[i - 1] = name_of(static_cast<Verb>(i));
        std::copy(std::begin(header_words), std::end(header_words), all.begin() + verb_count - 1);
        return all;
    }();
    return words;
}

bool is_header_word(std::string_view word) {
    return std::find(std::begin(header_words), std::end(header_words), word) !=
           std::end(header_words);
}

}  // namespace cowlab
