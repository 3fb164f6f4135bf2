#include "cli/kernel_differential.h"

#include <fmt/format.h>

#include <map>

#include "cli/run.h"
#include "cli/stop_signals.h"

namespace cowlab {
namespace {

constexpr std::uint64_t shrunk_of_a_kind = 2;
constexpr std::uint64_t progress_every = 100;

Result<bool> report(const DifferentialOptions& options, TwoWorlds& worlds, std::uint64_t seed,
                    const Scenario& scenario, const WorldDifference& difference) {
    fmt::print("seed {}: {}\n", seed, difference.text);
    const auto stored =
        store_difference(worlds, scenario, {}, difference, fmt::format("seed {}", seed),
                         fmt::format("{}/{}.scn", options.out, seed), options.shrink_seconds);
    if (!stored) return failure(stored.error());
    if (!stored->again) {
        fmt::print("     not seen a second time: it depends on timing\n");
    } else {
        fmt::print("     {}, {} candidates tried{}\n     {}\n",
                   size_text(size_of(stored->shrunk.scenario), stored->shrunk.operations_before),
                   stored->shrunk.tried, stored->shrunk.minimal ? "" : ", time was up",
                   stored->small_text);
    }
    fmt::print("     scenario   {}\n", stored->path);
    return true;
}

}  // namespace

Result<int> kernel_differential(const DifferentialOptions& options) {
    KernelOptions kernel_options;
    kernel_options.step_seconds = 30;
    kernel_options.runner = options.runner;
    KernelOracle oracle(kernel_options);
    if (const auto reason = oracle.why_not()) return refuse("kernel", *reason);
    SimHost host;
    TwoWorlds worlds(host, oracle, options.without);
    // A boot first: the generator leaves out what this kernel is known to do otherwise.
    auto first = oracle.run({});
    if (!first) return failure(std::move(first).error());
    fmt::print("seeds {} to {}   kernel {}\n", options.seed, options.seed + options.count - 1,
               first->release);
    std::uint64_t scenarios = 0, differences = 0, hung = 0, racing = 0;
    std::map<std::string, std::uint64_t> of_kind;
    for (std::uint64_t i = 0; i < options.count && !stop_requested(); ++i) {
        const std::uint64_t seed = options.seed + i;
        const Scenario scenario = scenario_for_kernel(seed, first->release);
        auto difference = worlds.compare(scenario);
        if (!difference) return failure(std::move(difference).error());
        ++scenarios;
        if (worlds.engine_hung()) ++hung;
        if (worlds.ended_in_race()) ++racing;
        if (options.verbose) fmt::print("seed {}: {} lines\n", seed, scenario.steps.size());
        if (scenarios % progress_every == 0 && scenarios < options.count) {
            fmt::print("{} scenarios, {} differences so far\n", scenarios, differences);
            std::fflush(stdout);
        }
        if (!*difference) continue;
        ++differences;
        if (++of_kind[(*difference)->kind] > shrunk_of_a_kind) {
            fmt::print("seed {}: {}\n", seed, (*difference)->text);
            continue;
        }
        if (auto r = report(options, worlds, seed, scenario, **difference); !r)
            return failure(std::move(r).error());
        std::fflush(stdout);
    }
    fmt::print(
        "{} lines compared, {} sectors of images compared, {} boots\n"
        "not compared: {} scenarios (they hang), the rest of {} (a failed merge is started "
        "again)\n",
        worlds.steps(), worlds.sectors(), oracle.boots(), hung, racing);
    fmt::print("{} scenarios, {} differences\n", scenarios, differences);
    if (scenarios < options.count) return 4;
    return differences == 0 ? 0 : 1;
}

}  // namespace cowlab
