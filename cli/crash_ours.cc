#include "cli/crash_ours.h"

#include <fmt/format.h>

#include "cli/two_worlds.h"
#include "scenarios/generate.h"
#include "sim/scenario_run.h"

namespace cowlab {
namespace {

// The quick profile of a campaign, but every run loses power.
constexpr Profile profile_crash{"crash", 60, 110, 3, 24, {1, 1}, {1, 2}, {3, 5}, {1, 4}, {1, 50}};
constexpr std::uint64_t disk_sectors_most = 32768;
constexpr std::uint64_t turns_most = 2'000'000;

}  // namespace

std::optional<CrashImage> our_crash(SimHost& host, std::uint64_t seed) {
    const GeneratedRun generated = generate(seed, profile_crash, {});
    std::uint64_t sectors = 0;
    for (const Step& s : generated.scenario.steps) {
        if (s.verb == Verb::disk) sectors += s.count.value;
    }
    if (sectors > disk_sectors_most) return std::nullopt;
    // The second loss is often one of the recovery from the first.
    const std::uint64_t losses = seed % 3 == 0 ? 2 : 1;
    CrashImage out;
    ImageSet disks;
    bool lost = false;
    RunSetup setup;
    setup.cells = CellMode::bytes;
    setup.judge = false;
    setup.terse_answers = true;
    setup.pins_if_passed = false;
    setup.turns_max = turns_most;
    setup.drive = &generated;
    setup.seed = seed;
    const EnginePolicy& policy = seed % 2 == 0 ? policy_kernel : policy_default;
    setup.policy = &policy;
    std::size_t at_step = 0;
    setup.after_step = [&](std::size_t step, const Answer&, SimWorld& sim) {
        lost = sim.world().power_losses() >= losses;
        at_step = step;
        return !lost;
    };
    setup.at_end = [&](SimWorld& sim) {
        if (!lost) return;
        disks = images_of(sim);
        out.devices = sim.world().lines_of_reload();
    };
    run_scenario(host, generated.scenario, setup);
    if (!lost || out.devices.empty()) return std::nullopt;
    for (const Step& s : generated.scenario.steps) {
        const auto found = s.verb == Verb::disk ? disks.find(s.name) : disks.end();
        if (found == disks.end()) continue;
        out.disks.push_back(disk_with_image(s.name, s.count, s.disk.lbs));
        out.members[s.name + ".img"] = found->second;
    }
    out.title =
        fmt::format("our engine, seed {}, power loss {} at step {}", seed, losses, at_step + 1);
    return out;
}

}  // namespace cowlab
