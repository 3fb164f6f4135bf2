// What the engine tells whoever watches: typed events, coverage marks, log lines.
//
// Events never influence the engine. A sink that wants nothing costs a branch.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/units.h"
#include "engine/marks.h"

namespace cowlab {

enum class EventKind : std::uint8_t {
    exception_prepared,    // old chunk, new chunk, sequence
    exception_committed,   // old chunk, new chunk, ok
    exception_completed,   // old chunk, new chunk, ok
    snapshot_invalidated,  // cause errno name index
    snapshot_overflowed,
    merge_run_picked,  // first old chunk, first new chunk, count
    merge_run_erased,  // first old chunk, first new chunk, count
    merge_failed,
    merge_finished,
    handover,  // source minor, destination minor
    device_suspended,
    device_resumed,
    table_event,  // event number
    deviation,    // n of Dn
};
inline constexpr std::size_t event_kind_count = 14;

struct Event {
    EventKind kind;
    DeviceNumber device;  // the mapped device it happened to
    std::uint64_t a = 0, b = 0, c = 0;
};

class EventSink {
  public:
    virtual void event(const Event& event) = 0;
    // A line as the kernel's log has it, prefix included.
    virtual void log(std::string_view line) = 0;
    void mark(Mark m) { ++marks_[static_cast<std::size_t>(m)]; }
    std::uint32_t marked(Mark m) const { return marks_[static_cast<std::size_t>(m)]; }

  protected:
    ~EventSink() = default;
    std::uint32_t marks_[mark_count] = {};
};

}  // namespace cowlab
