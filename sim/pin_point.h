// The words a pin is written with, and the choices they name.
//
//     pin DISK PURPOSE NTH MICROSECONDS      that request of the disk takes so much longer
//     pin DISK fault:PURPOSE NTH 1|2         … fails: 1 without effect, 2 although it was done
//     pin engine YIELD-POINT NTH MICROSECONDS
//     pin DISK survive SECTOR VERSION        after a power loss: 1 the durable one, 2 the oldest
//                                            write since, 3 the next … (0: as the line says)
#pragma once

#include <string>
#include <string_view>

#include "sim/chooser.h"

namespace cowlab {

struct PinPoint {
    ChoiceKind kind = ChoiceKind::latency;
    std::uint64_t value = 0;
};

bool parse_pin_point(std::string_view word, PinPoint& out);
// The word for a choice's key; the inverse of parse_pin_point for all kinds but survive.
std::string pin_point_word(const ChoiceKey& key);

}  // namespace cowlab
