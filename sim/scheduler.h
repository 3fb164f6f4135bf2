// Who goes next: a world's order of events, decided at the moment when one of them must happen.
//
// A SimExecutor without a scheduler is first in, first out, and delays that the Chooser gives when
// a request is made. With one, nothing has a latency: what could happen now stands in a line, and
// before each turn the scheduler picks from it. That is the choice the literature reasons about
// (PCT, delay bounding, exhaustive search), and it covers every order: completions of disks, fibers
// that were woken or are new, tasks, and fibers at a yield point.
//
// The record stays what it was (decision 5): who had to let others pass gets a pin with the delay
// that has the same effect, in the plain world, and nobody else gets one. So a run that a scheduler
// made is replayed by pins alone, with the same digest, and a pin is a forced switch.
//
// The line is in default order: [0] is who would be next if nobody chose. Whoever is passed over
// goes to the end of it, behind all that comes later: it waits until nothing else can happen or it
// is picked. What needs time (a sleeper, a slow disk) is not in the line: time passes when the line
// is empty.
#pragma once

#include <cstdint>

#include "base/prng.h"
#include "base/units.h"
#include "engine/port/executor.h"
#include "sim/chooser.h"

namespace cowlab {

// What can happen next.
struct Candidate {
    enum class Kind : std::uint8_t { task, new_fiber, woken_fiber, completion, rested_fiber };
    Task* task = nullptr;  // of a task, a new fiber, a completion
    ChoiceKey key{};       // with `nth`: the pin it gets if it waits
    std::uint64_t since_us = 0;
    std::uint32_t fiber = 0;  // of a fiber that was woken or rested
    std::uint32_t nth = 0;
    // A chain of events each of which was made possible by the one before it: the *thread* of the
    // literature. What a turn makes possible first goes on with its chain; everything else it makes
    // possible begins a chain.
    std::uint32_t chain = 0;
    Kind kind = Kind::task;
    bool late = false;      // it was passed over,
    std::uint32_t pin = 0;  // and this is the place of its pin
};

class Scheduler {
  public:
    // Which of the line. REQUIRES: count > 1. One passed over counts as one deviation.
    virtual std::uint32_t pick(const Candidate* line, std::uint32_t count) = 0;
    // The running fiber, of this chain, is at a yield point: does it wait while the others go?
    virtual bool rests(std::uint32_t chain, const Candidate* line, std::uint32_t count) = 0;

  protected:
    ~Scheduler() = default;
};

// What a schedule was made of, for whoever says what it promises.
struct ScheduleCount {
    std::uint32_t chains = 0;      // n: chains at the same time, at most
    std::uint32_t steps = 0;       // k: turns before which there was a choice
    std::uint32_t deviations = 0;  // candidates that were passed over
};

// First in, first out: what the plain world does.
class FifoScheduler final : public Scheduler {
  public:
    std::uint32_t pick(const Candidate*, std::uint32_t) override { return 0; }
    bool rests(std::uint32_t, const Candidate*, std::uint32_t) override { return false; }
};

// Uniformly random: each of the line with the same probability.
class UniformScheduler final : public Scheduler {
  public:
    explicit UniformScheduler(std::uint64_t seed) : rng_(seed, 98) {}
    std::uint32_t pick(const Candidate* line, std::uint32_t count) override;
    bool rests(std::uint32_t chain, const Candidate* line, std::uint32_t count) override;

  private:
    Prng rng_;
};

// PCT (Burckhardt and others, ASPLOS 2010): every chain has a random priority, the best of those
// in the line goes on; at d - 1 steps, drawn before the run from 1 ... k, the chain that would take
// the step falls below all others.
//
// Guarantee: let a bug need d ordering constraints between events. One run meets them with
// probability >= 1 / (n * k^(d-1)), where n is the number of chains and k the number of steps. The
// proof is theirs; what it asks for holds here: each chain is in a total order (every event of it
// is made possible by its predecessor), a chain that is not the best never runs, and steps with
// nothing to choose need not be counted: a change of priority there has the effect it would have at
// the next step of that chain at which there is a choice. When the line and everything else is
// empty, all that was comes before all that will be, and chains are counted anew from there.
// Where a run takes more steps than the k it was given, the bound is for constraints that concern
// its first k steps.
class PctScheduler final : public Scheduler {
  public:
    static constexpr std::uint32_t depth_max = 16;
    PctScheduler(std::uint64_t seed, std::uint32_t depth, std::uint32_t steps_expected);
    std::uint32_t pick(const Candidate* line, std::uint32_t count) override;
    bool rests(std::uint32_t chain, const Candidate* line, std::uint32_t count) override;

  private:
    // Chains beyond that share priorities: the bound is then void, and ScheduleCount says so.
    static constexpr std::uint32_t chains_max = 1024;
    std::uint64_t& priority(std::uint32_t chain) { return priorities_[chain % chains_max]; }
    void see(std::uint32_t chain);
    std::uint32_t best(const Candidate* line, std::uint32_t count);

    Prng rng_;
    std::uint32_t changes_ = 0;
    std::uint32_t change_at_[depth_max] = {};
    std::uint32_t steps_ = 0;
    std::uint64_t priorities_[chains_max] = {};  // 0: not seen yet
};

// Delay bounding (Emmi and others, POPL 2011): first in, first out, but for K deviations at steps
// drawn from 1 ... k. A schedule with K deviations is met with probability >= 1 / k^K.
class DelayScheduler final : public Scheduler {
  public:
    static constexpr std::uint32_t delays_max = 64;
    DelayScheduler(std::uint64_t seed, std::uint32_t delays, std::uint32_t steps_expected);
    std::uint32_t pick(const Candidate* line, std::uint32_t count) override;
    bool rests(std::uint32_t chain, const Candidate* line, std::uint32_t count) override;

  private:
    std::uint32_t due_now();
    std::uint32_t delays_ = 0;
    std::uint32_t delay_at_[delays_max] = {};
    std::uint32_t steps_ = 0;
};

}  // namespace cowlab
