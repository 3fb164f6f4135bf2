// The words a pin is written with, and the choices they name.
//
//     pin DISK PURPOSE NTH MICROSECONDS      that request of the disk takes so much longer
//     pin DISK fault.PURPOSE NTH 1|2|3|4|5   … fails: 1 without effect, 2 although it was done, 3
//                                            done in part, 4 and its first sector is bad until it
//                                            is written; 5: the disk stalls; and what lasts, until
//                                            it is healed: 6 all of this purpose fail, 7 the disk
//                                            has vanished, 8 it is read-only
//     pin engine memory.USE NTH 1            that allocation fails
//     pin engine YIELD-POINT NTH MICROSECONDS
//     pin engine rest.task|rest.new-fiber|rest.woken-fiber NTH MICROSECONDS
//                                            ready work of this sort waits so long
//     pin DISK survive.SECTOR NTH VERSION    at the NTH power loss that leaves it undecided:
//                                            1 the durable version, 2 the oldest since, 3 the next
//                                            …
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
// The word for a choice's key; the inverse of parse_pin_point.
std::string pin_point_word(const ChoiceKey& key);

}  // namespace cowlab
