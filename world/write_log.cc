#include "world/write_log.h"

#include <cstring>
#include <new>

namespace cowlab {

WriteLog& WriteLogs::on(DeviceNumber device) {
    for (WriteLog& log : logs_) {
        if (log.device() == device) return log;
    }
    void* p = arena_.allocate(sizeof(WriteLog));
    CHECK(p != nullptr, "a world's arena has room for a log");
    auto& log = *new (p) WriteLog(device);
    logs_.push_back(log);
    return log;
}

WriteLog& WriteLogs::start_over(DeviceNumber device) {
    WriteLog& log = on(device);
    while (!log.entries().empty()) log.entries().pop_front();
    return log;
}

LogEntry& WriteLogs::new_entry() {
    void* p = arena_.allocate(sizeof(LogEntry));
    CHECK(p != nullptr, "a world's arena has room for a log entry");
    return *new (p) LogEntry();
}

LogEntry& WriteLogs::new_write(Sectors sector, Sectors length, Payload payload) {
    LogEntry& e = new_entry();
    e.sector = sector;
    e.length = length;
    // The data as it is now: the submitter may reuse its buffer once the write has completed. Kept
    // in a buffer of cells, so that the bytes behind the ids are kept as well.
    const Payload copy = cells_.allocate_cells(length);
    CHECK(copy.kind() != Payload::Kind::none, "a world's arena has room for a log entry's data");
    for (std::uint64_t i = 0; i < length.value; ++i) {
        cells_.set_content(copy, i, cells_.content(payload, i));
    }
    e.data = copy;
    return e;
}

LogEntry& WriteLogs::new_mark(std::string_view word) {
    LogEntry& e = new_entry();
    e.mark = true;
    e.word = static_cast<char*>(arena_.allocate(word.size() + 1));
    CHECK(e.word != nullptr, "a world's arena has room for a mark");
    std::memcpy(e.word, word.data(), word.size());
    e.word_size = static_cast<std::uint32_t>(word.size());
    return e;
}

}  // namespace cowlab
