#include <fmt/format.h>
#include <fnmatch.h>

#include <cstring>
#include <optional>

#include "cli/golden_cases.h"
#include "cli/kernel.h"
#include "device/kernel_differences.h"
#include "scenarios/parse.h"

namespace cowlab {
namespace {

// The recorded case with what the kernel that runs here said to it.
struct Comparison {
    std::size_t steps = 0;
    std::uint64_t sectors = 0;
    std::string difference;  // the first; empty: none
    std::string explained;   // ids of known differences
};

struct RecordedCase {
    Scenario scenario;
    std::vector<Exchange> exchanges;
    KernelCase input;
};

Result<RecordedCase> read_case(const std::string& directory, const std::string& name) {
    const std::string path = directory + "/" + name;
    auto trace = read_text_file(path + ".trace");
    if (!trace) return failure(std::move(trace).error());
    auto out_text = read_text_file(path + ".out");
    if (!out_text) return failure(std::move(out_text).error());
    auto scenario = parse(*trace, path + ".trace");
    if (!scenario) return failure(std::move(scenario).error());
    auto exchanges = parse_out(*out_text, path + ".out");
    if (!exchanges) return failure(std::move(exchanges).error());
    auto input = kernel_case(*scenario, directory);
    if (!input) return failure(std::move(input).error());
    return RecordedCase{*scenario, *exchanges, *input};
}

void compare_images(const std::string& directory, const std::string& name,
                    const std::vector<ExpectedImage>& images, const KernelResult& result,
                    Comparison& out) {
    const auto differ = [&](std::string text) {
        if (out.difference.empty()) out.difference = std::move(text);
    };
    for (const ExpectedImage& image : images) {
        const auto found = result.images.find(image.disk);
        if (found == result.images.end()) {
            differ(fmt::format("image {}: the kernel's disk was not saved", image.disk));
            continue;
        }
        auto bytes = read_image_file(fmt::format("{}/{}/{}.img.zst", directory, name, image.disk));
        if (!bytes && found->second.empty()) continue;  // an empty image has no file
        if (!bytes) {
            differ(fmt::format("image {}: {}", image.disk, bytes.error().text));
            continue;
        }
        if (bytes->size() != found->second.size()) {
            differ(fmt::format("image {}: {} bytes expected, {} there", image.disk, bytes->size(),
                               found->second.size()));
            continue;
        }
        if (image.is_volatile && !image.invalid) continue;
        // Of an invalidated store only the header's first 16 bytes are certain.
        const std::size_t size = image.invalid ? 16 : bytes->size();
        out.sectors += (size + sector_bytes - 1) / sector_bytes;
        for (std::size_t at = 0; at < size; at += sector_bytes) {
            const std::size_t n = std::min<std::size_t>(sector_bytes, size - at);
            if (std::memcmp(bytes->data() + at, found->second.data() + at, n) == 0) continue;
            differ(fmt::format("image {} differs at sector {}", image.disk, at / sector_bytes));
            break;
        }
    }
}

Comparison compare_case(const RecordedCase& recorded, const KernelResult& result) {
    Comparison out;
    const auto differ = [&](std::size_t i, const std::string& text) {
        if (out.difference.empty()) out.difference = fmt::format("step {}: {}", i + 1, text);
    };
    for (std::size_t i = 0; i < recorded.exchanges.size(); ++i) {
        const Exchange& exchange = recorded.exchanges[i];
        if (i >= result.answers.size()) {
            differ(i, "no answer: the kernel was dead");
            break;
        }
        ++out.steps;
        const Step& step = recorded.scenario.steps[i];
        const Answer& actual = result.answers[i];
        if (const auto d = compare(exchange.answer, actual)) {
            const KernelDifference* known = explain(result.release, step, d->actual);
            if (known == nullptr) {
                differ(i, fmt::format("{}: expected `{}`, got `{}`", step.source.text, d->expected,
                                      d->actual));
            } else {
                out.explained += fmt::format("{}{}", out.explained.empty() ? "" : " ", known->id);
            }
            continue;
        }
        if (constructor_messages(exchange.log) != constructor_messages(result.log[i])) {
            differ(i, fmt::format("message: {}: expected `{}`, got `{}`", step.source.text,
                                  exchange.log.empty() ? "" : exchange.log.front(),
                                  result.log[i].empty() ? "" : result.log[i].front()));
        }
    }
    return out;
}

// The step a kernel died of, if that is known of this kernel.
std::optional<std::size_t> known_death(const RecordedCase& recorded, const KernelResult& result) {
    if (result.end == KernelResult::End::done || result.answers.empty()) return std::nullopt;
    const std::size_t i = result.answers.size() - 1;
    const Answer& answer = result.answers[i];
    if (i >= recorded.scenario.steps.size() || answer.empty()) return std::nullopt;
    if (explain(result.release, recorded.scenario.steps[i], answer.front()) == nullptr)
        return std::nullopt;
    return i;
}

RecordedCase without_step(const RecordedCase& recorded, std::size_t i) {
    RecordedCase out = recorded;
    const auto at = static_cast<std::ptrdiff_t>(i);
    out.scenario.steps.erase(out.scenario.steps.begin() + at);
    if (out.exchanges.size() > i) out.exchanges.erase(out.exchanges.begin() + at);
    out.input.scenario = out.scenario;
    return out;
}

}  // namespace

Result<int> conform_on_kernel(const ConformOptions& options) {
    KernelOracle oracle(kernel_options(options.kernel));
    if (const auto reason = oracle.why_not()) return refuse("kernel", *reason);
    std::size_t agree = 0, known = 0, differ = 0, steps = 0;
    std::uint64_t sectors = 0;
    std::string release;
    for (const std::string& directory : options.directories) {
        auto names = list_files(directory, ".trace");
        if (!names) return failure(std::move(names).error());
        auto manifest = read_manifest(directory);
        if (!manifest) return failure(std::move(manifest).error());
        for (const std::string& file : *names) {
            const std::string name = file.substr(0, file.size() - 6);
            if (!options.only.empty() && fnmatch(options.only.c_str(), name.c_str(), 0) != 0)
                continue;
            auto recorded = read_case(directory, name);
            if (!recorded) return failure(std::move(recorded).error());
            auto result = oracle.run(recorded->input);
            std::string died_of;
            // What a line is known to do to this kernel is counted; the others are compared without
            // it (the kernel of the recording refused it, so nothing depends on it).
            while (result) {
                const auto death = known_death(*recorded, *result);
                if (!death) break;
                const Step& step = recorded->scenario.steps[*death];
                const std::string_view id =
                    explain(result->release, step, result->answers[*death].front())->id;
                died_of +=
                    fmt::format("{}{} (`{}`)", died_of.empty() ? "" : ", ", id, step.source.text);
                *recorded = without_step(*recorded, *death);
                result = oracle.run(recorded->input);
            }
            if (!result) return failure(std::move(result).error());
            release = result->release;
            Comparison c = compare_case(*recorded, *result);
            if (result->end == KernelResult::End::done)
                compare_images(directory, name, (*manifest)[name], *result, c);
            steps += c.steps;
            sectors += c.sectors;
            if (!c.difference.empty()) {
                ++differ;
                fmt::print("{}: differ at {}{}{}\n", name, c.difference,
                           result->last_words.empty() ? "" : "; the kernel's last words: ",
                           result->last_words);
            } else if (!c.explained.empty() || !died_of.empty()) {
                ++known;
                fmt::print("{}: known {}{}{} in {}\n", name, died_of,
                           died_of.empty() || c.explained.empty() ? "" : ", ", c.explained,
                           result->release);
            } else {
                ++agree;
                if (options.verbose) fmt::print("{}: agree\n", name);
            }
            std::fflush(stdout);
        }
    }
    fmt::print("kernel {}, {} boots\n", release.empty() ? "none" : release, oracle.boots());
    fmt::print("{} steps compared, {} sectors of images compared\n", steps, sectors);
    fmt::print("{} agree, {} known, {} differ\n", agree, known, differ);
    return differ == 0 ? 0 : 1;
}

}  // namespace cowlab
