// Every decision of a simulated world is one draw from one Chooser, named by what it decides.
//
// A choice is identified by (kind, actor, point, how many times before): "the 3rd copy-write of
// cow". 0 is always the default: first in first out, no fault, nothing lost. What a driver chose
// that is not the default is kept; that list of *pins* is the whole schedule of a run, and removing
// a line of a scenario does not shift it (architecture, decision 5).
//
// Drivers: FIFO (all defaults), seeded random with swarm, a string of bytes, a recording of all
// choices; and on top of each of them pins. When things happen may be left to a Scheduler
// (sim/scheduler.h), which decides before each turn and writes down what it did here. The world
// cannot tell which one drives it. Kinds draw from separate streams, so that a fault added or
// removed does not move the schedule.
#pragma once

#include <cstdint>

#include "base/arena.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/prng.h"
#include "scenarios/swarm.h"
#include "sim/atlas.h"

namespace cowlab {

enum class ChoiceKind : std::uint8_t {
    latency,  // extra microseconds before a request completes
    fault,    // FaultChoice
    yield,    // extra microseconds at a named yield point
    survive,  // which version of a sector is left after a power loss
    memory,   // 1: an allocation that can fail does
    rest,     // extra microseconds before ready work runs: pins and schedulers only
};
inline constexpr std::size_t choice_kind_count = 6;

// The choices of ChoiceKind::fault.
enum FaultChoice : std::uint32_t {
    no_fault,
    fault_eio,      // nothing done
    fault_written,  // EIO although it was done
    fault_partly,   // EIO, and some of its sectors were written
    fault_latent,   // EIO, and its first sector is bad until it is written
    fault_stall,    // this disk answers nothing for a while
    fault_choice_count,
    // No driver draws these; a pin may say them (cli/fault_loop.h does, for every request).
    fault_from_here = fault_choice_count,  // EIO, and so for each of its purpose from here on
    fault_vanish,                          // this disk fails everything from here on
    fault_read_only,                       // … every write
    fault_pin_count
};

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

class Chooser {
  public:
    explicit Chooser(Arena& arena) : arena_(arena) {}
    Chooser(const Chooser&) = delete;

    void drive_randomly(std::uint64_t seed, const Swarm& swarm);
    // As drive_randomly(), but nothing has a latency: a Scheduler decides when things happen.
    void drive_all_but_the_schedule(std::uint64_t seed, const Swarm& swarm);
    // Every choice comes from these bytes, in order; when they are used up all is default. Total:
    // every string of bytes is a run. The bytes stay the caller's.
    void drive_by_bytes(const std::uint8_t* bytes, std::size_t size);
    // Positional replay: the i-th draw takes the i-th of these; then defaults.
    void drive_recorded(const std::uint32_t* choices, std::size_t count);
    // From here on, everything chosen is kept, defaults too: what drive_recorded() takes.
    void record_all() { recording_ = memory_matters_ = true; }
    std::uint32_t recorded_count() const { return recorded_count_; }
    std::uint32_t recorded(std::uint32_t i) const { return recorded_[i]; }

    // Pins on top of the driver: they win where they apply.
    void add_pin(const Pin& pin);

    // How often this key came up so far: the next time is one more.
    std::uint32_t times(const ChoiceKey& key) const;

    // In [0, n). REQUIRES: n > 0.
    std::uint32_t choose(const ChoiceKey& key, std::uint32_t n);

    // A request of a disk: how late, and what befalls it; both are counted as one (n-th) time at
    // this point. `sensible`: bit k is set if FaultChoice k makes sense for it; a pin may still say
    // otherwise.
    struct RequestFate {
        std::uint32_t delay_us = 0;
        std::uint32_t fault = 0;
        std::uint32_t nth = 0;
    };
    RequestFate choose_fate(std::uint32_t actor, Purpose purpose, Op op, std::uint32_t sensible);
    // False: choose_fate() will not ask what is sensible for requests of this purpose.
    bool may_draw_fault(Purpose purpose) const {
        const bool in_focus = static_cast<std::uint32_t>(purpose) == swarm_.fault_focus;
        const Ratio& often = in_focus ? swarm_.focus_fault : swarm_.fault;
        return driver_ == Driver::bytes || often.numerator != 0;
    }
    // The key and count of the last request or yield that asked.
    const ChoiceKey& last_key() const { return last_key_; }
    std::uint32_t last_nth() const { return last_nth_; }
    // What a pin says about it; 0 without one. For choices that no driver draws.
    std::uint32_t pinned(const ChoiceKey& key, std::uint32_t nth, std::uint32_t n);
    // Some pin may let ready work rest.
    bool rests_matter() const { return rests_matter_; }
    // A scheduler lets this one wait. Returns its place, for when it is known how long.
    std::uint32_t note_taken(const Pin& pin) {
        taken_ = grow(taken_, taken_count_, taken_capacity_);
        taken_[taken_count_] = pin;
        return taken_count_++;
    }
    void settle_taken(std::uint32_t place, std::uint32_t choice) { taken_[place].choice = choice; }
    // An allocation that may fail. Not asked (nor counted) while nobody wants any to fail.
    bool may_fail_memory() const { return memory_matters_; }

