// Who is told of every request at a disk: the recorder, the online checkers, a power loss that
// waits for its moment. Observers see bios and media, never the engine.
#pragma once

#include "engine/port/block_device.h"

namespace cowlab {

class DiskObserver {
  public:
    virtual void request_issued(std::uint32_t actor, const Bio& bio) = 0;
    // Before the submitter is told; `status` is what it will be told.
    virtual void request_done(std::uint32_t actor, const Bio& bio) = 0;

  protected:
    ~DiskObserver() = default;
};

}  // namespace cowlab
