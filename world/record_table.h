// The table that explains a world's records: kind -> name and columns (reports/record.h).
#pragma once

#include <span>

#include "reports/record.h"

namespace cowlab {

// Indexed by Record::kind; RecordType first, then the engine's events in the order of EventKind.
std::span<const RecordKind> record_kinds();

}  // namespace cowlab
