// What a reader of a salvaged or odd store must know: which records were not followed, and which
// sectors of the snapshot are therefore the origin's.
#pragma once

#include <cstdio>

#include "cli/store/examination.h"

namespace cowlab::store {

// Old chunks that some record names but that are served from the origin, ascending.
std::vector<OldRange> given_up(const Examination& e);

void report_salvage(const Image& cow, const Examination& e, std::FILE* messages);
void report_suspicions(const Image& cow, const Examination& e, std::FILE* messages);

}  // namespace cowlab::store
