// What all runs of a campaign did, as numbers that can be added: in any order, on any machine.
//
// A table of counters names each number once; adding one is a line in `counters` (totals.cc). It
// then travels from workers to the campaign, into its state file, into --json, and is there for
// whoever prints it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/scenario_run.h"

namespace cowlab {

struct Counter {
    std::string name;
    std::uint64_t (*of)(const GeneratedRun& run, const RunResult& result, std::size_t index);
    std::size_t index = 0;  // of a rule, a mark, …: handed to `of`
};
// In the order in which they are stored.
const std::vector<Counter>& counters();

class Totals {
  public:
    Totals() : values_(counters().size()) {}
    void add(const GeneratedRun& run, const RunResult& result);
    void add(const Totals& other);
    // A run of which nothing is known but that it was made.
    void add_dead_run();

    std::uint64_t runs() const { return value("runs"); }
    // 0 for a name that is not there.
    std::uint64_t value(std::string_view name) const;
    std::span<const std::uint64_t> values() const { return values_; }
    // False: another number of values.
    bool set(std::span<const std::uint64_t> values);
    std::size_t marks_reached() const;
    std::vector<std::string> marks_never_reached() const;

  private:
    std::vector<std::uint64_t> values_;
};

// The table at the end, for people.
std::string totals_text(const Totals& totals, std::uint64_t ms, const Profile& profile);

}  // namespace cowlab
