#include "device/device_run.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "world/read_back.h"

namespace cowlab {

std::optional<std::string> first_line_for_the_simulator(const Scenario& scenario, bool lockstep) {
    for (const Step& s : scenario.steps) {
        const bool foreign = s.verb == Verb::inject || s.verb == Verb::power_loss ||
                             (s.verb == Verb::pin && !lockstep);
        if (foreign && !s.malformed)
            return fmt::format("line {}: {}", s.source.line, s.source.text);
    }
    return {};
}

Error error_of(const HostTrouble& trouble) {
    const bool full = trouble.error == ENOSPC || trouble.error == EDQUOT;
    return {Error::Kind::host, trouble.file->path(),
            fmt::format("{}: {}", std::strerror(trouble.error),
                        full ? "make room on its file system, or lay the disks elsewhere"
                             : "the device has gone: bind another")};
}

DeviceResult run_on_device(WorldHost& host, const Scenario& scenario, const DiskFiles& files,
                           const DeviceSetup& setup) {
    DeviceWorld device(host, files, setup.world);
    World& world = device.world();
    DeviceResult out;
    const auto fail = [&](std::size_t step, std::string text) {
        if (!out.failure.empty()) return;
        out.failure = std::move(text);
        out.failed_step = step;
    };
    const auto is_over = [&] {
        return !out.failure.empty() || world.is_stuck() || device.has_failed_check();
    };
    std::size_t current = 0;
    device.guarded([&] {
        for (std::size_t i = 0; i < scenario.steps.size() && !is_over(); ++i) {
            current = i;
            const Step& step = scenario.steps[i];
            Answer answer = world.run(step);
            if (step.verb == Verb::check) read_everything_back(world, [&] { return !is_over(); });
            if (!step.expected.empty() && !device.has_failed_check()) {
                if (const auto d = compare(step.expected, answer))
                    fail(i, fmt::format("expected `{}`, got `{}`", d->expected, d->actual));
            }
            if (device.device_executor().has_lost_step())
                fail(i,
                     "lockstep is lost: the engine asked the disks for something else than in "
                     "the simulator");
            out.answers.push_back(std::move(answer));
            if (setup.after_step && !setup.after_step(i, out.answers.back())) return;
        }
        if (is_over()) return;
        if (!world.finish()) fail(current, "something hangs at the end");
        if (device.device_executor().has_lost_step())
            fail(current,
                 "lockstep is lost at the end: the engine asked the disks for something "
                 "else than in the simulator");
    });
    if (device.has_failed_check()) {
        const CheckFailure& f = device.failed_check();
        fail(current, fmt::format("CHECK failed at {}:{}: {}", f.file, f.line, f.rule));
    } else {
        if (world.is_stuck()) fail(current, "hangs: a request is outstanding and nobody can run");
        if (setup.at_end) device.guarded([&] { setup.at_end(device); });
    }
    out.trouble = device.host_trouble();
    out.requests = world.requests_done();
    out.completions = device.ring().completions();
    return out;
}

}  // namespace cowlab
