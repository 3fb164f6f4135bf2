// What a world stands on: memory, a scheduler, media. The simulator is one; real devices another.
#pragma once

#include "base/arena.h"
#include "engine/port/executor.h"
#include "engine/port/memory.h"
#include "world/cells.h"
#include "world/disk_observer.h"
#include "world/medium.h"

namespace cowlab {

// Disks and devices as plain data: a hash of the name (FNV-1a-32). Names are kept elsewhere.
constexpr std::uint32_t actor_id_of(std::string_view name) {
    std::uint32_t h = 2166136261u;
    for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 16777619u;
    return h;
}

class Platform {
  public:
    virtual Arena& arena() = 0;
    virtual Executor& executor() = 0;
    virtual Memory& memory() = 0;
    virtual Cells& cells() = 0;
    virtual Medium* create_medium(const MediumSpec& spec, DeviceNumber number, std::uint32_t actor,
                                  DiskObserver* observer) = 0;
    virtual void add_pin(const PinSpec& pin, std::uint32_t actor) = 0;

    // Main context. Each runs turns; `stopped`: the world asked to stop (power loss, a CHECK).
    enum class Ran : std::uint8_t { done, stuck, stopped };
    // Until `flag` is true; stuck: it is not, and nothing can happen any more.
    virtual Ran run_until(const bool& flag) = 0;
    // Until only sleepers are left.
    virtual Ran run_until_quiet() = 0;
    // As long as `duration` lets it, or until `flag`; done: `flag` is true.
    virtual Ran run_for(Milliseconds duration, const bool& flag) = 0;
    // At most so many turns.
    virtual Ran run_turns(std::uint64_t turns) = 0;
    // Any context: the three above return `stopped` as soon as the present turn ends.
    virtual void request_stop() = 0;
    // Forgets every fiber, task and event, and takes the request to stop back.
    virtual void abandon_work() = 0;
    virtual std::uint64_t now_us() const = 0;

    // `inject engine no-memory`.
    virtual void add_memory_fault(AllocationUse use, InjectTimes times, std::uint64_t nth) = 0;
    // Allocations of the engine that were refused so far.
    virtual std::uint64_t allocations_failed() const = 0;
    // Calls nest: while held back, no fault is drawn (a machine boots).
    virtual void hold_back_faults(bool hold) = 0;
    // The power goes at a request of this purpose.
    virtual void count_power_loss(Purpose purpose) = 0;

  protected:
    ~Platform() = default;
};

}  // namespace cowlab
