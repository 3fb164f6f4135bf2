// What every oracle has: a word for its verdict, a count of how often it looked, and the world.
#pragma once

#include "world/verdict.h"
#include "world/world.h"

namespace cowlab {

// Which disks can be followed; the model judge knows.
class JudgedDisks {
  public:
    // False: tables that break the user's contract, stacks, writes behind the engine's back.
    virtual bool is_judged(const BlockDevice& origin) = 0;

  protected:
    ~JudgedDisks() = default;
};

struct OracleContext {
    World& world;
    Verdict& verdict;
    JudgedDisks& judged;
};

class Oracle {
  public:
    Oracle(const OracleContext& context, const char* word) : context_(context), word_(word) {}
    Oracle(const Oracle&) = delete;
    std::uint64_t evaluations() const { return evaluations_; }

  protected:
    World& world() const { return context_.world; }
    const EnginePolicy& policy() const { return context_.world.engine().policy; }
    bool is_judged(const BlockDevice& origin) const { return context_.judged.is_judged(origin); }
    void looked() { ++evaluations_; }
    void fail(std::uint32_t invariant, std::string_view text) {
        context_.verdict.fail(word_, invariant, context_.world.steps_run(), text);
    }

  private:
    OracleContext context_;
    const char* word_;
    std::uint64_t evaluations_ = 0;
};

}  // namespace cowlab
