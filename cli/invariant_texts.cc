#include "cli/invariant_texts.h"

namespace cowlab {
namespace {

struct Row {
    std::uint32_t number;
    std::string_view text;
};

constexpr Row rows[] = {
    {1,
     "A chunk of a snapshot has at most one completed and at most one pending exception; both only "
     "while readers of its old content are still on O."},
    {2,
     "The new chunks of all completed and pending exceptions of a store differ, are at least 2, "
     "are no metadata chunks, and end inside C."},
    {3,
     "`next_free` lies above every allocated chunk (except during a merge) and is never a metadata "
     "chunk."},
    {4,
     "A run covers at most 256 chunks of one 256-aligned group; buckets are sorted; a lookup says "
     "what a plain map would say."},
    {5,
     "The count of live PEs is that of the pending table, those between allocation and insertion, "
     "and those being finished; when nothing goes on it is 0. The same for copies in flight."},
    {6,
     "Exceptions are committed in the order of their sequence numbers, which is the order of "
     "preparation; parked ones are ahead of their turn, and differ."},
    {7,
     "Every prepared exception is committed exactly once, failed or not; the store counts what is "
     "between, and the count is 0 when nothing goes on."},
    {8, "A batch is no longer than the records of its area; each callback runs once."},
    {9,
     "In the current area the records before the commit index have a new chunk, all behind are "
     "zero; every earlier area is full. In the buffer and on the medium."},
    {10,
     "When a write that fills an area is issued, the next area is zero on the medium, and was "
     "written before the flush that this write carries."},
    {11, "When a record becomes durable, its data chunk is durable."},
    {12,
     "Nothing that depends on a record (full bio, waiting snapshot writes, waiting origin writes) "
     "ends or goes on before the record is durable."},
    {13, "Chunk 0 only ever holds a well-formed header, and its chunk size never changes."},
    {14,
     "When nothing goes on, loading the image gives the completed table in memory and the same "
     "`next_free` (but during a merge)."},
    {15, "A read of a valid snapshot gives its base overlaid with its own acknowledged writes."},
    {16,
     "When a write to a chunk of O is dispatched, every valid, active, non-merging snapshot that "
     "covers it has a completed exception for it and no pending one."},
    {17, "At that moment no tracked read of the chunk is in flight."},
    {18,
     "The source chunk of a copy is not written between the start of the copy and the commit of "
     "its record."},
    {19, "No request leaves its device; copies are clipped at the end of O."},
    {20,
     "Every accepted request ends exactly once; queues are empty when nothing goes on; none is "
     "lost by invalidation, overflow, merge failure, handover or removal."},
    {21, "An origin write fails only if O failed it."},
    {22,
     "After an invalidation every data request of the snapshot fails, no PE is made, and those in "
     "flight drain. An empty flush still goes to C."},
    {23, "An overflowed snapshot fails writes, serves reads, and its header is valid."},
    {24,
     "Invalid, active, overflowed and merge-failed are never taken back, except overflowed by D12 "
     "and merge-failed by D11. A handover copies the first and the third."},
    {25,
     "When a snapshot is reported invalid, its header says so durably before the first origin "
     "write that skipped a copy is on O (D2)."},
    {26,
     "At most two snapshots share one (O, C), at most one of them waiting. A handover finds no PE, "
     "no tracked chunk and no merge."},
    {27,
     "Snapshots stand in descending order of chunk size at the time of their insertion; the split "
     "boundary is the smallest chunk."},
    {28,
     "At most one merging snapshot for each O. Its completed table only shrinks and its pending "
     "table is empty."},
    {29,
     "While a run is copied, its chunks are completed, no tracked write to them is in flight, new "
     "writes to them are held, and every other valid active snapshot has completed exceptions for "
     "what they overlap."},
    {30, "Records are erased only when the merged data is durable on O."},
    {31,
     "Records go strictly from the end; exceptions leave their run at its ends; the published run "
     "is empty when the merge stands still."},
    {32,
     "Held writes reach O only when the erase is durable, and fail only when the merge fails in "
     "the same step."},
    {33, "A run that is picked never holds new chunk 0, nor a chunk that the table does not have."},
    {34,
     "With fair scheduling and a finite input every exception, run, suspend, resume and removal "
     "ends. Nobody waits for a lock with an undispatched tracked read, nor for a copy slot with "
     "the registry's lock."},
    {35,
     "The count of ended exceptions rises after the PE has left its table and before its origin "
     "writes walk again."},
    {36,
     "The event number of a mapped device rises by one for each invalidation of its snapshot and "
     "each rename, and (D8) for each overflow, end and failure of a merge; for nothing else."},
    {37,
     "With R completed and P pending exceptions the next chunk of a persistent store is 2 + (R + "
     "P) + floor((R + P) / records of an area); status says that many chunks, the size of C, and "
     "the chunks of header and areas. Space ends where that chunk, or (D9) the next area, lies "
     "beyond C; not before."},
    {38,
     "The table text of a device, read as a table line, is the line that was loaded: targets, "
     "devices, store letter, features; the chunk size is the header's."},
    {39,
     "When the last device but the disks' own is gone, the engine holds as much memory as before "
     "the first one."},
    {40,
     "After a power loss each atomic unit of a disk holds what was durable, with the first k of "
     "the later writes to it on top, for some k. (Of the disks, not of the engine: a check of the "
     "world it is tried in.)"},
};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-'; }

}  // namespace

std::string_view invariant_text(std::uint32_t number) {
    for (const Row& row : rows) {
        if (row.number == number) return row.text;
    }
    return {};
}

std::string invariant_sentence(std::uint32_t number) {
    std::string_view text = invariant_text(number);
    const std::size_t end = text.find(". ");
    if (end != std::string_view::npos) text = text.substr(0, end);
    if (!text.empty() && text.back() == '.') text.remove_suffix(1);
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool alone = (i == 0 || !is_letter(text[i - 1])) &&
                           (i + 1 == text.size() || !is_letter(text[i + 1]));
        if (alone && text[i] == 'O') {
            out += "the origin";
        } else if (alone && text[i] == 'C') {
            out += "the COW device";
        } else {
            out += text[i];
        }
    }
    return out;
}

}  // namespace cowlab
