#include "world/record_table.h"

#include "engine/port/event_sink.h"

namespace cowlab {
namespace {

constexpr RecordColumn none{"", ""};

constexpr RecordKind kinds[] = {
    {"issued",
     {"request", "request"},
     {"start", "sectors"},
     {"length", "sectors"},
     {"flags", "flags"}},
    {"done",
     {"request", "request"},
     {"start", "sectors"},
     {"length", "sectors"},
     {"status", "errno"}},
    {"verb begins", none, {"step", ""}, none, none},
    {"verb ends", none, {"step", ""}, none, none},
    {"power lost", none, {"undecided", "sectors"}, {"newer", "sectors"}, none},
    {"check failed", none, {"step", ""}, none, none},
    // EventKind
    {"prepare_exception", none, {"old", "chunk"}, {"new", "chunk"}, {"sequence", ""}},
    {"commit_exception", none, {"old", "chunk"}, {"new", "chunk"}, {"copied", ""}},
    {"exception done", none, {"old", "chunk"}, {"new", "chunk"}, {"ok", ""}},
    {"invalidated", none, {"no_space", ""}, none, none},
    {"overflowed", none, none, none, none},
    {"merge picks", none, {"old", "chunk"}, {"new", "chunk"}, {"chunks", ""}},
    {"merge erased", none, {"old", "chunk"}, {"new", "chunk"}, {"chunks", ""}},
    {"merge failed", none, none, none, none},
    {"merge finished", none, none, none, none},
    {"handover", none, {"from", "device"}, {"to", "device"}, none},
    {"suspended", none, none, none, none},
    {"resumed", none, none, none, none},
    {"event", none, {"number", ""}, none, none},
    {"deviation", none, {"D", ""}, none, none},
};
static_assert(std::size(kinds) ==
              static_cast<std::size_t>(RecordType::engine_event) + event_kind_count);

}  // namespace

std::span<const RecordKind> record_kinds() { return kinds; }

}  // namespace cowlab
