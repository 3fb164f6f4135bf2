#include "scenarios/print.h"

#include <fmt/format.h>
#include <iterator>

#include "scenarios/form.h"
#include "scenarios/line_parser.h"
#include "scenarios/words.h"

namespace cowlab {
namespace {

template <class... Values>
void put(std::string& out, fmt::format_string<Values...> format, Values&&... values) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Values>(values)...);
}

class LinePrinter {
  public:
    explicit LinePrinter(const Step& step) : step_(step) {}
    std::string print();

  private:
    void put_head(Verb verb);
    void put_slot(Slot slot);
    void put_tail(Verb verb);
    void put_disk_options();
    void put_fault_table();
    void put_inject();
    void put_times();
    void put_power_loss();
    void put_word(std::string_view word) { put(out_, " {}", word); }
    void put_number(std::uint64_t n) { put(out_, " {}", n); }

    const Step& step_;
    std::string out_;
    bool name_is_out_ = false;
};

std::string LinePrinter::print() {
    if (step_.verb == Verb::unknown || step_.malformed) return step_.text;
    out_ = name_of(step_.verb);
    put_head(step_.verb);
    if (is_io(step_.io_verb)) put_head(step_.io_verb);
    put_tail(is_io(step_.io_verb) ? step_.io_verb : step_.verb);
    return std::move(out_);
}

void LinePrinter::put_head(Verb verb) {
    for (Words head(form_of(verb).head); !head.at_end();) put_slot(slot_of(head.next()));
}

void LinePrinter::put_slot(Slot slot) {
    switch (slot) {
        case Slot::name:
            put_word(name_is_out_ ? step_.other : step_.name);
            name_is_out_ = true;
            return;
        case Slot::job: return put_word(step_.job);
        case Slot::start: return put_number(step_.start.value);
        case Slot::count: return put_number(step_.count.value);
        case Slot::seed: return put_number(step_.seed);
        case Slot::byte: return put_number(step_.byte);
        case Slot::length: return put_number(step_.length);
        case Slot::entries: return put_number(step_.entries);
        case Slot::ms: return put_number(step_.ms.value_or(Milliseconds{}).value);
        case Slot::point: return put_word(step_.pin.point);
        case Slot::nth: return put_number(step_.pin.nth);
        case Slot::choice: return put_number(step_.pin.choice);
        case Slot::hex:
        case Slot::table:
        case Slot::text:
            if (!step_.text.empty()) put_word(step_.text);
            return;
        case Slot::io_line: return put_word(name_of(step_.io_verb));
    }
}

void LinePrinter::put_tail(Verb verb) {
    switch (verb) {
        case Verb::disk: return put_disk_options();
        case Verb::write:
            if (step_.fua) put_word("fua");
            return;
        case Verb::suspend:
            if (step_.noflush) put_word("noflush");
            if (step_.nolockfs) put_word("nolockfs");
            return;
        case Verb::fault: return put_fault_table();
        case Verb::wait:
        case Verb::mergewait:
            if (step_.ms) put_number(step_.ms->value);
            return;
        case Verb::logreplay:
            if (step_.lossy) put(out_, " lossy {}", step_.seed);
            return;
        case Verb::join:
            if (!step_.job.empty()) put_word(step_.job);
            return;
        case Verb::inject: return put_inject();
        case Verb::power_loss: return put_power_loss();
        default: return;
    }
}

void LinePrinter::put_disk_options() {
    const DiskSpec& disk = step_.disk;
    if (disk.content != DiskContent::unstated) put_word(name_of(disk.content));
    if (disk.content == DiskContent::fill) put_number(step_.seed);
    if (disk.content == DiskContent::image) put_word(disk.image);
    if (disk.lbs != 0) put(out_, " lbs {}", disk.lbs);
    if (!disk.path.empty()) put(out_, " on {}{}", disk.path, disk.keep ? " keep" : "");
    if (disk.cache != WriteCache::unstated) {
        put_word(disk.cache == WriteCache::on ? "cache" : "nocache");
    }
    if (disk.atomic != Sectors{1}) put(out_, " atomic {}", disk.atomic.value);
    if (disk.lost != LostSectors::as_before) put(out_, " lost {}", name_of(disk.lost));
}

