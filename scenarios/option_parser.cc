#include "scenarios/option_parser.h"

#include <bit>

#include <fmt/format.h>

#include "scenarios/words.h"

namespace cowlab {

bool OptionParser::refuse_laboratory(std::string_view word) {
    refused_ = true;
    return fail(
        fmt::format("{} is the laboratory's: begin the file with \"cowlab 1\"", in_quotes(word)));
}

bool OptionParser::parse_options() {
    switch (verb_) {
        case Verb::disk: return parse_disk();
        case Verb::write: return parse_fua();
        case Verb::suspend: return parse_suspend();
        case Verb::fault: return parse_fault();
        case Verb::wait:
        case Verb::mergewait: return words_.at_end() || take_ms("MS", step_.ms.emplace());
        case Verb::logreplay: return parse_lossy();
        case Verb::join: return words_.at_end() || take_name("L", step_.job);
        case Verb::inject: return parse_inject();
        case Verb::power_loss: return parse_power_loss();
        default: return true;
    }
}

bool OptionParser::parse_disk() {
    while (!words_.at_end()) {
        if (!parse_disk_option(words_.next())) return false;
    }
    return true;
}

bool OptionParser::parse_disk_option(std::string_view word) {
    DiskSpec& disk = step_.disk;
    const bool ours = word == "cache" || word == "nocache" || word == "atomic" || word == "lost";
    if (ours && !strict_) return refuse_laboratory(word);
    if (word == "zero" || word == "fill" || word == "image") {
        const bool first = disk.content == DiskContent::unstated;
        return first ? parse_content(word) : refuse_second(word, "content");
    }
    if (word == "lbs") return disk.lbs == 0 ? parse_lbs() : refuse_second(word, "logical block");
    if (word == "on") return disk.path.empty() ? parse_path() : refuse_second(word, "path");
    if (word == "cache" || word == "nocache") {
        if (disk.cache != WriteCache::unstated) return refuse_second(word, "cache");
        disk.cache = word == "cache" ? WriteCache::on : WriteCache::off;
        return true;
    }
    if (word == "atomic") return atomic_seen_ ? refuse_second(word, "atomic unit") : parse_atomic();
    if (word == "lost") {
        return disk.lost == LostSectors::as_before ? parse_lost() : refuse_second(word, "\"lost\"");
    }
    if (word == "keep") return fail("\"keep\" without a path: write \"on PATH keep\"");
    constexpr std::string_view options[] = {"zero",  "fill",    "image",  "lbs", "on",
                                            "cache", "nocache", "atomic", "lost"};
    return fail(fmt::format("unknown option {}: use {}", in_quotes(word), alternatives(options)));
}

bool OptionParser::refuse_second(std::string_view word, std::string_view what) {
    return fail(
        fmt::format("{} is the second {} of this disk: leave one out", in_quotes(word), what));
}

bool OptionParser::parse_content(std::string_view word) {
    DiskSpec& disk = step_.disk;
    if (word == "zero") {
        disk.content = DiskContent::zero;
        return true;
    }
    if (word == "fill") {
        disk.content = DiskContent::fill;
        return take_number("SEED", step_.seed, UINT64_MAX);
    }
    disk.content = DiskContent::image;
    std::string_view member;
    if (!take_word("MEMBER", member)) return false;
    disk.image = member;
    return true;
}

bool OptionParser::parse_lbs() {
    std::uint64_t bytes = 0;
    if (!take_number("N", bytes, UINT32_MAX)) return false;
    step_.disk.lbs = static_cast<std::uint32_t>(bytes);
    const bool usual = std::has_single_bit(bytes) && bytes >= 512 && bytes <= 4096;
    if (usual || (!strict_ && bytes != 0)) return true;
    return fail(fmt::format("lbs {}: use 512, 1024, 2048 or 4096", bytes));
}

bool OptionParser::parse_path() {
    DiskSpec& disk = step_.disk;
    std::string_view path;
    if (!take_word("PATH", path)) return false;
    disk.path = path;
    disk.keep = words_.peek() == "keep";
    if (disk.keep) words_.next();
    return true;
}

bool OptionParser::parse_atomic() {
    constexpr std::uint64_t most = 256;
    atomic_seen_ = true;
    Sectors& unit = step_.disk.atomic;
    if (!take_sectors("N", unit)) return false;
    if (std::has_single_bit(unit.value) && unit.value <= most) return true;
    return fail(
        fmt::format("atomic {}: use a power of two of sectors, at most {}", unit.value, most));
}

bool OptionParser::parse_suspend() {
    while (!words_.at_end()) {
        const std::string_view word = words_.next();
        bool* flag = word == "noflush"    ? &step_.noflush
                     : word == "nolockfs" ? &step_.nolockfs
                                          : nullptr;
        if (flag == nullptr) {
            return fail(fmt::format("unknown option {}: use noflush or nolockfs", in_quotes(word)));
        }
        if (*flag) return fail(fmt::format("{} is there twice: leave one out", in_quotes(word)));
        *flag = true;
    }
    return true;
}

bool OptionParser::parse_fault() {
    FaultSpec& fault = step_.fault;
    if (!take_one_of("table", 5, fault.table)) return false;
    switch (fault.table) {
        case FaultTable::linear:
        case FaultTable::error: return true;
        case FaultTable::bad:
            return take_sectors("SECTOR", step_.start) && take_sectors("COUNT", step_.count);
        case FaultTable::flakey:
            if (!take_seconds("UP", fault.up_seconds) ||
                !take_seconds("DOWN", fault.down_seconds)) {
                return false;
            }
            while (!words_.at_end()) {
                if (!step_.text.empty()) step_.text += ' ';
                step_.text += words_.next();
            }
            return true;
        case FaultTable::delay:
            return take_ms("READ_MS", fault.read_delay) && take_ms("WRITE_MS", fault.write_delay);
    }
    return fail("no such table");
}

bool OptionParser::parse_lossy() {
    if (words_.at_end()) return true;
    const std::string_view word = words_.next();
    if (word != "lossy") {
        return fail(fmt::format("unknown option {}: use lossy SEED", in_quotes(word)));
    }
    step_.lossy = true;
    return take_number("SEED", step_.seed, UINT64_MAX);
}

bool OptionParser::parse_lost() {
    std::string_view word;
    if (!take_word("what is left", word)) return false;
    for (const LostSectors lost : {LostSectors::zero, LostSectors::garbage}) {
        if (word != name_of(lost)) continue;
        step_.disk.lost = lost;
        return true;
    }
    return fail(fmt::format("lost {}: use zero or garbage", in_quotes(word)));
}

bool OptionParser::parse_fua() {
    // In a golden case it is one word too many, as it was when the case was recorded.
    if (!strict_ || words_.peek() != "fua") return true;
    words_.next();
    step_.fua = true;
    return true;
}

bool OptionParser::parse_inject() {
    InjectSpec& inject = step_.inject;
    if (words_.peek() == "heal") {
        words_.next();
        inject.form = InjectSpec::Form::heal;
        return true;
    }
    if (words_.peek() == "no-memory" || step_.name == "engine") {
        if (step_.name != "engine") {
            return fail(
                fmt::format("no-memory for {}: it is the engine that allocates, write "
                            "inject engine no-memory USE",
                            in_quotes(step_.name)));
        }
        const std::string_view word = words_.next();
        if (word != "no-memory") {
            return fail(fmt::format("{}: what can be injected into the engine is no-memory USE",
                                    in_quotes(word)));
        }
        inject.form = InjectSpec::Form::memory;
        return take_one_of("USE", allocation_use_count, inject.use) && parse_times();
    }
    if (!take_one_of("CLASS", request_class_count, inject.request_class)) return false;
    inject.anywhere = words_.peek() == "any";
    if (inject.anywhere) {
        words_.next();
    } else if (!take_range("WHERE", step_.start, step_.count)) {
        return false;
    }
    if (!take_one_of("KIND", inject_kind_count, inject.kind)) return false;
    if (takes_ms(inject.kind) && !take_ms("MS", inject.ms)) return false;
    return parse_times();
}

bool OptionParser::parse_times() {
    InjectSpec& inject = step_.inject;
    if (words_.at_end()) return true;
    if (!take_one_of("option", 3, inject.times)) return false;
    return inject.times != InjectTimes::nth || take_ordinal("N", inject.nth);
}

bool OptionParser::parse_power_loss() {
    PowerLossSpec& loss = step_.loss;
    loss.at_once = words_.peek() != "after";
    if (!loss.at_once) {
        words_.next();
        if (!take_name("DISK", step_.name) ||
            !take_one_of("CLASS", request_class_count, loss.request_class) ||
            !take_ordinal("NTH", loss.nth)) {
            return false;
        }
        const std::string_view next = words_.peek();
        const bool stated = !next.empty() && next != "losing" && next != "keeping";
        if (stated && !take_one_of("moment", 2, loss.moment)) return false;
    }
    std::string said(words_.next());
    if (!words_.at_end()) said.append(" ").append(words_.next());
    for (const Survivors survival : {Survivors::losing_everything, Survivors::keeping_everything}) {
        if (said != name_of(survival)) continue;
        loss.survival = survival;
        return true;
    }
    if (said.empty()) {
        return fail(fmt::format("what survives is missing: the form is \"{}\"", form()));
    }
    return fail(fmt::format("unknown survival {}: use losing everything or keeping everything",
                            in_quotes(said)));
}

}  // namespace cowlab
