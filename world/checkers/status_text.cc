#include "world/checkers/status_text.h"

#include "engine/snapshot.h"
#include "engine/words.h"

namespace cowlab {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
bool same_word(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

struct Features {
    bool zeroes = false;
    bool passdown = false;
    bool operator==(const Features&) const = default;
};
constexpr std::size_t fixed_arguments = 4;
constexpr std::string_view zeroes_word = "discard_zeroes_cow";
constexpr std::string_view passdown_word = "discard_passdown_origin";

// As many words as the number before them says; what follows is ignored.
Features features_of(const TableLine& line) {
    Features f;
    if (line.arg_count <= fixed_arguments) return f;
    const std::uint64_t count = words::decimal(line.args[fixed_arguments]).value_or(0);
    for (std::size_t i = fixed_arguments + 1; i < line.arg_count && i <= fixed_arguments + count;
         ++i) {
        f.zeroes = f.zeroes || same_word(line.args[i], zeroes_word);
        f.passdown = f.passdown || same_word(line.args[i], passdown_word);
    }
    return f;
}

bool is_printed_in_order(const TableLine& line, Features f) {
    const std::size_t count = (f.zeroes ? 1u : 0u) + (f.passdown ? 1u : 0u);
    if (count == 0) return line.arg_count == fixed_arguments;
    if (line.arg_count != fixed_arguments + 1 + count) return false;
    if (words::decimal(line.args[fixed_arguments]).value_or(0) != count) return false;
    std::size_t at = fixed_arguments + 1;
    if (f.zeroes && line.args[at++] != zeroes_word) return false;
    return !f.passdown || line.args[at] == passdown_word;
}

bool is_number(std::string_view text) { return words::decimal(text).has_value(); }

}  // namespace

void StatusText::complain(std::string_view what, std::string_view printed) {
    Text<230> text;
    text << what << ": `" << printed << "`";
    fail(38, text.view());
}

bool StatusText::same_device(std::string_view a, std::string_view b) const {
    const BlockDevice* x = world().mapper().resolve(a);
    const BlockDevice* y = world().mapper().resolve(b);
    // A name that is nobody's by now (renamed) says nothing.
    return x == nullptr || y == nullptr || x->number() == y->number();
}

bool StatusText::is_in_use(DeviceNumber cow) const {
    bool in_use = false;
    world().engine().origins.for_each_snapshot(
        [&](const Snapshot& s) { in_use = in_use || s.cow_number() == cow; });
    return in_use;
}

bool StatusText::is_overwritten(DeviceNumber cow) const {
    for (std::uint32_t i = 0; i < overwritten_count_; ++i) {
        if (overwritten_[i] == cow) return true;
    }
    return false;
}

void StatusText::raw_write(DeviceNumber device) {
    if (!is_in_use(device) || is_overwritten(device)) return;
    if (overwritten_count_ < overwritten_max) overwritten_[overwritten_count_++] = device;
}

void StatusText::after_step(const Step& step) {
    // Whoever loads the store anew reads what is there.
    std::uint32_t left = 0;
    for (std::uint32_t i = 0; i < overwritten_count_; ++i) {
        if (is_in_use(overwritten_[i])) overwritten_[left++] = overwritten_[i];
    }
    overwritten_count_ = left;
    if (step.verb != Verb::check && step.verb != Verb::table && step.verb != Verb::status) return;
    for (const MappedDevice& d : world().mapper().devices()) {
        if (d.live() == nullptr || world().find_disk(d.name()) != nullptr) continue;
        if (step.verb != Verb::check && d.name() != step.name) continue;
        check_device(d);
    }
}

void StatusText::check_device(const MappedDevice& device) {
    const std::string_view line = world().live_table_text(device.name());
    if (line.empty()) return;
    Text<2048> printed_text;
    world().mapper().print(device.live(), StatusKind::table, printed_text);
    if (printed_text.truncated()) return;
    looked();
    Arena& arena = world().platform().arena();
    const TableText loaded(arena, world().mapper(), line);
    const TableText printed(arena, world().mapper(), printed_text.view());
    if (!printed.is_well_formed() || printed.line_count() != loaded.line_count()) {
        complain("the table text is no table of so many lines", printed_text.view());
        return;
    }
    std::size_t at = 0;
    for (Target& target : device.live()->targets()) {
        const TableLine& l = loaded.lines()[at];
        const TableLine& p = printed.lines()[at++];
        if (l.start != p.start || l.length != p.length || l.type != p.type) {
            complain("the table text has another target or place", printed_text.view());
            return;
        }
        if (p.type == "snapshot" || p.type == "snapshot-merge") {
            check_snapshot(static_cast<Snapshot&>(target), l, p);
        } else if (p.type == "snapshot-origin" || p.type == "linear") {
            if (p.arg_count != l.arg_count || !same_device(l.args[0], p.args[0]))
                complain("the table text names another device", printed_text.view());
        }
    }
}

void StatusText::check_snapshot(const Snapshot& s, const TableLine& l, const TableLine& p) {
    Text<300> info;
    s.status(StatusKind::info, info);
    check_info(info.view());
    Text<300> all;
    s.status(StatusKind::table, all);
    if (p.arg_count < fixed_arguments || l.arg_count < fixed_arguments) {
        complain("the table text lacks words", all.view());
        return;
    }
    if (!same_device(l.args[0], p.args[0]) || !same_device(l.args[1], p.args[1]))
        complain("the table text names other devices", all.view());
    if (!is_printed_in_order(p, features_of(l)))
        complain("the table text has other features", all.view());
    if (!s.is_active() || !s.chunk_size().is_set()) return;  // half of a handover
    const std::string_view letter = p.args[2];
    if (letter != "P" && letter != "PO" && letter != "N") {
        complain("the table text has no store letter", all.view());
        return;
    }
    const bool line_has_p = lower(l.args[2][0]) == 'p';
    const bool line_has_o = line_has_p && l.args[2].size() > 1 && lower(l.args[2][1]) == 'o';
    if (letter != "N" && line_has_o != (letter == "PO"))
        complain("the table text has another overflow letter", all.view());
    std::uint64_t expected = words::decimal(l.args[3]).value_or(0);
    if (letter == "N") {
        if (line_has_p) return;  // handed over
    } else {
        const BaseDisk* cow = nullptr;
        for (const MappedDevice& d : world().mapper().devices()) {
            if (d.number() == s.cow_number()) cow = world().find_disk(d.name());
        }
        if (cow == nullptr || is_overwritten(s.cow_number())) return;
        std::uint8_t bytes[sector_bytes];
        world().platform().cells().bytes_of(cow->medium->raw_read({0}), bytes);
        const format::Header header = format::Header::read(bytes);
        if (header.magic != format::magic) return;
        expected = header.chunk_size;
    }
    if (words::decimal(p.args[3]).value_or(0) != expected)
        complain("the table text has another chunk size", all.view());
}

// Invalid, Merge failed, Overflow, Unknown, or A/T M.
void StatusText::check_info(std::string_view text) {
    if (text == "Invalid" || text == "Merge failed" || text == "Overflow" || text == "Unknown")
        return;
    const std::size_t slash = text.find('/');
    const std::size_t blank = text.find(' ');
    if (slash != std::string_view::npos && blank != std::string_view::npos && slash < blank &&
        is_number(text.substr(0, slash)) && is_number(text.substr(slash + 1, blank - slash - 1)) &&
        is_number(text.substr(blank + 1)))
        return;
    complain("the status has no form of a status", text);
}

}  // namespace cowlab
