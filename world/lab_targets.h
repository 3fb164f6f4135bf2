// Targets only a laboratory needs: flakey, delay and log-writes, as the recording machine had them
// (golden/README.md). They come through the same factory as the engine's own.
#pragma once

#include "engine/device_mapper.h"
#include "world/write_log.h"

namespace cowlab {

struct LabTargetTypes {
    TargetType flakey, delay, log_writes;
    // `write_logs` must outlive the mapper.
    void add_to(DeviceMapper& mapper, WriteLogs& write_logs);
};

}  // namespace cowlab