void LinePrinter::put_fault_table() {
    const FaultSpec& fault = step_.fault;
    put_word(name_of(fault.table));
    switch (fault.table) {
        case FaultTable::linear:
        case FaultTable::error: return;
        case FaultTable::bad: return put(out_, " {} {}", step_.start.value, step_.count.value);
        case FaultTable::flakey:
            put(out_, " {} {}", fault.up_seconds, fault.down_seconds);
            if (!step_.text.empty()) put_word(step_.text);
            return;
        case FaultTable::delay:
            return put(out_, " {} {}", fault.read_delay.value, fault.write_delay.value);
    }
}

void LinePrinter::put_inject() {
    const InjectSpec& inject = step_.inject;
    if (inject.form == InjectSpec::Form::heal) return put_word("heal");
    if (inject.form == InjectSpec::Form::memory) {
        put(out_, " no-memory {}", name_of(inject.use));
        return put_times();
    }
    put_word(name_of(inject.request_class));
    if (inject.anywhere) {
        put_word("any");
    } else {
        put(out_, " {}+{}", step_.start.value, step_.count.value);
    }
    put_word(name_of(inject.kind));
    if (takes_ms(inject.kind)) put_number(inject.ms.value);
    put_times();
}

void LinePrinter::put_times() {
    const InjectSpec& inject = step_.inject;
    put_word(name_of(inject.times));
    if (inject.times == InjectTimes::nth) put_number(inject.nth);
}

void LinePrinter::put_power_loss() {
    const PowerLossSpec& loss = step_.loss;
    if (!loss.at_once) {
        put(out_, " after {} {} {} {}", step_.name, name_of(loss.request_class), loss.nth,
            name_of(loss.moment));
    }
    put_word(name_of(loss.survival));
}

void put_lines(std::string& out, const std::vector<std::string>& lines) {
    for (const std::string& line : lines) put(out, "{}\n", line);
}

void put_header(std::string& out, const Header& header) {
    using Kind = ExpectedVerdict::Kind;
    put(out, "cowlab {}\n", language_version);
    if (header.policy != Policy::correct) put(out, "policy {}\n", name_of(header.policy));
    for (const std::string& rule : header.without) put(out, "without {}\n", rule);
    for (const Limit& limit : header.limits) put(out, "limit {} {}\n", limit.name, limit.value);
    const ExpectedVerdict& verdict = header.verdict;
    if (verdict.kind == Kind::pass) put(out, "verdict pass\n");
    if (verdict.kind == Kind::fail) {
        put(out, "verdict fail {}", verdict.word);
        if (verdict.invariant != 0) put(out, " INV-{}", verdict.invariant);
        out += '\n';
    }
}

// As written, as long as that still says what the step says: its fields may have been changed.
std::string print_golden_line(const Step& step) {
    std::string canonical = print_line(step);
    if (step.source.text.empty() || step.source.text == canonical) return canonical;
    Step again;
    const bool refused = parse_line(step.source.text, Dialect::golden, again).has_value();
    return refused || print_line(again) != canonical ? canonical : step.source.text;
}

}  // namespace

std::string print_line(const Step& step) { return LinePrinter(step).print(); }

std::string print(const Scenario& scenario) {
    std::string out;
    if (!scenario.is_golden_case()) {
        put_lines(out, scenario.preamble);
        put_header(out, scenario.header);
    }
    const bool marked = scenario.form == Form::out;
    for (const Step& step : scenario.steps) {
        put_lines(out, step.comments);
        put(out, "{}{}\n", marked ? "> " : "",
            scenario.is_golden_case() ? print_golden_line(step) : print_line(step));
        put_lines(out, step.expected);
        put_lines(out, step.log);
    }
    put_lines(out, scenario.epilogue);
    return out;
}

}  // namespace cowlab
