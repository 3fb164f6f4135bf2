#include "cli/two_worlds.h"

#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <set>

#include "cli/files.h"
#include "cli/merge_started_again.h"
#include "cli/stop_signals.h"
#include "device/kernel_differences.h"
#include "scenarios/print.h"

namespace cowlab {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t header_bytes_compared = 16;
// D8 is seen in the event number of `info` and nowhere else: it excuses nothing else.
constexpr std::uint32_t more_events = 1u << 8;

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

// A `wait` or `mergewait` that ended because its time was up.
bool waits_in_vain(const Scenario& scenario, const OurRun& run) {
    for (std::size_t i = 0; i < scenario.steps.size() && i < run.answers.size(); ++i) {
        const Answer& answer = run.answers[i];
        if (answer.empty()) continue;
        const Verb verb = scenario.steps[i].verb;
        if (verb == Verb::mergewait && answer.front().find("(timeout)") != std::string::npos)
            return true;
        if (verb == Verb::wait && answer.front() == "= pending") return true;
    }
    return false;
}

std::string verb_of(const Step& s) {
    return std::string(name_of(s.verb == Verb::bg ? s.io_verb : s.verb));
}

class DiffersAlike final : public ShrinkJudge {
  public:
    DiffersAlike(TwoWorlds& worlds, const ImageSet& members, std::string kind,
                 std::uint32_t seconds)
        : worlds_(worlds),
          members_(members),
          kind_(std::move(kind)),
          until_(Clock::now() + std::chrono::seconds(seconds)) {}
    bool fails_alike(const Scenario& candidate) override {
        // Passes come back to the same candidates, and asking a kernel takes tenths of a second.
        if (waits == TwoWorlds::Waits::are_left_out && !asked_.insert(print(candidate)).second)
            return false;
        const auto difference = worlds_.compare(candidate, members_, waits);
        return difference && *difference && (*difference)->kind == kind_;
    }
    TwoWorlds::Waits waits = TwoWorlds::Waits::are_compared;
    bool is_out_of_time() override { return stop_requested() || Clock::now() >= until_; }

  private:
    TwoWorlds& worlds_;
    const ImageSet& members_;
    std::string kind_;
    std::set<std::string> asked_;
    Clock::time_point until_;
};

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

}  // namespace

TwoWorlds::TwoWorlds(SimHost& host, KernelOracle& oracle, const std::string& without)
    : host_(host), oracle_(oracle), policy_(policy_kernel) {
    Header header;
    header.policy = Policy::kernel;
    if (!without.empty()) header.without = {without};
    if (auto policy = policy_of(header, {})) policy_ = *policy;
}

Result<std::optional<WorldDifference>> TwoWorlds::compare(const Scenario& scenario,
                                                          const ImageSet& members, Waits waits) {
    const OurRun ours = run_ours(host_, scenario, members, policy_);
    engine_hung_ = ours.hung_by_user;
    race_ = false;
    kernel_ = {};
    if (engine_hung_) return std::optional<WorldDifference>();
    waited_in_vain_ = waits_in_vain(scenario, ours);
    if (waits == Waits::are_left_out && waited_in_vain_) return std::optional<WorldDifference>();
    auto kernel = oracle_.run({scenario, members});
    if (!kernel) return failure(std::move(kernel).error());
    kernel_ = std::move(*kernel);
    return difference(scenario, ours);
}

std::optional<WorldDifference> TwoWorlds::compare_default(const Scenario& scenario,
                                                          const ImageSet& members) {
    const OurRun ours = run_ours(host_, scenario, members, policy_default);
    deviations_ = ours.deviations_at_end;
    const auto found = difference(scenario, ours);
    deliberate_step_ = found ? found->step : 0;
    const std::uint32_t by_then = deviations_by(ours, deliberate_step_);
    deliberate_ = found.has_value() && (by_then & ~more_events) != 0;
    return deliberate_ ? std::nullopt : found;
}

std::uint32_t TwoWorlds::deviations_by(const OurRun& ours, std::size_t step) {
    return step < ours.deviations.size() ? ours.deviations[step] : ours.deviations_at_end;
}

std::optional<WorldDifference> TwoWorlds::difference(const Scenario& scenario, const OurRun& ours) {
    const std::size_t racing = step_of_merge_started_again(scenario, kernel_.answers);
    race_ = racing != SIZE_MAX;
    for (std::size_t i = 0; i < scenario.steps.size(); ++i) {
        const bool here = i < ours.answers.size(), there = i < kernel_.answers.size();
        if (!here && !there) break;
        if (i > racing) break;
        if (!here && ours.verdict.failed) break;
        const auto d = cowlab::compare(there ? kernel_.answers[i] : Answer{"(none)"},
                                       here ? ours.answers[i] : Answer{"(none)"});
        ++steps_;
        if (!d) continue;
        const Step& step = scenario.steps[i];
        if (step.verb == Verb::info && (deviations_by(ours, i) & more_events) != 0) continue;
        if (there && explain(kernel_.release, step, d->expected) != nullptr) return std::nullopt;
        return WorldDifference{
            verb_of(step), i,
            fmt::format("step {}: {}: the kernel `{}`, our engine `{}`{}{}", i + 1,
                        print_line(step), d->expected, d->actual,
                        kernel_.last_words.empty() ? "" : "; the kernel's last words: ",
                        kernel_.last_words)};
    }
    const Verdict& v = ours.verdict;
    if (v.failed) {
        return WorldDifference{std::string("verdict ") + v.word, v.step,
                               fmt::format("our engine: FAIL {}   {}", v.word, v.text)};
    }
    if (kernel_.end != KernelResult::End::done || race_) return std::nullopt;
    return compare_images(scenario, ours.images);
}

std::optional<WorldDifference> TwoWorlds::compare_images(const Scenario& scenario,
                                                         const ImageSet& ours) {
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

Result<StoredDifference> store_difference(TwoWorlds& worlds, const Scenario& scenario,
                                          const ImageSet& members,
                                          const WorldDifference& difference,
                                          const std::string& title, const std::string& path,
                                          std::uint32_t shrink_seconds) {
    StoredDifference out;
    out.path = path;
    DiffersAlike judge(worlds, members, difference.kind, shrink_seconds);
    // What does not differ twice depends on timing: it cannot be shrunk, and is told so.
    out.again = judge.fails_alike(scenario);
    // Virtual time costs us nothing, but the kernel waits 20 s for what never comes.
    if (!worlds.waited_in_vain()) judge.waits = TwoWorlds::Waits::are_left_out;
    if (out.again) out.shrunk = shrink(scenario, judge, difference.step);
    const Scenario& best = out.again ? out.shrunk.scenario : scenario;
    const auto last = worlds.compare(best, members);
    if (!last) return failure(last.error());
    if (*last) out.small_text = (*last)->text;
    const std::filesystem::path folder = std::filesystem::path(path).parent_path();
    std::error_code ec;
    std::filesystem::create_directories(folder, ec);
    const std::string head =
        fmt::format("# {}, kernel {}: {}\n# {}\n", title, worlds.kernel().release, difference.text,
                    *last ? out.small_text : "not seen again");
    if (auto r = write_file(path, head + with_answers(best, worlds.kernel())); !r)
        return failure(std::move(r).error());
    for (const auto& [name, bytes] : members) {
        const std::string image = (folder / name).string();
        if (auto r = write_file(image, std::string(bytes.begin(), bytes.end())); !r)
            return failure(std::move(r).error());
    }
    return out;
}

}  // namespace cowlab
