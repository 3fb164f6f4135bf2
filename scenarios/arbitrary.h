// For tests: RapidCheck's generator of any scenario, in either dialect and either form.
//
// It makes the values parse() could make, and only those: a field that a verb does not use keeps
// its default, a comment of the .out form does not look like a message of the kernel.
#pragma once

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include <rapidcheck.h>

#include "scenarios/print.h"
#include "scenarios/scenario.h"

namespace cowlab {

// How RapidCheck shows a counterexample.
inline void showValue(const Scenario& scenario, std::ostream& os) { os << print(scenario); }

namespace arbitrary {

using rc::gen::elementOf;
using rc::gen::inRange;

inline bool coin() { return *rc::gen::arbitrary<bool>(); }

inline std::uint64_t number(std::uint64_t most) {
    const auto bits = static_cast<std::uint64_t>(*rc::gen::arbitrary<std::uint32_t>()) << 32 |
                      *rc::gen::arbitrary<std::uint32_t>();
    return std::min(most, bits >> *inRange(0, 64));
}
inline std::uint64_t any_number() { return number(UINT64_MAX); }
inline Sectors sectors() { return {number(std::uint64_t{1} << 55)}; }
inline Milliseconds some_ms() { return {number(std::uint64_t{1} << 40)}; }

template <class Enum>
Enum one_of(std::size_t count, std::size_t first = 0) {
    return static_cast<Enum>(*inRange(first, count));
}

inline std::string letters(const std::string& alphabet, int least, int most) {
    std::string text;
    for (int n = *inRange(least, most + 1); n > 0; --n) text += *elementOf(alphabet);
    return text;
}

inline std::string a_name() { return letters("abz_09", 1, 1) + letters("abcxyz019_-.+", 0, 9); }

// What may stand after `say` or in a comment: no blanks around it.
inline std::string some_text() {
    const std::vector<std::string> letters = {"a", "b", "é",  "@", "#", "=",
                                              "|", ">", "\"", ";", " "};
    std::string text = "x";
    for (int n = *inRange(0, 12); n > 0; --n) text += *elementOf(letters);
    return text + (text.back() == ' ' ? "x" : "");
}

inline std::string a_table() {
    std::string table;
    for (int n = *inRange(1, 4); n > 0; --n) {
        if (!table.empty()) table += " ; ";
        table += std::to_string(any_number()) + " 8 " + a_name();
        for (int m = *inRange(0, 4); m > 0; --m) table += " @" + a_name();
    }
    return table;
}

inline std::string hex_bytes() {
    std::string text;
    for (int n = *inRange(1, 9); n > 0; --n) text += letters("09afAF", 2, 2);
    return text;
}

inline void fill_io(Verb verb, Step& step) {
    step.name = a_name();
    if (verb == Verb::hex || verb == Verb::writebytes) {
        step.byte = number(INT64_MAX);
        if (verb == Verb::hex) {
            step.length = number(INT64_MAX);
        } else {
            step.text = hex_bytes();
        }
    } else if (verb != Verb::flush && verb != Verb::limits) {
        step.start = sectors();
        step.count = sectors();
        if (verb == Verb::write) step.seed = any_number();
    }
}

inline void fill_disk(bool golden, Step& step) {
    DiskSpec& disk = step.disk;
    step.name = a_name();
    step.count = sectors();
    disk.content = one_of<DiskContent>(4);
    if (disk.content == DiskContent::fill) step.seed = any_number();
    if (disk.content == DiskContent::image) disk.image = a_name() + ".in.img";
    if (coin()) disk.lbs = *elementOf(std::vector<std::uint32_t>{512, 1024, 2048, 4096});
    if (coin()) disk.path = "/" + a_name();
    disk.keep = !disk.path.empty() && coin();
    if (golden) return;
    disk.cache = one_of<WriteCache>(3);
    disk.atomic = {std::uint64_t{1} << *inRange(0, 9)};
    disk.lost = one_of<LostSectors>(3);
}

inline void fill_fault(Step& step) {
    step.name = a_name();
    step.fault.table = one_of<FaultTable>(5);
    switch (step.fault.table) {
        case FaultTable::linear:
        case FaultTable::error: return;
        case FaultTable::bad:
            step.start = sectors();
            step.count = sectors();
            return;
        case FaultTable::flakey:
            step.fault.up_seconds = number(1 << 30);
            step.fault.down_seconds = number(1 << 30);
            if (coin()) step.text = "1 drop_writes";
            return;
        case FaultTable::delay:
            step.fault.read_delay = some_ms();
            step.fault.write_delay = some_ms();
    }
}

inline void fill_laboratory(Verb verb, Step& step) {
    if (verb == Verb::inject) {
        InjectSpec& inject = step.inject;
        const int form = *inRange(0, 4);
        step.name = form == 1 ? "engine" : a_name();
        while (form != 1 && step.name == "engine") step.name = a_name();
        if (form == 0) {
            inject.form = InjectSpec::Form::heal;
            return;
        }
        inject.times = one_of<InjectTimes>(3);
        if (inject.times == InjectTimes::nth) inject.nth = std::max(any_number(), UINT64_C(1));
        if (form == 1) {
            inject.form = InjectSpec::Form::memory;
            inject.use = one_of<AllocationUse>(allocation_use_count);
            return;
        }
        inject.request_class = one_of<RequestClass>(request_class_count);
        inject.anywhere = coin();
        if (!inject.anywhere) {
            step.start = sectors();
            step.count = max(Sectors{1}, sectors());
        }
        inject.kind = one_of<InjectKind>(inject_kind_count);
        if (takes_ms(inject.kind)) inject.ms = some_ms();
    } else if (verb == Verb::power_loss) {
        PowerLossSpec& loss = step.loss;
        loss.at_once = coin();
        if (!loss.at_once) {
            step.name = a_name();
            loss.request_class = one_of<RequestClass>(request_class_count);
            loss.nth = std::max(any_number(), UINT64_C(1));
            loss.moment = one_of<Moment>(2);
        }
        loss.survival = one_of<Survivors>(2);
    } else if (verb == Verb::pin) {
        step.name = a_name();
        step.pin = {a_name(), std::max(any_number(), UINT64_C(1)), any_number()};
    } else if (verb == Verb::join && coin()) {
        step.job = a_name();
    }
}

// A line of a golden case that nobody understands.
inline void fill_with_nonsense(Step& step) {
    const std::string nonsense = letters("=#>|\\\x01\xff", 1, 3);
    step.malformed = coin();
    step.verb = step.malformed ? Verb::write : Verb::unknown;
    step.text = (step.malformed ? "write x " : "no-verb ") + nonsense;
}

inline Step a_step(bool golden, Form form) {
    Step step;
    const std::size_t verbs = golden ? static_cast<std::size_t>(Verb::lane) : verb_count;
    step.verb = one_of<Verb>(verbs, golden ? 0 : 1);
    switch (step.verb) {
        case Verb::unknown: fill_with_nonsense(step); break;
        case Verb::disk: fill_disk(golden, step); break;
        case Verb::fault: fill_fault(step); break;
        case Verb::bg:
        case Verb::lane:
            step.job = a_name();
            step.io_verb = one_of<Verb>(static_cast<std::size_t>(Verb::writebytes) + 1,
                                        static_cast<std::size_t>(Verb::write));
            fill_io(step.io_verb, step);
            break;
        case Verb::create:
        case Verb::create_ro:
        case Verb::load:
            step.name = a_name();
            step.text = a_table();
            break;
        case Verb::message:
            step.start = sectors();
            step.name = a_name();
            step.text = some_text();
            break;
        case Verb::say:
        case Verb::sys: step.text = some_text(); break;
        case Verb::rename:
        case Verb::save:
            step.name = a_name();
            step.other = a_name();
            break;
        case Verb::suspend:
            step.name = a_name();
            step.noflush = coin();
            step.nolockfs = coin();
            break;
        case Verb::rawread: fill_io(Verb::read, step); break;
        case Verb::poll:
        case Verb::wait:
            step.job = a_name();
            if (step.verb == Verb::wait && coin()) step.ms = some_ms();
            break;
        case Verb::mergewait:
            step.name = a_name();
            if (coin()) step.ms = some_ms();
            break;
        case Verb::logreplay:
            step.name = a_name();
            step.other = a_name();
            step.entries = any_number();
            step.lossy = coin();
            if (step.lossy) step.seed = any_number();
            break;
        case Verb::sleep: step.ms = some_ms(); break;
        case Verb::nosave:
        case Verb::crash: break;
        default:
            if (is_io(step.verb)) {
                fill_io(step.verb, step);
            } else if (is_laboratory(step.verb)) {
                fill_laboratory(step.verb, step);
            } else {
                step.name = a_name();
            }
    }
    for (int n = *inRange(0, 3); n > 0; --n) {
        step.comments.push_back(coin() ? "" : "# " + some_text());
    }
    if ((!golden || form == Form::out) && coin()) {
        step.expected.push_back("= " + (coin() ? "" : some_text()));
        while (coin()) step.expected.push_back("| " + some_text());
    }
    if (form == Form::out && coin()) step.log.push_back("# k: device-mapper: " + a_name());
    return step;
}

inline Header a_header() {
    Header header;
    header.policy = one_of<Policy>(3);
    if (coin()) header.without = {"merge-origin-flush"};
    for (const std::string_view limit : limit_names) {
        if (coin()) header.limits.push_back({std::string(limit), any_number()});
    }
    header.verdict.kind = one_of<ExpectedVerdict::Kind>(3);
    if (header.verdict.kind == ExpectedVerdict::Kind::fail) {
        header.verdict.word = a_name();
        header.verdict.invariant = *rc::gen::arbitrary<std::uint32_t>();
    }
    return header;
}

inline Scenario a_scenario() {
    Scenario scenario;
    const bool golden = coin();
    const int steps = *inRange(0, 60);
    scenario.form = steps > 0 && coin() ? Form::out : Form::plain;
    if (!golden) {
        scenario.version = language_version;
        scenario.header = a_header();
        if (coin()) scenario.preamble = {"# above", ""};
    }
    for (int i = 0; i < steps; ++i) scenario.steps.push_back(a_step(golden, scenario.form));
    if (coin()) scenario.epilogue = {"", "# the end"};
    return scenario;
}

inline rc::Gen<Scenario> scenarios() { return rc::gen::exec(a_scenario); }

}  // namespace arbitrary
}  // namespace cowlab
