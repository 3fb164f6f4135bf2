// What stands behind the end of the list, in the rest of its area.
//
// Every area is zeroed before it gets its first record, so zeros must follow the end. Records there
// are what a power loss leaves when only later sectors of the last area write reached the medium
// (spec N2), or what hides behind a record that was zeroed. A sector is written whole: zeros and
// then a record *within* one sector are no work of a power loss.
#pragma once

#include "cli/store/findings.h"
#include "cli/store/list.h"
#include "cli/store/record_rules.h"

namespace cowlab::store {

// Returns the old chunks of the records found behind the end (of many, the first), which nobody
// serves.
Result<std::vector<OldRange>> check_tail(const Image& image, const Layout& layout,
                                         const RecordRules& rules, const ExceptionList& list,
                                         Findings& findings);

}  // namespace cowlab::store
