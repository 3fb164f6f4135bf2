// Structure of a COW image (INV-2, INV-9, INV-13, INV-14): looks at the bytes on the disk alone.
//
// At any instant, a power loss included, the image of a persistent store is blank, or has a header
// of ours and a list of records that a load will believe; so the records must be ones that may be
// believed: data chunks, inside the device, each used once, in order of allocation, and no chunk of
// the origin twice. While nothing is in flight the list says what the engine's table says.
#pragma once

#include "base/text.h"
#include "engine/exception_table.h"
#include "world/cells.h"
#include "world/medium.h"

namespace cowlab {

struct StructureFinding {
    bool found = false;
    std::uint32_t invariant = 0;
    Text<200> text;
};

// `table`: compared with the records if given (quiet, not merging); `records` is how many there
// are.
void check_store_structure(Arena& arena, Cells& cells, Medium& medium, const ExceptionTable* table,
                           StructureFinding& finding);

}  // namespace cowlab
