// Logs of dm-log-writes: what reached a device, in the order it completed, with flush boundaries.
//
// A log belongs to the log device (by number) and outlives the target that writes it, so that it
// can be listed and replayed afterwards. The data stays in sector cells of the world's pool.
#pragma once

#include <string_view>
#include "base/arena.h"

#include "base/units.h"
#include "world/cells.h"

namespace cowlab {

struct LogEntry : ListNode<> {
    Sectors sector;
    Sectors length;
    bool flush = false;
    bool fua = false;
    bool discard = false;
    bool mark = false;
    Payload data;          // of a write: cells of the world's pool
    char* word = nullptr;  // of a mark
    std::uint32_t word_size = 0;

    bool has_data() const { return data.kind() != Payload::Kind::none; }
};

class WriteLog : public ListNode<> {
  public:
    explicit WriteLog(DeviceNumber device) : device_(device) {}
    DeviceNumber device() const { return device_; }
    List<LogEntry>& entries() { return entries_; }
    const List<LogEntry>& entries() const { return entries_; }

  private:
    DeviceNumber device_;
    List<LogEntry> entries_;
};

class WriteLogs {
  public:
    WriteLogs(Arena& arena, Cells& cells) : arena_(arena), cells_(cells) {}

    // The log on a device; an empty one if there was none.
    WriteLog& on(DeviceNumber device);
    // As a log-writes target begins to use the device: what was there is gone.
    WriteLog& start_over(DeviceNumber device);
    LogEntry& new_entry();
    LogEntry& new_write(Sectors sector, Sectors length, Payload payload);
    LogEntry& new_mark(std::string_view word);

  private:
    Arena& arena_;
    Cells& cells_;
    List<WriteLog> logs_;
};

}  // namespace cowlab
