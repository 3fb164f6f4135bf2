#include "sim/pin_point.h"

#include <charconv>
#include <iterator>

#include "engine/port/block_device.h"
#include "engine/port/executor.h"

namespace cowlab {
namespace {

constexpr std::string_view fault_prefix = "fault.";
constexpr std::string_view survive_prefix = "survive.";
constexpr std::string_view memory_prefix = "memory.";
// In the order of FiberExecutor's kinds of ready work.
constexpr std::string_view rest_words[] = {"rest.task", "rest.new-fiber", "rest.woken-fiber"};

// The operation a purpose is made with, where there is one; a flush of the same purpose is what the
// device mapper split off a write with PREFLUSH.
bool natural_operation(Purpose purpose, Op& op) {
    switch (purpose) {
        case Purpose::copy_read:
        case Purpose::header_read:
        case Purpose::area_read: op = Op::read; return true;
        case Purpose::copy_write:
        case Purpose::full_write:
        case Purpose::header_write:
        case Purpose::area_write:
        case Purpose::area_zeroing:
        case Purpose::chunk_zeroing: op = Op::write; return true;
        case Purpose::merge_flush:
        case Purpose::flush: op = Op::flush; return true;
        case Purpose::discard: op = Op::discard; return true;
        case Purpose::forwarded: return false;
    }
    return false;
}

// "copy-write", "forwarded.read", "area-write.flush".
std::string request_word(std::uint64_t point) {
    const auto purpose = static_cast<Purpose>(point >> 2);
    const auto op = static_cast<Op>(point & 3);
    std::string word = name_of(purpose);
    Op natural{};
    if (!natural_operation(purpose, natural) || natural != op) {
        word += '.';
        word += name_of(op);
    }
    return word;
}

bool parse_request(std::string_view word, std::uint64_t& out) {
    for (std::uint64_t point = 0; point < purpose_count << 2; ++point) {
        if (request_word(point) != word) continue;
        out = point;
        return true;
    }
    return false;
}

bool parse_number(std::string_view word, std::uint64_t& out) {
    const auto r = std::from_chars(word.data(), word.data() + word.size(), out);
    return r.ec == std::errc() && r.ptr == word.data() + word.size();
}

}  // namespace

bool parse_pin_point(std::string_view word, PinPoint& out) {
    if (word.substr(0, survive_prefix.size()) == survive_prefix) {
        out.kind = ChoiceKind::survive;
        return parse_number(word.substr(survive_prefix.size()), out.value);
    }
    if (word.substr(0, memory_prefix.size()) == memory_prefix) {
        out.kind = ChoiceKind::memory;
        word.remove_prefix(memory_prefix.size());
        for (out.value = 0; out.value < static_cast<std::uint64_t>(MemoryUse::count_);
             ++out.value) {
            if (word == name_of(static_cast<MemoryUse>(out.value))) return true;
        }
        return false;
    }
    for (std::uint64_t r = 0; r < std::size(rest_words); ++r) {
        if (word == rest_words[r]) {
            out = {ChoiceKind::rest, r};
            return true;
        }
    }
    for (std::uint64_t y = 0; y < static_cast<std::uint64_t>(YieldPoint::count_); ++y) {
        if (word == name_of(static_cast<YieldPoint>(y))) {
            out = {ChoiceKind::yield, y};
            return true;
        }
    }
    out.kind = ChoiceKind::latency;
    if (word.substr(0, fault_prefix.size()) == fault_prefix) {
        out.kind = ChoiceKind::fault;
        word.remove_prefix(fault_prefix.size());
    }
    return parse_request(word, out.value);
}

std::string pin_point_word(const ChoiceKey& key) {
    switch (key.kind) {
        case ChoiceKind::latency: return request_word(key.point);
        case ChoiceKind::fault: return std::string(fault_prefix) + request_word(key.point);
        case ChoiceKind::yield: return name_of(static_cast<YieldPoint>(key.point));
        case ChoiceKind::memory:
            return std::string(memory_prefix) + name_of(static_cast<MemoryUse>(key.point));
        case ChoiceKind::rest: return std::string(rest_words[key.point]);
        case ChoiceKind::survive: return std::string(survive_prefix) + std::to_string(key.point);
    }
    return "?";
}

}  // namespace cowlab
