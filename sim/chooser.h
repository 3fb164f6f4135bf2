// Every decision of a simulated world is one draw from one Chooser, named by what it decides.
//
// A choice is identified by (kind, actor, point, how many times before): "the 3rd copy-write of
// cow". 0 is always the default: first in first out, no fault, nothing lost. What a driver chose
// that is not the default is kept; that list of *pins* is the whole schedule of a run, and removing
// a line of a scenario does not shift it (architecture, decision 5).
//
// Drivers: FIFO (all defaults), seeded random with swarm, pinned (defaults but for a list). The
// world cannot tell which one drives it. Kinds draw from separate streams, so that a fault added
// or removed does not move the schedule.
#pragma once

#include <cstdint>

#include "base/arena.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/prng.h"

namespace cowlab {

enum class ChoiceKind : std::uint8_t {
    latency,  // extra microseconds before a request completes
    fault,    // 0: none; 1: EIO, nothing done; 2: EIO although it was done
    yield,    // extra microseconds at a named yield point
    survive,  // which version of a sector is left after a power loss
};
inline constexpr std::size_t choice_kind_count = 4;

struct ChoiceKey {
    ChoiceKind kind;
    std::uint32_t actor;  // actor_id_of() a disk's name; 0 for the engine's yield points
    std::uint64_t point;  // a purpose, a yield point, or a sector
    bool operator==(const ChoiceKey&) const = default;
};

struct Pin {
    ChoiceKey key;
    std::uint32_t nth;  // 1 is the first
    std::uint32_t choice;
};

// How wild a random run is: drawn once a run (swarm), so that runs differ in kind.
struct Swarm {
    std::uint32_t latency_max_us = 0;  // 0: always FIFO
    Ratio slow{0, 1};                  // of requests
    std::uint32_t slow_max_us = 0;
    std::uint32_t yield_max_us = 0;
    Ratio fault{0, 1};          // of requests while faults are allowed
    Ratio fault_written{0, 1};  // of faults
    Ratio survive{1, 2};        // of volatile sectors that keep a newer version
};

class Chooser {
  public:
    explicit Chooser(Arena& arena) : arena_(arena) {}
    Chooser(const Chooser&) = delete;

    void drive_randomly(std::uint64_t seed, const Swarm& swarm);
    // Pins on top of the driver: they win where they apply.
    void add_pin(const Pin& pin);

    // In [0, n). REQUIRES: n > 0.
    std::uint32_t choose(const ChoiceKey& key, std::uint32_t n);

    // Faults stop (the liveness phase at the end of a run).
    void allow_faults(bool allowed) { faults_allowed_ = allowed; }

    // What was chosen and is not the default, in order.
    std::uint32_t taken_count() const { return taken_count_; }
    const Pin& taken(std::uint32_t i) const { return taken_[i]; }
    std::uint32_t pins_total() const { return pin_count_; }
    std::uint32_t pins_met() const { return pins_met_; }
    std::uint64_t draws() const { return draws_; }

  private:
    struct Counter {
        std::uint64_t key = 0;
        std::uint32_t count = 0;
    };
    std::uint32_t count(const ChoiceKey& key);
    std::uint32_t draw(const ChoiceKey& key, std::uint32_t n);
    template <class T>
    T* grow(T* array, std::uint32_t size, std::uint32_t& capacity);

    Arena& arena_;
    bool random_ = false;
    bool faults_allowed_ = true;
    Swarm swarm_;
    Prng streams_[choice_kind_count];
    Counter* counters_ = nullptr;
    std::uint32_t counter_capacity_ = 0;
    std::uint32_t counter_count_ = 0;
    Pin* pins_ = nullptr;
    std::uint32_t pin_count_ = 0;
    std::uint32_t pin_capacity_ = 0;
    std::uint32_t pins_met_ = 0;
    Pin* taken_ = nullptr;
    std::uint32_t taken_count_ = 0;
    std::uint32_t taken_capacity_ = 0;
    std::uint64_t draws_ = 0;
};

}  // namespace cowlab
