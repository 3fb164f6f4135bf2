// What is wrong with the records of a list: each by itself, and among each other.
#pragma once

#include "cli/store/findings.h"
#include "cli/store/list.h"
#include "cli/store/record_rules.h"

namespace cowlab::store {

struct ListReport {
    std::vector<std::uint64_t> lost;  // records that must not be followed, ascending
    std::vector<Run> map;             // what is left to serve: by old chunk, each chunk once
};

ListReport check_list(const Layout& layout, const RecordRules& rules, const ExceptionList& list,
                      Findings& findings);

}  // namespace cowlab::store
