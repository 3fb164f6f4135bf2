#include "cli/run_trace.h"

#include <fmt/format.h>

#include "reports/trace_text.h"
#include "scenarios/print.h"
#include "world/record_table.h"

namespace cowlab {

std::vector<std::string> trace_of(SimWorld& sim, const Scenario& scenario) {
    World& world = sim.world();
    TraceNames names;
    names.first_engine_kind = static_cast<std::uint16_t>(RecordType::engine_event);
    names.disk = [&](std::uint32_t actor) -> std::string {
        for (const BaseDisk& d : world.disks()) {
            if (d.actor == actor) return std::string(d.name_view());
        }
        return "";
    };
    names.device = [&](std::uint32_t minor) -> std::string {
        for (const MappedDevice& d : world.mapper().devices()) {
            if (d.number().minor == minor) return std::string(d.name());
        }
        return fmt::format("dm-{}", minor);
    };
    names.request = [](std::uint16_t detail) -> std::string {
        const auto purpose = static_cast<Purpose>(detail >> 2);
        const auto op = static_cast<Op>(detail & 3);
        if (purpose == Purpose::forwarded) return name_of(op);
        return name_of(purpose);
    };
    names.error = [](std::uint64_t e) -> std::string { return name_of(static_cast<Errc>(e)); };
    names.step = [&](std::uint64_t step) -> std::string {
        return step < scenario.steps.size() ? print_line(scenario.steps[step])
                                            : "(end of the scenario)";
    };
    std::vector<std::string> lines{trace_legend()};
    const Recorder& recorder = world.recorder();
    if (recorder.kept() < recorder.count()) {
        lines.push_back(
            fmt::format("          … {} records before these", recorder.count() - recorder.kept()));
    }
    for (std::uint64_t i = 0; i < recorder.kept(); ++i) {
        std::string line = trace_line(recorder.at(i), record_kinds(), names);
        if (!line.empty()) lines.push_back(std::move(line));
    }
    return lines;
}

}  // namespace cowlab
