#include "cli/kernel_differential.h"

#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <map>

#include "cli/files.h"
#include "cli/run.h"
#include "cli/stop_signals.h"
#include "device/kernel_differences.h"
#include "scenarios/print.h"
#include "scenarios/shrink.h"
#include "sim/scenario_run.h"

namespace cowlab {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t header_bytes_compared = 16;
constexpr std::uint64_t shrunk_of_a_kind = 2;

std::map<std::string, KernelImage> images_of(SimWorld& sim) {
    std::map<std::string, KernelImage> out;
    for (const BaseDisk& d : sim.world().disks()) {
        KernelImage& bytes = out[std::string(d.name_view())];
        bytes.resize(d.spec.size.bytes());
        for (std::uint64_t s = 0; s < d.spec.size.value; ++s)
            sim.cells().bytes_of(d.medium->raw_read({s}), bytes.data() + s * sector_bytes);
    }
    return out;
}

bool is_invalidated_store(const KernelImage& image) {
    constexpr std::uint8_t magic[] = {0x53, 0x6e, 0x41, 0x70};  // "SnAp"
    return image.size() >= header_bytes_compared && std::memcmp(image.data(), magic, 4) == 0 &&
           image[4] == 0;
}

// Whether the COW device may hold what only timing decides: a snapshot was lost on it.
bool lost_a_snapshot(const KernelResult& result) {
    for (const auto& lines : result.log) {
        for (const std::string& line : lines) {
            if (line.find("Invalidating snapshot") != std::string::npos ||
                line.find("Snapshot overflowed") != std::string::npos)
                return true;
        }
    }
    return false;
}

std::string verb_of(const Step& s) {
    return std::string(name_of(s.verb == Verb::bg ? s.io_verb : s.verb));
}

class DiffersAlike final : public ShrinkJudge {
  public:
    DiffersAlike(TwoWorlds& worlds, std::string kind, std::uint32_t seconds)
        : worlds_(worlds),
          kind_(std::move(kind)),
          until_(Clock::now() + std::chrono::seconds(seconds)) {}
    bool fails_alike(const Scenario& candidate) override {
        const auto difference = worlds_.compare(candidate);
        return difference && *difference && (*difference)->kind == kind_;
    }
    bool is_out_of_time() override { return stop_requested() || Clock::now() >= until_; }

  private:
    TwoWorlds& worlds_;
    std::string kind_;
    Clock::time_point until_;
};

}  // namespace

TwoWorlds::TwoWorlds(SimHost& host, KernelOracle& oracle, const std::string& without)
    : host_(host), oracle_(oracle), policy_(policy_kernel) {
    Header header;
    header.policy = Policy::kernel;
    if (!without.empty()) header.without = {without};
    if (auto policy = policy_of(header, {})) policy_ = *policy;
}

Result<std::optional<WorldDifference>> TwoWorlds::compare(const Scenario& scenario) {
    RunSetup setup;
    setup.cells = CellMode::bytes;
    setup.judge = false;
    setup.policy = &policy_;
    std::map<std::string, KernelImage> ours;
    setup.at_end = [&](SimWorld& sim) { ours = images_of(sim); };
    const RunResult run = run_scenario(host_, scenario, setup);
    engine_hung_ = run.hung_by_user;
    kernel_ = {};
    std::optional<WorldDifference> none;
    if (engine_hung_) return none;
    auto kernel = oracle_.run({scenario, {}});
    if (!kernel) return failure(std::move(kernel).error());
    kernel_ = std::move(*kernel);
    for (std::size_t i = 0; i < scenario.steps.size(); ++i) {
        const bool here = i < run.answers.size(), there = i < kernel_.answers.size();
        if (!here && !there) break;
        const auto d = cowlab::compare(there ? kernel_.answers[i] : Answer{"(none)"},
                                       here ? run.answers[i] : Answer{"(none)"});
        ++steps_;
        if (!d) continue;
        const Step& step = scenario.steps[i];
        if (there && explain(kernel_.release, step, d->expected) != nullptr) return none;
        return std::optional(WorldDifference{
            verb_of(step), i,
            fmt::format("step {}: {}: the kernel `{}`, our engine `{}`{}{}", i + 1,
                        print_line(step), d->expected, d->actual,
                        kernel_.last_words.empty() ? "" : "; the kernel's last words: ",
                        kernel_.last_words)});
    }
    if (run.verdict.failed) {
        return std::optional(WorldDifference{
            std::string("verdict ") + run.verdict.word, run.verdict.step,
            fmt::format("our engine: FAIL {}   {}", run.verdict.word, run.verdict.text)});
    }
    if (kernel_.end != KernelResult::End::done) return none;
    return compare_images(scenario, ours);
}

