#include "cli/finding.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>

#include "cli/crash_finding.h"
#include "cli/run_directory.h"
#include "cli/story.h"
#include "cli/version.h"
#include "scenarios/print.h"

namespace cowlab {
namespace {

ObservedRun observe_seed(const Plan& plan, const GeneratedRun& run, std::uint64_t seed) {
    DirectoryImages images(plan.from);
    Observation what;
    what.pins = true;
    what.records = true;
    what.patience = patience_for(run.scenario, what.patience);
    RunSetup setup = plan.setup(seed, run, images);
    setup.recorder_capacity = 1 << 16;
    return observe(run.scenario, setup, what);
}

ObservedRun observe_scenario(const Plan& plan, const Scenario& scenario) {
    DirectoryImages images(plan.from);
    Observation what;
    what.records = true;
    what.patience = patience_for(scenario, what.patience);
    RunSetup setup;
    setup.images = &images;
    setup.turns_max = campaign_turns_max;
    setup.recorder_capacity = 1 << 16;
    return observe(scenario, setup, what);
}

// The run passes; a power loss at one of its moments does not. In this process: a state that kills
// the engine is found by the campaign's workers, and told as a death.
std::optional<Scenario> crash_scenario(const Plan& plan, const GeneratedRun& run,
                                       std::uint64_t seed) {
    DirectoryImages images(plan.from);
    SimHost host;
    CrashExplorer explorer(host, plan.crash_options(seed));
    RunSetup setup = plan.setup(seed, run, images);
    setup.watcher = &explorer;
    run_scenario(host, run.scenario, setup);
    if (explorer.report().findings.empty()) return {};
    return scenario_of(run.scenario, explorer.report().findings.front());
}

void shrink_finding(const FindingRequest& request, Finding& f) {
    const Plan& plan = *request.plan;
    const GeneratedRun generated = plan.make(f.failure.seed);
    f.last = observe_seed(plan, generated, f.failure.seed);
    std::optional<Scenario> crash;
    if (!f.last.verdict.failed && plan.crash_states > 0) {
        crash = crash_scenario(plan, generated, f.failure.seed);
        if (crash) f.last = observe_scenario(plan, *crash);
    }
    Verdict verdict = f.last.verdict.failed ? f.last.verdict : f.failure.verdict;
    f.original = crash ? *crash : complete_scenario(generated.scenario, f.last.pins, verdict);
    f.shrunk.scenario = f.original;
    f.shrunk.operations = f.shrunk.operations_before = count_operations(f.original);
    if (!f.last.verdict.failed) return;  // only in a process that had run others before

    if (!crash) verdict.step += f.last.pins.size();
    DirectoryImages images(plan.from);
    Shrinking how{&images, request.shrink_seconds, request.stop};
    how.patience = patience_for(f.original, how.patience);
    const std::uint64_t begun = monotonic_ms();
    Shrunk shrunk = shrink_in_children(f.original, verdict, how);
    f.shrink_ms = monotonic_ms() - begun;
    f.others = std::move(shrunk.others);
    f.reproduced = shrunk.reproduced;
    if (!f.reproduced) return;
    // What impatient runs led to must hold for a patient one.
    ObservedRun again = observe_scenario(plan, shrunk.result.scenario);
    if (is_same_failure(again.verdict, verdict)) {
        f.shrunk = shrunk.result;
        f.last = std::move(again);
        return;
    }
    again = observe_scenario(plan, f.original);
    f.reproduced = is_same_failure(again.verdict, verdict);
    if (f.reproduced) f.last = std::move(again);
}

std::size_t first_broken_step_of(const Plan& plan, const Scenario& scenario,
                                 const Verdict& verdict) {
    DirectoryImages images(plan.from);
    RunSetup setup;
    setup.images = &images;
    setup.terse_answers = true;
    setup.turns_max = campaign_turns_max;
    return first_broken_step(scenario, verdict, setup);
}

}  // namespace

Scenario complete_scenario(const Scenario& run_lines, const std::vector<Step>& pins,
                           const Verdict& verdict) {
    Scenario s;
    s.version = language_version;
    s.header = run_lines.header;
    s.header.verdict.kind = ExpectedVerdict::Kind::fail;
    s.header.verdict.word = verdict.word;
    s.header.verdict.invariant = verdict.invariant;
    s.steps = pins;
    s.steps.insert(s.steps.end(), run_lines.steps.begin(), run_lines.steps.end());
    return s;
}

Scenario complete_scenario(const Scenario& run_lines, const RunResult& result) {
    return complete_scenario(run_lines, result.pins, result.verdict);
}

std::string stack_text(const Board& board) {
    Dl_info self{};
    if (dladdr(reinterpret_cast<const void*>(&stack_text), &self) == 0) return "";
    const auto base = reinterpret_cast<std::uint64_t>(self.dli_fbase);
    std::string text;
    for (std::uint32_t i = 0; i < std::min(board.frame_count, Board::frames_max); ++i) {
        Dl_info of{};
        const std::uint64_t at = board.frames[i];
        if (dladdr(reinterpret_cast<const void*>(at), &of) == 0 || of.dli_fbase != self.dli_fbase)
            continue;
        text += fmt::format("{}+0x{:x}", text.empty() ? "" : " ", at - base);
    }
    return text;
}

nlohmann::json make_finding(const FindingRequest& request) {
    Finding f;
    f.failure = request.failure;
    shrink_finding(request, f);

    const Verdict& v = f.verdict();
    const Scenario& scenario = f.shrunk.scenario;
    const ScenarioSize size = size_of(scenario);
    std::optional<std::size_t> first_broken;
    if (f.reproduced) first_broken = first_broken_step_of(*request.plan, scenario, v);
    std::vector<std::string> others;
    for (const OtherFailure& o : f.others) others.push_back(name_of_failure(o.verdict));
    const std::string stack = f.last.died() ? stack_text(f.last.board) : "";
    nlohmann::json j = {{"seed", f.failure.seed},
                        {"word", shown_word(v.word)},
                        {"invariant", v.invariant},
                        {"text", v.text},
                        {"event", f.failure.event},
                        {"known", f.failure.known},
                        {"reproduced", f.reproduced},
                        {"minimal", f.shrunk.minimal},
                        {"broken_step", v.step + 1},
                        {"first_broken_step", first_broken.value_or(v.step) + 1},
                        {"steps", scenario.steps.size()},
                        {"operations", f.shrunk.operations},
                        {"operations_before", f.shrunk.operations_before},
                        {"candidates_tried", f.shrunk.tried},
                        {"operations_to_failure", f.shrunk.operations_to_failure},
                        {"power_losses", size.power_losses},
                        {"faults", size.faults},
                        {"pins", size.pins},
                        {"deviating_sectors", size.deviating_sectors},
                        {"shrink_ms", f.shrink_ms},
                        {"also_met", others},
                        {"stack", stack},
                        {"policy", name_of(scenario.header.policy)},
                        {"without", scenario.header.without},
                        {"version", version_text()}};
    const Result<std::string> written = write_run_directory({request.out, request.plan}, f, j);
    if (written) {
        j["directory"] = f.directory = *written;
    } else {
        j["error"] = {{"kind", static_cast<int>(written.error().kind)},
                      {"where", written.error().where},
                      {"text", written.error().text}};
    }

    std::string text;
    if (!f.failure.known.empty()) text += fmt::format("known {}\n", f.failure.known);
    text += headline(v, request.colours) + "\n";
    text += where_broken(scenario, v, first_broken) + "\n";
    if (f.reproduced) {
        text += story(scenario, f.last, first_broken);
    } else {
        text += fmt::format("  {}\n", v.text);
    }
    if (!stack.empty()) text += fmt::format("  stack of the dead: {}\n", stack);
    text += "\n";
    if (written) {
        text += fmt::format(
            "scenario   {}/shrunk.scn      {}{}\n", f.directory,
            size_text(size, f.shrunk.operations_before),
            f.shrunk.minimal || !f.reproduced ? "" : "   (not yet minimal: time was up)");
        if (f.reproduced && f.shrunk.minimal)
            text += fmt::format("minimal    {}\n", minimal_text(f.shrunk));
        if (f.reproduced)
            text += fmt::format("replay     cowlab replay {}/shrunk.scn --trace\n", f.directory);
    }
    for (std::size_t i = 0; written && i < f.others.size(); ++i) {
        text += fmt::format("also met   {}: {}/{}\n", name_of_failure(f.others[i].verdict),
                            f.directory, name_of_other(i));
    }
    j["story"] = text;
    return j;
}

}  // namespace cowlab
