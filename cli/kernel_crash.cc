#include "cli/kernel_crash.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/crash_kernel.h"
#include "cli/crash_ours.h"
#include "cli/image_file.h"
#include "cli/run.h"
#include "cli/stop_signals.h"
#include "cli/store/examination.h"
#include "cli/two_worlds.h"
#include "engine/policy.h"

namespace cowlab {
namespace {

constexpr std::uint64_t cuts_of_a_log = 10;
constexpr std::uint64_t progress_every = 50;
constexpr std::uint64_t shrunk_of_a_kind = 2;

class Campaign {
  public:
    Campaign(const CrashOptions& options, CrashTotals& totals, const KernelOptions& kernel)
        : options_(options),
          totals_(totals),
          kernel_options_(kernel),
          oracle_(kernel),
          worlds_(host_, oracle_, "") {}

    Result<int> run();

  private:
    Result<bool> look(const CrashImage& image, const std::string& name, std::uint64_t seed);
    Result<bool> report(const CrashImage& image, const Scenario& probe, const std::string& name,
                        const WorldDifference& difference, bool by_default_engine);
    std::optional<WorldDifference> refused_by_default(const Scenario& probe) const;
    void progress();
    std::uint64_t done() const { return totals_.ours + totals_.logged + totals_.killed; }

    Result<bool> our_crashes();
    Result<bool> logged_crashes();
    Result<bool> killed_kernels();

