#include "cli/lockstep.h"

#include <fmt/format.h>

#include <cstring>
#include <map>

#include "scenarios/print.h"

namespace cowlab {
namespace {

using Images = std::map<std::string, std::vector<std::uint8_t>>;

Images images_of(HostedWorld& hosted) {
    Images out;
    for (const BaseDisk& d : hosted.world().disks()) {
        std::vector<std::uint8_t>& bytes = out[std::string(d.name_view())];
        bytes.resize(d.spec.size.bytes());
        for (std::uint64_t s = 0; s < d.spec.size.value; ++s)
            hosted.cells().bytes_of(d.medium->raw_read({s}), bytes.data() + s * sector_bytes);
    }
    return out;
}

std::string first_difference(const Images& simulated, const Images& real, std::uint64_t& sectors) {
    for (const auto& [name, bytes] : simulated) {
        const auto other = real.find(name);
        if (other == real.end()) return fmt::format("disk {} is only in the simulator", name);
        for (std::size_t at = 0; at < bytes.size(); at += sector_bytes, ++sectors) {
            if (std::memcmp(bytes.data() + at, other->second.data() + at, sector_bytes) != 0)
                return fmt::format("disk {} differs at sector {}", name, at / sector_bytes);
        }
    }
    return {};
}

}  // namespace

Result<LockstepResult> run_in_lockstep(WorldHost& host, const Scenario& scenario,
                                       const RunSetup& setup, const std::string& file,
                                       const MediaOptions& disks) {
    LockstepResult out;
    Schedule schedule;
    Images simulated;
    std::uint64_t digest = 0;
    RunSetup sim = setup;
    sim.recording = &schedule;
    sim.terse_answers = false;
    sim.at_end = [&](SimWorld& world) { simulated = images_of(world); };
    const RunResult recorded = run_scenario(host, scenario, sim);
    out.simulated = recorded.verdict;
    if (out.simulated.failed) return out;
    out.contended = schedule.contended_count();

    auto media = DeviceMedia::prepare(scenario, file, disks);
    if (!media) return failure(std::move(media).error());
    Images real;
    DeviceSetup device;
    device.world.world.policy =
        setup.policy != nullptr ? *setup.policy : *policy_of(scenario.header, {});
    device.world.world.limits = limits_of(scenario.header);
    device.world.world.recorder_capacity = setup.recorder_capacity;
    device.world.world.images = setup.images;
    device.world.memory_limit = memory_of(scenario.header);
    device.world.repeated = &schedule;
    device.at_end = [&](DeviceWorld& world) {
        digest = world.world().digest();
        real = images_of(world);
    };
    const DeviceResult result = run_on_device(host, scenario, media->files(), device);
    if (result.trouble.error != 0) return failure(error_of(result.trouble));
    out.answers = result.answers;
    out.requests = result.requests;
    out.completions = result.completions;
    for (std::size_t i = 0; i < recorded.answers.size(); ++i) {
        if (i >= result.answers.size()) break;
        if (recorded.answers[i] == result.answers[i]) continue;
        out.difference = fmt::format("step {}: {}: the simulator answers `{}`, the device `{}`",
                                     i + 1, print_line(scenario.steps[i]),
                                     recorded.answers[i].front(), result.answers[i].front());
        return out;
    }
    if (!result.failure.empty()) {
        out.difference = fmt::format("step {}: {}", result.failed_step + 1, result.failure);
        return out;
    }
    out.difference = first_difference(simulated, real, out.sectors);
    if (out.difference.empty() && !schedule.is_used_up())
        out.difference = "the simulated run asked the disks for more";
    if (out.difference.empty() && digest != recorded.digest)
        out.difference = fmt::format(
            "the digests differ: {:016x} in the simulator, {:016x} on the "
            "device",
            recorded.digest, digest);
    return out;
}

}  // namespace cowlab
