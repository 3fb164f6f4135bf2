#include "cli/finding.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>

#include "cli/run_directory.h"
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

void shrink_finding(const FindingRequest& request, Finding& f) {
    const Plan& plan = *request.plan;
    const GeneratedRun generated = plan.make(f.failure.seed);
    f.last = observe_seed(plan, generated, f.failure.seed);
    Verdict verdict = f.last.verdict.failed ? f.last.verdict : f.failure.verdict;
    f.original = complete_scenario(generated.scenario, f.last.pins, verdict);
    f.shrunk.scenario = f.original;
    f.shrunk.operations = f.shrunk.operations_before = count_operations(f.original);
    if (!f.last.verdict.failed) return;  // only in a process that had run others before

    verdict.step += f.last.pins.size();
    DirectoryImages images(plan.from);
    Shrinking how{&images, request.shrink_seconds, request.stop};
    how.patience = patience_for(f.original, how.patience);
    const Shrunk shrunk = shrink_in_children(f.original, verdict, how);
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

std::string headline(const Verdict& v, bool colours) {
    std::string invariant = v.invariant == 0 ? "" : fmt::format("INV-{}: ", v.invariant);
    const std::string_view text = v.text;
    if (text.substr(0, 4) == "INV-") invariant.clear();
    return fmt::format("{}FAIL{} {:<22} {}{}", colours ? "\x1b[1;31m" : "",
                       colours ? "\x1b[0m" : "", shown_word(v.word), invariant, text);
}

std::string story(const Scenario& scenario, const ObservedRun& run) {
    std::string text = fmt::format("  step  line{:<57} answer\n", "");
    const std::size_t broken = run.verdict.step;
    for (std::size_t i = 0; i < scenario.steps.size(); ++i) {
        std::string line = print_line(scenario.steps[i]);
        if (line.size() > 60) line = line.substr(0, 57) + "...";
        std::string answer =
            i < run.answers.size() && !run.answers[i].empty() ? run.answers[i].front() : "";
        if (answer.size() > 48) answer = answer.substr(0, 45) + "...";
        if (run.died() && i == broken) answer = shown_word(run.verdict.word);
        const bool marked = run.verdict.failed && i == broken;
        text += fmt::format("{} {:>4}  {:<60} {}\n", marked ? ">" : " ", i + 1, line, answer);
    }
    return text;
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
                        {"steps", scenario.steps.size()},
                        {"operations", f.shrunk.operations},
                        {"operations_before", f.shrunk.operations_before},
                        {"candidates_tried", f.shrunk.tried},
                        {"power_losses", count_of(scenario, Verb::power_loss)},
                        {"pins", count_of(scenario, Verb::pin)},
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
    text += fmt::format("                            seen at step {} of {}\n\n",
                        std::min<std::size_t>(v.step + 1, scenario.steps.size()),
                        scenario.steps.size());
    if (f.reproduced) text += story(scenario, f.last);
    text += fmt::format("\n  {}\n", v.text);
    if (!stack.empty()) text += fmt::format("  stack of the dead: {}\n", stack);
    text += "\n";
    if (written) {
        text += fmt::format(
            "scenario   {}/shrunk.scn      {} operations (from {}), {} power loss, "
            "{} pins{}\n",
            f.directory, f.shrunk.operations, f.shrunk.operations_before,
            count_of(scenario, Verb::power_loss), count_of(scenario, Verb::pin),
            f.shrunk.minimal || !f.reproduced ? "" : "   (not yet minimal: time was up)");
        if (f.reproduced)
            text += fmt::format("replay     cowlab replay {}/shrunk.scn --trace\n", f.directory);
    }
    j["story"] = text;
    return j;
}

}  // namespace cowlab
