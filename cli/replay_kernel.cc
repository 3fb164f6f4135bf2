#include <fmt/format.h>

#include <filesystem>

#include "cli/files.h"
#include "cli/kernel.h"
#include "cli/shell_script.h"
#include "scenarios/parse.h"
#include "scenarios/print.h"

namespace cowlab {

KernelOptions kernel_options(const std::string& machine) {
    KernelOptions out;
    if (machine == "qemu") out.machine = KernelMachine::qemu;
    return out;
}

Result<KernelCase> kernel_case(const Scenario& scenario, const std::string& directory) {
    KernelCase out{scenario, {}};
    for (const Step& s : scenario.steps) {
        if (s.verb != Verb::disk || s.disk.content != DiskContent::image) continue;
        if (s.disk.image.find('/') != std::string::npos || out.members.count(s.disk.image) != 0)
            continue;
        for (const char* ending : {"", ".zst", ".xz"}) {
            const std::string path = directory + "/" + s.disk.image + ending;
            std::error_code ec;
            if (!std::filesystem::is_regular_file(path, ec)) continue;
            auto bytes = read_image_file(path);
            if (!bytes) return failure(std::move(bytes).error());
            out.members[s.disk.image] = std::move(*bytes);
            break;
        }
    }
    return out;
}

Result<int> write_script(const ReplayOptions& options) {
    auto text = read_text_file(options.file);
    if (!text) return failure(std::move(text).error());
    auto scenario = parse(*text, options.file);
    if (!scenario) return failure(std::move(scenario).error());
    if (scenario->steps.size() > options.until) scenario->steps.resize(options.until);
    auto script = shell_script(*scenario, options.file);
    if (!script) return failure(std::move(script).error());
    fmt::print("{}", *script);
    return 0;
}

Result<int> replay_on_kernel(const ReplayOptions& options) {
    KernelOracle oracle(kernel_options(options.kernel));
    if (const auto reason = oracle.why_not()) return refuse("kernel", *reason);
    auto text = read_text_file(options.file);
    if (!text) return failure(std::move(text).error());
    auto scenario = parse(*text, options.file);
    if (!scenario) return failure(std::move(scenario).error());
    if (const auto foreign = first_foreign_line(*scenario)) {
        return refuse(options.file, fmt::format("{}: the kernel world has no such thing: take it "
                                                "out, or replay it on sim",
                                                *foreign));
    }
    if (scenario->steps.size() > options.until) scenario->steps.resize(options.until);
    std::string directory = std::filesystem::path(options.file).parent_path().string();
    auto input = kernel_case(*scenario, directory.empty() ? "." : directory);
    if (!input) return failure(std::move(input).error());
    auto result = oracle.run(*input);
    if (!result) return failure(std::move(result).error());
    std::string first;
    for (std::size_t i = 0; i < result->answers.size(); ++i) {
        const Step& s = scenario->steps[i];
        if (options.answers) {
            for (const std::string& c : s.comments) fmt::print("{}\n", c);
            fmt::print("> {}\n", print_line(s));
            for (const std::string& line : result->answers[i]) fmt::print("{}\n", line);
            for (const std::string& line : result->log[i]) fmt::print("# k: {}\n", line);
        }
        if (s.expected.empty() || !first.empty()) continue;
        if (const auto d = compare(s.expected, result->answers[i])) {
            first = fmt::format("at step {} of {}: {}: expected `{}`, got `{}`", i + 1,
                                scenario->steps.size(), print_line(s), d->expected, d->actual);
        }
    }
    if (!options.images.empty()) {
        std::error_code ec;
        std::filesystem::create_directories(options.images, ec);
        if (ec) {
            return failure(errno_error(options.images, "cannot make the directory", ec.value()));
        }
        for (const auto& [name, bytes] : result->images) {
            const std::string path = fmt::format("{}/{}.img", options.images, name);
            if (auto r = write_file(path, std::string(bytes.begin(), bytes.end())); !r)
                return failure(std::move(r).error());
        }
    }
    if (result->end != KernelResult::End::done) {
        fmt::print(
            "kernel {}: dead at step {} of {}: {}: {}\n", result->release, result->answers.size(),
            scenario->steps.size(),
            result->answers.empty() ? "" : print_line(scenario->steps[result->answers.size() - 1]),
            result->last_words);
        return 1;
    }
    if (options.answers && first.empty()) return 0;
    fmt::print("kernel {}   {} steps\n", result->release, result->answers.size());
    fmt::print("{}{}\n", first.empty() ? "passes" : "FAIL expectation   ", first);
    return first.empty() ? 0 : 1;
}

}  // namespace cowlab