    const CrashOptions& options_;
    CrashTotals& totals_;
    KernelOptions kernel_options_;
    SimHost host_;
    KernelOracle oracle_;
    TwoWorlds worlds_;
    std::string release_;
    std::map<std::string, std::uint64_t> of_kind_;
    std::array<std::uint64_t, 32> by_deviation_{};
};

void Campaign::progress() {
    if (done() % progress_every != 0) return;
    fmt::print("{} images (A {}, B {}, C {}), {} differences\n", done(), totals_.ours,
               totals_.logged, totals_.killed, totals_.differences);
    std::fflush(stdout);
}

// A deliberate difference at a `create` is a store that the default engine does not take.
std::optional<WorldDifference> Campaign::refused_by_default(const Scenario& probe) const {
    if (!worlds_.is_deliberate()) return std::nullopt;
    const std::size_t step = worlds_.first_deliberate_step();
    if (step >= probe.steps.size() || probe.steps[step].verb != Verb::create) return std::nullopt;
    return WorldDifference{"refused", step,
                           fmt::format("step {}: the default engine refuses what a crash of Linux "
                                       "left",
                                       step + 1)};
}

// What the offline reader (`cowlab store check`) finds damaged in a store that Linux left.
std::optional<WorldDifference> damaged_store(const CrashImage& image) {
    for (const auto& [name, bytes] : image.members) {
        if (name.rfind("cow", 0) != 0) continue;
        const MemoryImage cow(name, std::as_bytes(std::span(bytes)));
        const auto examination = store::examine(cow, {});
        if (!examination)
            return WorldDifference{"reader", 0, name + ": " + examination.error().text};
        for (const store::Finding& f : examination->findings.kept()) {
            if (store::severity_of(f.kind) != store::Severity::damaged) continue;
            return WorldDifference{"reader", 0,
                                   fmt::format("{}: the reader finds it damaged at byte {}: {}",
                                               name, f.offset, f.what)};
        }
    }
    return std::nullopt;
}

Result<bool> Campaign::look(const CrashImage& image, const std::string& name, std::uint64_t seed) {
    const Scenario probe = crash_probe(image, seed, release_);
    auto difference = worlds_.compare(probe, image.members);
    if (!difference) return failure(std::move(difference).error());
    if (options_.verbose) fmt::print("{}: {}: {} lines\n", name, image.title, probe.steps.size());
    if (*difference) return report(image, probe, name, **difference, false);
    if (worlds_.engine_hung() || worlds_.kernel().end != KernelResult::End::done) return true;
    auto by_default = worlds_.compare_default(probe, image.members);
    if (worlds_.is_deliberate()) {
        ++totals_.deliberate;
        for (std::size_t n = 0; n < by_deviation_.size(); ++n)
            by_deviation_[n] += worlds_.deviations() >> n & 1;
    }
    if (!by_default && image.must_load) by_default = refused_by_default(probe);
    if (!by_default && image.must_load) by_default = damaged_store(image);
    if (by_default) return report(image, probe, name, *by_default, true);
    return true;
}

Result<bool> Campaign::report(const CrashImage& image, const Scenario& probe,
                              const std::string& name, const WorldDifference& difference,
                              bool by_default_engine) {
    ++totals_.differences;
    fmt::print("{}: {}\n     {}{}\n", name, image.title, by_default_engine ? "by default: " : "",
               difference.text);
    const bool is_new = ++of_kind_[difference.kind] <= shrunk_of_a_kind;
    // What differs under the default policy only is not shrunk: against which policy would it be?
    const std::uint32_t seconds = is_new && !by_default_engine ? options_.shrink_seconds : 0;
    const auto stored = store_difference(
        worlds_, probe, image.members, difference, fmt::format("{}: {}", name, image.title),
        fmt::format("{}/{}/scenario.scn", options_.out, name), seconds);
    if (!stored) return failure(stored.error());
    if (!by_default_engine && !stored->again)
        fmt::print("     not seen a second time: it depends on timing\n");
    if (stored->again) {
        fmt::print("     {}\n     {}\n",
                   size_text(size_of(stored->shrunk.scenario), stored->shrunk.operations_before),
                   stored->small_text);
    }
    fmt::print("     scenario and images   {}\n", stored->path);
    std::fflush(stdout);
    return true;
}

Result<bool> Campaign::our_crashes() {
    for (std::uint64_t seed = options_.seed; totals_.ours < options_.ours && !stop_requested();
         ++seed) {
        const auto image = our_crash(host_, seed);
        if (!image) continue;
        ++totals_.ours;
        if (auto r = look(*image, fmt::format("A{}", seed), seed); !r) return r;
        progress();
    }
    return true;
}

Result<bool> Campaign::logged_crashes() {
    for (std::uint64_t seed = options_.seed; totals_.logged < options_.logged && !stop_requested();
         ++seed) {
        const auto images = crashes_in_the_log(
            oracle_, seed, std::min(cuts_of_a_log, options_.logged - totals_.logged));
        if (!images) return failure(images.error());
        for (std::size_t i = 0; i < images->size() && !stop_requested(); ++i) {
            ++totals_.logged;
            if (auto r = look((*images)[i], fmt::format("B{}-{}", seed, i), seed * 100 + i); !r)
                return r;
            progress();
        }
    }
    return true;
}

Result<bool> Campaign::killed_kernels() {
    for (std::uint64_t seed = options_.seed; totals_.killed < options_.killed && !stop_requested();
         ++seed) {
        const auto image = killed_kernel(kernel_options_, seed);
        if (!image) return failure(image.error());
        ++totals_.killed;
        if (auto r = look(*image, fmt::format("C{}", seed), seed); !r) return r;
        progress();
    }
    return true;
}

Result<int> Campaign::run() {
    if (const auto reason = oracle_.why_not()) return refuse("kernel", *reason);
    // A boot first: nothing is asked that this kernel is known to answer otherwise.
    auto first = oracle_.run({});
    if (!first) return failure(std::move(first).error());
    release_ = first->release;
    fmt::print("seeds from {}   kernel {}\n", options_.seed, release_);
    if (auto r = our_crashes(); !r) return failure(std::move(r).error());
    if (auto r = logged_crashes(); !r) return failure(std::move(r).error());
    if (auto r = killed_kernels(); !r) return failure(std::move(r).error());
    std::string by;
    for (std::size_t n = 0; n < by_deviation_.size(); ++n) {
        if (by_deviation_[n] > 0) by += fmt::format(" D{} {}", n, by_deviation_[n]);
    }
    fmt::print("{} lines compared, {} sectors of images compared, {} boots\n", worlds_.steps(),
               worlds_.sectors(), oracle_.boots() + totals_.killed);
    fmt::print("the default engine: {} images differ, all after a deviation acted ({})\n",
               totals_.deliberate, by.empty() ? "none" : by.substr(1));
    fmt::print("{} crash images (A {} ours, B {} kernel log, C {} killed kernel), {} differences\n",
               done(), totals_.ours, totals_.logged, totals_.killed, totals_.differences);
    if (done() < options_.ours + options_.logged + options_.killed) return 4;
    return totals_.differences == 0 ? 0 : 1;
}

}  // namespace

Result<int> kernel_crash(const CrashOptions& options, CrashTotals& totals) {
    KernelOptions kernel;
    kernel.step_seconds = 30;
    kernel.runner = options.runner;
    return Campaign(options, totals, kernel).run();
}

}  // namespace cowlab
