// One scenario in our engine and in Linux itself, compared: every answer, and at the end every disk
// byte for byte. And what is done with a difference: shrunk against the kernel, and stored.
#pragma once

#include <optional>
#include <string>

#include "cli/memory_images.h"
#include "cli/our_world.h"
#include "device/kernel_oracle.h"
#include "scenarios/scenario.h"
#include "scenarios/shrink.h"

namespace cowlab {

struct WorldDifference {
    std::string kind;  // what shrinking keeps: the verb, or the image
    std::size_t step = 0;
    std::string text;
};

// Both worlds, compared. An error is the environment's: no kernel, no room.
class TwoWorlds {
  public:
    // `without`: a safety rule our engine goes without; empty: none.
    TwoWorlds(SimHost& host, KernelOracle& oracle, const std::string& without);

    // `members`: the images that the scenario's disks begin with. Waits that come to nothing take
    // the kernel's time: a scenario in which our engine waits in vain can be left out.
    enum class Waits : std::uint8_t { are_compared, are_left_out };
    Result<std::optional<WorldDifference>> compare(const Scenario& scenario,
                                                   const ImageSet& members = {},
                                                   Waits waits = Waits::are_compared);
    // The same scenario in the default engine, against what the kernel answered in the last
    // comparison: nothing if they differ in nothing, or only after a deviation acted.
    std::optional<WorldDifference> compare_default(const Scenario& scenario,
                                                   const ImageSet& members);

    // Of the last comparison.
    const KernelResult& kernel() const { return kernel_; }
    // Our engine hangs, so the kernel was not asked.
    bool engine_hung() const { return engine_hung_; }
    // Our engine waited for something that did not come.
    bool waited_in_vain() const { return waited_in_vain_; }
    // A failed merge was started again: what Linux does from there on depends on timing and was not
    // compared (cli/merge_started_again.h).
    bool ended_in_race() const { return race_; }
    // Of compare_default(): the deviations that acted, bit n is Dn; whether an answer or image
    // shows them; and where first.
    std::uint32_t deviations() const { return deviations_; }
    bool is_deliberate() const { return deliberate_; }
    std::size_t first_deliberate_step() const { return deliberate_step_; }

    std::uint64_t steps() const { return steps_; }
    std::uint64_t sectors() const { return sectors_; }

  private:
    static std::uint32_t deviations_by(const OurRun& ours, std::size_t step);
    std::optional<WorldDifference> difference(const Scenario& scenario, const OurRun& ours);
    std::optional<WorldDifference> compare_images(const Scenario& scenario, const ImageSet& ours);

    SimHost& host_;
    KernelOracle& oracle_;
    EnginePolicy policy_;
    KernelResult kernel_;
    bool engine_hung_ = false;
    bool race_ = false;
    bool waited_in_vain_ = false;
    bool deliberate_ = false;
    std::size_t deliberate_step_ = 0;
    std::uint32_t deviations_ = 0;
    std::uint64_t steps_ = 0;
    std::uint64_t sectors_ = 0;
};

struct StoredDifference {
    std::string path;        // of the scenario, its images beside it
    bool again = false;      // seen a second time; if not, it depends on timing
    ShrinkResult shrunk;     // if seen again
    std::string small_text;  // what the small one shows
};

// Shrinks a difference of compare() for so many seconds and writes the scenario, with the kernel's
// answers as expectations, to `path`, and the images its disks name beside it.
Result<StoredDifference> store_difference(TwoWorlds& worlds, const Scenario& scenario,
                                          const ImageSet& members,
                                          const WorldDifference& difference,
                                          const std::string& title, const std::string& path,
                                          std::uint32_t shrink_seconds);

}  // namespace cowlab