    bool is_unlimited() const { return swarm_.unlimited; }
    // A latency beyond this was drawn as a slow request.
    std::uint32_t usual_latency_max() const { return swarm_.latency_max_us; }

    // What befell requests and allocations so far: the table at the end of a run.
    void count_delivered(FaultKind kind, std::uint32_t column) {
        ++delivered_[static_cast<std::size_t>(kind)][column];
        ++delivered_of_[static_cast<std::size_t>(kind)];
    }
    // True if one more is within the atlas (or this run has left it).
    bool allows(FaultKind kind, std::uint32_t column) const {
        return swarm_.unlimited ||
               atlas_allows(kind, column, delivered_of_[static_cast<std::size_t>(kind)]);
    }
    const Delivered& delivered() const { return delivered_; }

    // Faults stop (the liveness phase at the end of a run).
    // Calls nest.
    void allow_faults(bool allowed) { held_back_ += allowed ? -1 : 1; }

    // What was chosen and is not the default, in order.
    std::uint32_t taken_count() const { return taken_count_; }
    const Pin& taken(std::uint32_t i) const { return taken_[i]; }
    std::uint32_t pins_total() const { return pin_count_; }
    std::uint32_t pins_met() const { return pins_met_; }
    std::uint64_t draws() const { return draws_; }
    // Room for so many, so that the next ones take no memory.
    void reserve_taken(std::uint32_t count) {
        while (taken_capacity_ < count) taken_ = grow(taken_, taken_capacity_, taken_capacity_);
    }
    const Pin* taken_block() const { return taken_; }
    std::size_t taken_block_bytes() const { return taken_capacity_ * sizeof(Pin); }

  private:
    struct Counter {
        std::uint64_t key = 0;
        std::uint32_t count = 0;
    };
    static std::uint64_t hash_of(const ChoiceKey& key);
    std::uint32_t count(const ChoiceKey& key);
    enum class Driver : std::uint8_t { fifo, random, bytes, recorded };
    std::uint32_t draw(const ChoiceKey& key, std::uint32_t n);
    std::uint32_t draw_latency(Prng& rng);
    std::uint32_t draw_fault(const ChoiceKey& key, std::uint32_t sensible);
    std::uint32_t draw_byte(const ChoiceKey& key, std::uint32_t n);
    const Pin* find_pin(const ChoiceKey& key, std::uint32_t nth) const;
    std::uint32_t decide(const ChoiceKey& key, std::uint32_t n, std::uint32_t nth,
                         std::uint32_t sensible);
    template <class T>
    T* grow(T* array, std::uint32_t size, std::uint32_t& capacity);

    Arena& arena_;
    Driver driver_ = Driver::fifo;
    int held_back_ = 0;  // > 0: no faults now
    bool memory_matters_ = false;
    bool rests_matter_ = false;
    bool scheduled_ = false;  // latencies are a scheduler's business
    ChoiceKey last_key_{};
    std::uint32_t last_nth_ = 0;
    bool recording_ = false;
    Swarm swarm_;
    Prng streams_[choice_kind_count];
    Counter* counters_ = nullptr;
    std::uint32_t counter_capacity_ = 0;
    std::uint32_t counter_count_ = 0;
    // A long run that failed has thousands of pins, and most choices have none: one bit says so.
    static constexpr std::uint32_t pin_bits = 65536;
    static std::uint32_t pin_bit(const ChoiceKey& key, std::uint32_t nth);
    std::uint64_t* pin_bits_ = nullptr;
    Pin* pins_ = nullptr;
    std::uint32_t pin_count_ = 0;
    std::uint32_t pin_capacity_ = 0;
    std::uint32_t pins_met_ = 0;
    Pin* taken_ = nullptr;
    std::uint32_t taken_count_ = 0;
    std::uint32_t taken_capacity_ = 0;
    std::uint64_t draws_ = 0;
    Delivered delivered_ = {};
    std::uint32_t delivered_of_[fault_kind_count] = {};

    // Driver::bytes, Driver::recorded
    const std::uint8_t* bytes_ = nullptr;
    const std::uint32_t* replayed_ = nullptr;
    std::size_t input_size_ = 0;
    std::size_t input_at_ = 0;
    std::uint32_t* recorded_ = nullptr;
    std::uint32_t recorded_count_ = 0;
    std::uint32_t recorded_capacity_ = 0;
};

}  // namespace cowlab
