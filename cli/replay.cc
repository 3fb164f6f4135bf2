#include <fmt/format.h>

#include <filesystem>

#include "cli/directory_images.h"
#include "cli/files.h"
#include "cli/finding.h"
#include "cli/policy_options.h"
#include "cli/run.h"
#include "cli/scenario_file.h"
#include "cli/shrinking.h"
#include "cli/story.h"
#include "scenarios/parse.h"
#include "scenarios/print.h"

namespace cowlab {
namespace {

Result<bool> write_images(SimWorld& sim, const std::string& directory) {
    std::error_code ec;
    std::filesystem::create_directories(directory, ec);
    if (ec) return failure(errno_error(directory, "cannot make the directory", ec.value()));
    for (const BaseDisk& d : sim.world().disks()) {
        std::string bytes(d.spec.size.bytes(), '\0');
        for (std::uint64_t s = 0; s < d.spec.size.value; ++s) {
            sim.cells().bytes_of(d.medium->raw_read({s}),
                                 reinterpret_cast<std::uint8_t*>(bytes.data()) + s * sector_bytes);
        }
        const std::string path = fmt::format("{}/{}.img", directory, d.name_view());
        if (auto r = write_file(path, bytes); !r) return failure(std::move(r).error());
    }
    return true;
}

}  // namespace

Result<int> replay(const ReplayOptions& options) {
    std::string note;
    auto scenario = load_scenario(options.file, options.policy, note);
    if (!scenario) return failure(std::move(scenario).error());
    if (!note.empty()) fmt::print("overridden by the command line:{}\n", note);
    DirectoryImages images(directory_of(options.file));
    RunSetup setup;
    setup.images = &images;
    setup.cells = options.byte_cells ? CellMode::bytes : CellMode::tags;
    setup.recorder_capacity = options.trace ? 1u << 18 : 256;
    setup.after_step = [&](std::size_t step, const Answer&, SimWorld&) {
        return step + 1 < options.until;
    };
    // In a child: a scenario may be there because the engine dies of it.
    Observation what;
    what.trace = options.trace;
    what.patience = patience_for(*scenario, patience_of_a_replay);
    what.seconds_max = 24 * 3600;
    what.on_answer = [&](std::size_t step, const Answer& answer) {
        if (!options.answers) return;
        for (const std::string& c : scenario->steps[step].comments) fmt::print("{}\n", c);
        fmt::print("> {}\n", print_line(scenario->steps[step]));
        for (const std::string& line : answer) fmt::print("{}\n", line);
    };
    what.in_child_at_end = [&](SimWorld& world) -> std::optional<Error> {
        if (options.images.empty()) return {};
        if (auto r = write_images(world, options.images); !r) return r.error();
        return {};
    };
    const ObservedRun run = observe(*scenario, setup, what);
    for (const std::string& line : run.trace) fmt::print("{}\n", line);
    if (run.error) return failure(*run.error);
    const Verdict& v = run.verdict;
    if (options.answers && !v.failed) return 0;
    if (run.pins_total > 0) fmt::print("pins {} of {} met\n", run.pins_met, run.pins_total);
    if (!run.died()) {
        fmt::print("digest {:016x}   {} steps, {} device I/Os\n", run.digest, run.answers.size(),
                   run.requests);
    } else if (options.trace && run.trace.empty()) {
        fmt::print("what happened cannot be read out of the memory of the dead\n");
    }
    if (v.failed) {
        std::optional<std::size_t> first_broken;
        if (options.until == UINT64_MAX) {
            RunSetup again;
            again.images = &images;
            again.terse_answers = true;
            first_broken = first_broken_step(*scenario, v, again);
        }
        fmt::print("{}\n{}\n{}", headline(v, false), where_broken(*scenario, v, first_broken),
                   story(*scenario, run, first_broken));
        const std::string stack = run.died() ? stack_text(run.board) : "";
        if (!stack.empty()) fmt::print("     stack of the dead: {}\n", stack);
        if (!run.end.said.empty()) std::fputs(run.end.said.c_str(), stderr);
        return 1;
    }
    const ExpectedVerdict& expected = scenario->header.verdict;
    if (expected.kind == ExpectedVerdict::Kind::fail) {
        if (run.pins_met < run.pins_total) {
            fmt::print(
                "undecided: the scenario was made to fail ({}), but not all of its pins were met\n",
                shown_word(expected.word));
            return 4;
        }
        fmt::print("passes (the file says it failed with: {}{})\n", shown_word(expected.word),
                   expected.invariant == 0 ? "" : fmt::format(" INV-{}", expected.invariant));
        return 0;
    }
    fmt::print("passes\n");
    return 0;
}

Result<int> shrink_file(const ShrinkOptions& options) {
    std::string note;
    auto scenario = load_scenario(options.file, options.policy, note);
    if (!scenario) return failure(std::move(scenario).error());
    scenario->version = language_version;
    DirectoryImages images(directory_of(options.file));
    RunSetup setup;
    setup.images = &images;
    setup.terse_answers = true;
    Observation what;
    what.patience = patience_for(*scenario, patience_of_a_replay);
    const ObservedRun run = observe(*scenario, setup, what);
    if (!run.verdict.failed) {
        return failure({Error::Kind::stopped, options.file,
                        "this scenario does not fail: there is nothing to shrink; see `cowlab "
                        "replay FILE --trace`"});
    }
    scenario->header.verdict.kind = ExpectedVerdict::Kind::fail;
    scenario->header.verdict.word = run.verdict.word;
    scenario->header.verdict.invariant = run.verdict.invariant;
    Shrinking how{&images, options.seconds};
    how.patience = patience_for(*scenario, how.patience);
    const Shrunk shrunk = shrink_in_children(*scenario, run.verdict, how);
    if (!shrunk.reproduced) {
        return failure({Error::Kind::stopped, options.file,
                        fmt::format("fails ({}), but not in the same way when it is run again: "
                                    "see `cowlab replay FILE`",
                                    shown_word(run.verdict.word))});
    }
    const ShrinkResult& result = shrunk.result;
    const std::string text = print(result.scenario);
    if (options.output.empty()) {
        fmt::print("{}", text);
    } else if (auto r = write_file(options.output, text); !r) {
        return failure(std::move(r).error());
    }
    const std::string size = size_text(size_of(result.scenario), result.operations_before);
    std::fprintf(stderr, "%s\n%s\n", size.c_str(),
                 result.minimal ? ("minimal: " + minimal_text(result)).c_str()
                                : "not minimal yet: time was up; give it more with --for");
    for (std::size_t i = 0; i < shrunk.others.size(); ++i) {
        const OtherFailure& o = shrunk.others[i];
        std::string where = "give -o FILE to keep the scenario";
        if (!options.output.empty()) {
            where = options.output + "." + name_of_other(i);
            if (auto r = write_file(where, print(o.scenario)); !r)
                return failure(std::move(r).error());
        }
        std::fprintf(stderr, "also met: %s (%s)\n", name_of_failure(o.verdict).c_str(),
                     where.c_str());
    }
    return 0;
}

}  // namespace cowlab
