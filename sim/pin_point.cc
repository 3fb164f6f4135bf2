#include "sim/pin_point.h"

#include "engine/port/block_device.h"
#include "engine/port/executor.h"
#include "engine/words.h"

namespace cowlab {
namespace {

constexpr std::string_view fault_prefix = "fault.";
constexpr std::string_view survive_prefix = "survive.";

// "read" … "discard" for the operation where a purpose serves two of them.
std::string request_word(std::uint64_t point) {
    const auto purpose = static_cast<Purpose>(point >> 2);
    std::string word = name_of(purpose);
    if (purpose == Purpose::forwarded || purpose == Purpose::flush || purpose == Purpose::area_zeroing ||
        purpose == Purpose::discard) {
        word += '.';
        word += name_of(static_cast<Op>(point & 3));
    }
    return word;
}

bool parse_request(std::string_view word, std::uint64_t& out) {
    for (std::uint64_t p = 0; p < purpose_count; ++p) {
        for (std::uint64_t op = 0; op < 4; ++op) {
            const std::uint64_t point = p << 2 | op;
            std::string name = request_word(point);
            if (name != word) continue;
            out = point;
            // Purposes that belong to one operation.
            switch (static_cast<Purpose>(p)) {
                case Purpose::copy_read:
                case Purpose::header_read:
                case Purpose::area_read: out = p << 2 | static_cast<std::uint64_t>(Op::read); break;
                case Purpose::copy_write:
                case Purpose::full_write:
                case Purpose::header_write:
                case Purpose::area_write:
                case Purpose::chunk_zeroing: out = p << 2 | static_cast<std::uint64_t>(Op::write); break;
                case Purpose::merge_flush: out = p << 2 | static_cast<std::uint64_t>(Op::flush); break;
                default: break;
            }
            return true;
        }
    }
    return false;
}

}  // namespace

bool parse_pin_point(std::string_view word, PinPoint& out) {
    if (word.substr(0, survive_prefix.size()) == survive_prefix) {
        const auto sector = words::decimal(word.substr(survive_prefix.size()));
        out = {ChoiceKind::survive, sector.value_or(0)};
        return sector.has_value();
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
        case ChoiceKind::survive: return std::string(survive_prefix) + std::to_string(key.point);
    }
    return "?";
}

}  // namespace cowlab
