// Records as lines of fixed columns: time, where, what, details. Needs the records' own table only.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "reports/record.h"

namespace cowlab {

struct TraceNames {
    // The name of a disk (by actor) or of a mapped device (by minor), as the run knew it.
    std::function<std::string(std::uint32_t)> disk;
    std::function<std::string(std::uint32_t)> device;
    // The words behind a request's `detail` and an error number.
    std::function<std::string(std::uint16_t)> request;
    std::function<std::string(std::uint64_t)> error;
    // The scenario's line of a step.
    std::function<std::string(std::uint64_t)> step;
    std::uint16_t first_engine_kind = 0;
};

// One line without a newline; empty for a record that says nothing by itself.
std::string trace_line(const Record& record, std::span<const RecordKind> kinds,
                       const TraceNames& names);
std::string trace_legend();

}  // namespace cowlab
