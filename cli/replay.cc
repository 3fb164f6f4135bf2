#include <fmt/format.h>

#include <filesystem>

#include "cli/directory_images.h"
#include "cli/finding.h"
#include "cli/policy_options.h"
#include "cli/run.h"
#include "cli/run_trace.h"
#include "scenarios/parse.h"
#include "scenarios/print.h"

namespace cowlab {
namespace {

std::string directory_of(const std::string& file) {
    const std::string d = std::filesystem::path(file).parent_path().string();
    return d.empty() ? "." : d;
}

// FILE:LINE of the header line that names a rule nobody knows.
std::string where_of_rule(const std::string& file, const Header& header) {
    auto text = read_text_file(file);
    if (!text) return file;
    std::size_t line = 1;
    for (std::size_t at = 0; at < text->size(); ++line) {
        std::size_t end = text->find('\n', at);
        if (end == std::string::npos) end = text->size();
        const std::string l = text->substr(at, end - at);
        at = end + 1;
        if (l.find("without") == std::string::npos) continue;
        for (const std::string& rule : header.without) {
            Header one;
            one.without = {rule};
            if (!policy_of(one, {}) && l.find(rule) != std::string::npos)
                return fmt::format("{}:{}", file, line);
        }
    }
    return file;
}

// The scenario of a file, under the policy it asks for and the command line on top of that.
Result<Scenario> load(const std::string& file, const PolicyOptions& policy, std::string& note) {
    auto text = read_text_file(file);
    if (!text) return failure(std::move(text).error());
    auto scenario = parse(*text, file);
    if (!scenario) return failure(std::move(scenario).error());
    if (auto r = policy_of(scenario->header, file); !r) {
        return refuse(where_of_rule(file, scenario->header), r.error().text);
    }
    if (auto r = apply_policy_options(policy, scenario->header, note); !r) {
        return failure(std::move(r).error());
    }
    return scenario;
}

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
    auto scenario = load(options.file, options.policy, note);
    if (!scenario) return failure(std::move(scenario).error());
    if (!note.empty()) fmt::print("overridden by the command line:{}\n", note);
    DirectoryImages images(directory_of(options.file));
    SimHost host;
    RunSetup setup;
    setup.images = &images;
    setup.cells = options.byte_cells ? CellMode::bytes : CellMode::tags;
    setup.recorder_capacity = options.trace ? 1u << 18 : 256;
    std::vector<std::string> trace;
    Error image_error;
    bool images_failed = false;
    setup.after_step = [&](std::size_t step, const Answer& answer, SimWorld&) {
        if (options.answers) {
            for (const std::string& c : scenario->steps[step].comments) fmt::print("{}\n", c);
            fmt::print("> {}\n", print_line(scenario->steps[step]));
            for (const std::string& line : answer) fmt::print("{}\n", line);
        }
        return step + 1 < options.until;
    };
    setup.at_end = [&](SimWorld& world) {
        if (options.trace) trace = trace_of(world, *scenario);
        if (options.images.empty()) return;
        if (auto r = write_images(world, options.images); !r) {
            images_failed = true;
            image_error = r.error();
        }
    };
    const RunResult run = run_scenario(host, *scenario, setup);
    for (const std::string& line : trace) fmt::print("{}\n", line);
    if (images_failed) return failure(image_error);
    const Verdict& v = run.verdict;
    if (options.answers && !v.failed) return 0;
    if (run.pins_total > 0) fmt::print("pins {} of {} met\n", run.pins_met, run.pins_total);
    fmt::print("digest {:016x}   {} steps, {} device I/Os\n", run.digest, run.answers.size(),
               run.requests);
    if (v.failed) {
        fmt::print("FAIL {}   {}{}\n", v.word,
                   v.invariant == 0 || std::string_view(v.text).substr(0, 4) == "INV-"
                       ? ""
                       : fmt::format("INV-{}: ", v.invariant),
                   v.text);
        fmt::print(
            "     at step {} of {}: {}\n",
            std::min<std::size_t>(v.step + 1, scenario->steps.size()), scenario->steps.size(),
            v.step < scenario->steps.size() ? print_line(scenario->steps[v.step]) : "the end");
        return 1;
    }
    if (scenario->header.verdict.kind == ExpectedVerdict::Kind::fail) {
        if (run.pins_met < run.pins_total) {
            fmt::print(
                "undecided: the scenario was made to fail ({}), but not all of its pins were met\n",
                scenario->header.verdict.word);
            return 4;
        }
        fmt::print("passes (the file says it failed with: {}{})\n", scenario->header.verdict.word,
                   scenario->header.verdict.invariant == 0
                       ? ""
                       : fmt::format(" INV-{}", scenario->header.verdict.invariant));
        return 0;
    }
    fmt::print("passes\n");
    return 0;
}

Result<int> shrink_file(const ShrinkOptions& options) {
    std::string note;
    auto scenario = load(options.file, options.policy, note);
    if (!scenario) return failure(std::move(scenario).error());
    scenario->version = language_version;
    DirectoryImages images(directory_of(options.file));
    SimHost host;
    RunSetup setup;
    setup.images = &images;
    const RunResult run = run_scenario(host, *scenario, setup);
    if (!run.verdict.failed) {
        return failure({Error::Kind::stopped, options.file,
                        "this scenario does not fail: there is nothing to shrink; see `cowlab "
                        "replay FILE --trace`"});
    }
    FailsAlike judge(host, &images, run.verdict, options.seconds);
    const ShrinkResult result = shrink(*scenario, judge);
    const std::string text = print(result.scenario);
    if (options.output.empty()) {
        fmt::print("{}", text);
    } else if (auto r = write_file(options.output, text); !r) {
        return failure(std::move(r).error());
    }
    std::fprintf(stderr, "%zu operations (from %zu), %zu candidates tried%s\n", result.operations,
                 result.operations_before, result.tried,
                 result.minimal ? "" : ", time was up: not minimal yet");
    return 0;
}

}  // namespace cowlab
