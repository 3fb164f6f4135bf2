// What every part of the engine shares: the ports it speaks through, its policy, the registry of
// origins, and the queue of finished bios. One per origin group; no global state anywhere.
#pragma once

#include "engine/origins.h"
#include "engine/policy.h"
#include "engine/port/block_device.h"
#include "engine/port/event_sink.h"
#include "engine/port/executor.h"
#include "engine/port/memory.h"

namespace cowlab {

struct EnginePorts {
    Executor& executor;
    Memory& memory;
    CellPool& cells;
    EventSink& events;
};

// Completes bios on a later turn of the main context: the contract of BlockDevice for whoever
// finds out inside submit(), or on a fiber, that a bio has ended.
class LaterCompletions {
  public:
    explicit LaterCompletions(Executor& executor) : executor_(executor) {
        task_.owner = this;
        task_.run = &LaterCompletions::run;
    }
    // Calls bio.done later; bio.status is already what it should say.
    void complete(Bio& bio);

  private:
    struct OwnedTask : Task {
        LaterCompletions* owner = nullptr;
    };
    static void run(Task& task);
    Executor& executor_;
    OwnedTask task_;
    List<Bio> finished_;
};

struct Engine {
    Engine(const EnginePorts& ports, const EnginePolicy& engine_policy,
           const EngineLimits& engine_limits)
        : executor(ports.executor),
          memory(ports.memory),
          cells(ports.cells),
          events(ports.events),
          policy(engine_policy),
          limits(engine_limits),
          origins(*this),
          later(ports.executor) {}
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    void mark(Mark m) { events.mark(m); }
    void deviate(DeviceNumber device, std::uint64_t n) {
        events.event({EventKind::deviation, device, n});
    }
    void complete_later(Bio& bio, Errc status) {
        bio.status = status;
        later.complete(bio);
    }

    Executor& executor;
    Memory& memory;
    CellPool& cells;
    EventSink& events;
    EnginePolicy policy;
    EngineLimits limits;
    Origins origins;
    LaterCompletions later;
};

}  // namespace cowlab
