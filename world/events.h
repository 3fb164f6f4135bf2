// What the engine tells, kept for whoever asks: log lines of the present step, deviations, events
// into the recorder.
#pragma once

#include "base/arena.h"
#include "engine/port/event_sink.h"
#include "world/judge.h"
#include "world/recorder.h"

namespace cowlab {

class WorldEvents final : public EventSink {
  public:
    WorldEvents(Arena& arena, Recorder& recorder, Executor& executor)
        : arena_(arena), recorder_(recorder), executor_(executor) {}

    void set_judge(Judge* judge) { judge_ = judge; }

    void event(const Event& event) override;
    void log(std::string_view line) override;

    struct LogLine : ListNode<> {
        std::string_view text;
    };
    const List<LogLine>& log_lines() const { return lines_; }
    void forget_log_lines();

    // Bit n: Dn was emitted.
    std::uint32_t deviations() const { return deviations_; }

  private:
    Arena& arena_;
    Recorder& recorder_;
    Executor& executor_;
    Judge* judge_ = nullptr;
    List<LogLine> lines_;
    std::uint32_t deviations_ = 0;
};

}  // namespace cowlab
