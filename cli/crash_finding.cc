#include "cli/crash_finding.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "cli/files.h"
#include "cli/finding.h"
#include "cli/story.h"
#include "scenarios/print.h"

namespace cowlab {

Scenario scenario_of(const Scenario& run, const CrashFinding& f) {
    Scenario lines = run;
    lines.steps = f.lines;
    std::vector<Step> pins;
    for (const Step& pin : f.pins) {
        bool had = false;
        for (const Step& s : f.lines)
            had = had || (s.verb == Verb::pin && s.pin.point == pin.pin.point &&
                          s.name == pin.name && s.pin.nth == pin.pin.nth);
        if (!had) pins.push_back(pin);
    }
    for (Step& s : lines.steps) s.expected.clear();
    return complete_scenario(lines, pins, f.verdict);
}

Result<bool> tell_finding(const Scenario& original, const std::string& path, ImageSource& images,
                          std::uint64_t shrink_seconds) {
    RunSetup setup;
    setup.images = &images;
    setup.terse_answers = true;
    Observation what;
    what.patience = patience_for(original, what.patience);
    ObservedRun run = observe(original, setup, what);
    Scenario scenario = original;
    ShrinkResult result;
    result.operations = result.operations_before = count_operations(original);
    if (run.verdict.failed) {
        scenario.header.verdict.word = run.verdict.word;
        scenario.header.verdict.invariant = run.verdict.invariant;
        Shrinking how{&images, shrink_seconds};
        how.patience = patience_for(original, how.patience);
        const Shrunk shrunk = shrink_in_children(scenario, run.verdict, how);
        if (shrunk.reproduced) {
            result = shrunk.result;
            scenario = result.scenario;
            run = observe(scenario, setup, what);
        }
        const std::size_t broken = first_broken_step(scenario, run.verdict, setup);
        fmt::print("{}\n{}\n{}\n", headline(run.verdict, isatty(1) == 1),
                   where_broken(scenario, run.verdict, broken), story(scenario, run, broken));
    } else {
        fmt::print("FAIL {}, but its scenario passes when it is run alone\n",
                   original.header.verdict.word);
    }
    std::error_code ec;
    const std::string directory = std::filesystem::path(path).parent_path().string();
    if (!directory.empty()) std::filesystem::create_directories(directory, ec);
    if (ec) return failure(errno_error(directory, "cannot make the directory", ec.value()));
    if (auto w = write_file(path, print(scenario)); !w) return failure(std::move(w).error());
    fmt::print("scenario   {}      {} operations (from {}), {} power loss, {} pins\n", path,
               result.operations, result.operations_before, count_of(scenario, Verb::power_loss),
               count_of(scenario, Verb::pin));
    if (result.minimal) fmt::print("minimal    {}\n", minimal_text(result));
    if (run.verdict.failed) fmt::print("replay     cowlab replay {} --trace\n\n", path);
    return true;
}

std::string count_text(CrashCount n) {
    return n < 1e15L ? fmt::format("{:.0f}", n) : fmt::format("{:.2e}", n);
}

void print_coverage(const CrashReport& report) {
    fmt::print("{:<26} {:>9} {:>9} {:>9} {:>9} {:>9} {:>12} {}\n", "the power goes after", "events",
               "moments", "checked", "repeated", "symbolic", "raw states", "exhaustive");
    const auto row = [](const char* name, const CrashCoverage& c) {
        fmt::print("{:<26} {:>9} {:>9} {:>9} {:>9} {:>9} {:>12} {}\n", name, c.events, c.points,
                   c.checked, c.repeated, c.symbolic, count_text(c.raw),
                   c.is_exhaustive()
                       ? "yes"
                       : fmt::format("no: {} ({} moments cut)", count_text(c.represented), c.cut));
    };
    for (std::size_t i = 0; i < crash_event_class_count; ++i) {
        if (report.of[i].events > 0) row(name_of(static_cast<CrashEventClass>(i)), report.of[i]);
    }
    row("in all", report.total());
}

}  // namespace cowlab