std::optional<WorldDifference> TwoWorlds::compare_images(
    const Scenario& scenario, const std::map<std::string, KernelImage>& ours) {
    const bool lost = lost_a_snapshot(kernel_);
    for (const auto& [name, here] : ours) {
        const auto found = kernel_.images.find(name);
        std::size_t size = here.size();
        if (found == kernel_.images.end() || found->second.size() != size) {
            return WorldDifference{"image size", scenario.steps.size(),
                                   fmt::format("image {}: of another size", name)};
        }
        const KernelImage& there = found->second;
        const bool is_cow = name.rfind("cow", 0) == 0;
        if (is_invalidated_store(there) || is_invalidated_store(here)) {
            size = header_bytes_compared;
        } else if (is_cow && lost) {
            continue;  // a transient store, or one whose header could not be written
        }
        sectors_ += (size + sector_bytes - 1) / sector_bytes;
        for (std::size_t at = 0; at < size; at += sector_bytes) {
            const std::size_t n = std::min<std::size_t>(sector_bytes, size - at);
            if (std::memcmp(here.data() + at, there.data() + at, n) == 0) continue;
            return WorldDifference{
                is_cow ? "image cow" : "image " + name, scenario.steps.size(),
                fmt::format("image {} differs at sector {}", name, at / sector_bytes)};
        }
    }
    return std::nullopt;
}

namespace {

// The scenario with what the kernel answered below each line.
std::string with_answers(Scenario scenario, const KernelResult& kernel) {
    for (std::size_t i = 0; i < scenario.steps.size() && i < kernel.answers.size(); ++i) {
        if (!kernel.answers[i].empty() && kernel.answers[i].front() != "= oops" &&
            kernel.answers[i].front() != "= hang") {
            scenario.steps[i].expected = kernel.answers[i];
        }
    }
    return print(scenario);
}

Result<bool> report(const DifferentialOptions& options, TwoWorlds& worlds, std::uint64_t seed,
                    const Scenario& scenario, const WorldDifference& difference) {
    fmt::print("seed {}: {}\n", seed, difference.text);
    DiffersAlike judge(worlds, difference.kind, options.shrink_seconds);
    ShrinkResult small;
    // What does not differ twice depends on timing: it cannot be shrunk, and is told so.
    const bool again = judge.fails_alike(scenario);
    if (again) small = shrink(scenario, judge);
    const Scenario& best = again ? small.scenario : scenario;
    const auto last = worlds.compare(best);
    if (!last) return failure(last.error());
    std::error_code ec;
    std::filesystem::create_directories(options.out, ec);
    const std::string path = fmt::format("{}/{}.scn", options.out, seed);
    const std::string head =
        fmt::format("# seed {}, kernel {}: {}\n# {}\n", seed, worlds.kernel().release,
                    difference.text, *last ? (*last)->text : "not seen again");
    if (auto r = write_file(path, head + with_answers(best, worlds.kernel())); !r)
        return failure(std::move(r).error());
    if (!again) {
        fmt::print("     not seen a second time: it depends on timing\n");
    } else {
        fmt::print("     {} operations (from {}), {} candidates tried\n", small.operations,
                   small.operations_before, small.tried);
        if (*last) fmt::print("     {}\n", (*last)->text);
    }
    fmt::print("     scenario   {}\n", path);
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
    std::uint64_t scenarios = 0, differences = 0, hung = 0;
    std::map<std::string, std::uint64_t> of_kind;
    for (std::uint64_t i = 0; i < options.count && !stop_requested(); ++i) {
        const std::uint64_t seed = options.seed + i;
        const Scenario scenario = scenario_for_kernel(seed, first->release);
        auto difference = worlds.compare(scenario);
        if (!difference) return failure(std::move(difference).error());
        ++scenarios;
        if (worlds.engine_hung()) ++hung;
        if (options.verbose) fmt::print("seed {}: {} lines\n", seed, scenario.steps.size());
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
        "{} lines compared, {} sectors of images compared, {} boots, {} left out (they hang)\n",
        worlds.steps(), worlds.sectors(), oracle.boots(), hung);
    fmt::print("{} scenarios, {} differences\n", scenarios, differences);
    if (scenarios < options.count) return 4;
    return differences == 0 ? 0 : 1;
}

}  // namespace cowlab
