#include "cli/faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/directory_images.h"
#include "cli/fault_loop.h"
#include "cli/finding.h"
#include "cli/lie_loop.h"
#include "cli/policy_options.h"
#include "cli/run_directory.h"
#include "cli/shards.h"
#include "cli/story.h"
#include "scenarios/parse.h"
#include "scenarios/print.h"

namespace cowlab {
namespace {

namespace fs = std::filesystem;

// Scenarios and golden cases among the paths, folders searched whole; in the order of their names.
Result<std::vector<std::string>> files_of(const std::vector<std::string>& paths) {
    std::vector<std::string> files;
    for (const std::string& path : paths) {
        std::error_code ec;
        if (!fs::is_directory(path, ec)) {
            files.push_back(path);
            continue;
        }
        const std::size_t before = files.size();
        for (auto e = fs::recursive_directory_iterator(path, ec);
             !ec && e != fs::recursive_directory_iterator(); e.increment(ec)) {
            const std::string ending = e->path().extension().string();
            if (ending == ".scn" || ending == ".trace") files.push_back(e->path().string());
        }
        if (ec) return failure(errno_error(path, "cannot be read", ec.value()));
        if (files.size() == before)
            return refuse(path, "holds no scenario: name a folder with .scn or .trace files");
        std::sort(files.begin() + static_cast<std::ptrdiff_t>(before), files.end());
    }
    return files;
}

// I/N: the I-th of N that share the files.
Result<std::vector<std::string>> shard_of(std::vector<std::string> files, const std::string& text) {
    if (text.empty()) return files;
    std::uint64_t index = 0, count = 0;
    char rest = 0;
    if (std::sscanf(text.c_str(), "%lu/%lu%c", &index, &count, &rest) != 2 || index < 1 ||
        index > count) {
        return failure({Error::Kind::usage, "--shard " + text,
                        "write I/N with 1 <= I <= N, for example --shard 1/4"});
    }
    std::vector<std::string> mine;
    for (std::size_t i = index - 1; i < files.size(); i += count) mine.push_back(files[i]);
    return mine;
}

struct Sums {
    std::uint64_t files = 0, requests = 0, allocations = 0, runs = 0, left_out = 0, unmet = 0;
    std::uint64_t findings = 0, failing_runs = 0;
    LoopDelivered delivered = {};
};

std::string table_of(const LoopDelivered& delivered) {
    std::string text = fmt::format("delivered  {:<14}", "");
    const std::size_t memory = static_cast<std::size_t>(LoopKind::no_memory);
    for (std::size_t k = 0; k < memory; ++k)
        text += fmt::format("{:>15}", name_of(static_cast<LoopKind>(k)));
    text += "\n";
    for (std::size_t p = 0; p < purpose_count; ++p) {
        text += fmt::format("           {:<14}", name_of(static_cast<Purpose>(p)));
        for (std::size_t k = 0; k < memory; ++k) {
            text +=
                fmt::format("{:>15}", delivered[k][p] == 0 ? "-" : std::to_string(delivered[k][p]));
        }
        text += "\n";
    }
    text += "no-memory ";
    for (std::size_t u = 0; u < static_cast<std::size_t>(MemoryUse::count_); ++u) {
        if (delivered[memory][u] > 0)
            text +=
                fmt::format(" {} {}  ", name_of(static_cast<MemoryUse>(u)), delivered[memory][u]);
    }
    return text + "\n";
}

class Loop {
  public:
    explicit Loop(const FaultsOptions& options) : options_(options) {}
    std::optional<Error> visit(const std::string& file);
    const Sums& sums() const { return sums_; }
    const LieResult& lies() const { return lies_; }

  private:
    std::vector<LoopFault> some_of(const std::vector<LoopFault>& all);
    std::optional<Error> tell(const std::string& file, const Scenario& plain,
                              const LoopFinding& finding);

    std::optional<Error> tell_lies(const std::string& file, const Scenario& plain,
                                   DirectoryImages& images);
    Result<std::string> store(const std::string& file, std::string name, Scenario scenario,
                              const Verdict& verdict);

    const FaultsOptions& options_;
    Sums sums_;
    LieResult lies_;
};

// Evenly spread, if not all are asked for.
std::vector<LoopFault> Loop::some_of(const std::vector<LoopFault>& all) {
    if (options_.runs_max == 0 || all.size() <= options_.runs_max) return all;
    std::vector<LoopFault> some;
    for (std::uint64_t i = 0; i < options_.runs_max; ++i)
        some.push_back(all[i * all.size() / options_.runs_max]);
    sums_.left_out += all.size() - some.size();
    return some;
}

std::optional<Error> Loop::visit(const std::string& file) {
    const auto text = read_text_file(file);
    if (!text) return text.error();
    auto scenario = parse(*text, file);
    if (!scenario) return scenario.error();
    std::string note;
    if (auto r = apply_policy_options(options_.policy, scenario->header, note); !r)
        return r.error();
    if (auto r = policy_of(scenario->header, file); !r) return r.error();
    const Scenario plain = without_expectations(std::move(*scenario));
    const std::string directory = fs::path(file).parent_path().string();
    DirectoryImages images(directory.empty() ? "." : directory);

    ++sums_.files;
    const EveryFault every = every_fault_of(plain, &images);
    if (every.fault_free.verdict.failed) {
        ++sums_.findings;
        ++sums_.failing_runs;
        ++sums_.runs;
        fmt::print("\n{}\n    without any fault\nreplay     cowlab replay {}\n",
                   headline(every.fault_free.verdict, false), file);
        return {};
    }
    if (options_.lies) return tell_lies(file, plain, images);
    const std::vector<LoopFault> faults = some_of(every.faults);
    const LoopResult result = loop_faults(plain, faults, &images);
    sums_.requests += every.requests;
    sums_.allocations += every.allocations;
    sums_.runs += result.runs;
    sums_.unmet += result.unmet;
    for (std::size_t k = 0; k < loop_kind_count; ++k) {
        for (std::size_t p = 0; p < purpose_count; ++p)
            sums_.delivered[k][p] += result.delivered[k][p];
    }
    if (options_.verbose || !result.findings.empty()) {
        fmt::print(
            "{:<64} {:>6} I/Os {:>6} allocations {:>7} runs{}   {} findings\n", file,
            every.requests, every.allocations, result.runs,
            faults.size() == every.faults.size() ? "" : fmt::format(" of {}", every.faults.size()),
            result.findings.size());
    }
    for (const LoopFinding& f : result.findings) {
        if (auto e = tell(file, plain, f)) return e;
    }
    std::fflush(stdout);
    return {};
}

std::optional<Error> Loop::tell(const std::string& file, const Scenario& plain,
                                const LoopFinding& finding) {
    ++sums_.findings;
    sums_.failing_runs += finding.alike;
    const LoopFault& fault = finding.fault;
    const Scenario s = with_fault(plain, fault);
    const auto path = store(
        file, fmt::format("{}.{}.{}", name_of(fault.kind), fault.pin.pin.point, fault.pin.pin.nth),
        s, finding.verdict);
    if (!path) return path.error();
    const bool memory = fault.kind == LoopKind::no_memory;
    fmt::print("\n{}\n    fault      {} at {} {} of the run: {}\n",
               headline(finding.verdict, false), name_of(fault.kind), memory ? "allocation" : "I/O",
               fault.number, print_line(fault.pin));
    if (finding.verdict.step < s.steps.size())
        fmt::print("    seen at    {}\n", print_line(s.steps[finding.verdict.step]));
    if (!fault.in_atlas) fmt::print("    beyond the atlas: judged for safety only\n");
    if (finding.alike > 1) fmt::print("    and {} runs more end alike\n", finding.alike - 1);
    fmt::print("replay     cowlab replay {} --trace\n", *path);
    return {};
}

// Writes a finding as a scenario that stands alone; its path.
Result<std::string> Loop::store(const std::string& file, std::string name, Scenario scenario,
                                const Verdict& verdict) {
    scenario.header.verdict.kind = ExpectedVerdict::Kind::fail;
    scenario.header.verdict.word = verdict.word;
    scenario.header.verdict.invariant = verdict.invariant;
    std::error_code ec;
    fs::create_directories(options_.out, ec);
    if (ec) return failure(errno_error(options_.out, "cannot make the directory", ec.value()));
    const std::string path = fmt::format("{}/{}.{}.{}.scn", options_.out,
                                         fs::path(file).stem().string(), name, verdict.word);
    if (auto r = write_file(path, print(scenario)); !r) return failure(std::move(r).error());
    link_images(fs::path(file).parent_path().string(), scenario, options_.out);
    return path;
}

std::optional<Error> Loop::tell_lies(const std::string& file, const Scenario& plain,
                                     DirectoryImages& images) {
    const LieResult result = loop_lies(plain, &images);
    for (const LieFinding& f : result.findings) {
        ++sums_.findings;
        const auto path = store(file, fmt::format("lie-{}", sums_.findings), f.scenario, f.verdict);
        if (!path) return path.error();
        fmt::print("\n{}\nreplay     cowlab replay {} --trace\n", headline(f.verdict, false),
                   *path);
    }
    lies_.add(result);
    return {};
}

std::string lies_of(const LieResult& r) {
    std::string text = fmt::format("{:<18}{:>9}{:>10}  what broke\n", "lie", "told", "survived");
    for (std::size_t l = 0; l < lie_count; ++l) {
        text += fmt::format("{:<18}{:>9}{:>10}", name_of(lies[l]), r.told[l], r.survived[l]);
        for (const auto& [key, n] : r.broken) {
            if (key.first == l) text += fmt::format("  {} {}", key.second, n);
        }
        text += "\n";
    }
    return text;
}

}  // namespace

Result<int> faults(const FaultsOptions& options) {
    auto all = files_of(options.paths);
    if (!all) return failure(std::move(all).error());
    auto files = shard_of(std::move(*all), options.shard);
    if (!files) return failure(std::move(files).error());
    Loop loop(options);
    for (const std::string& file : *files) {
        if (auto e = loop.visit(file)) return failure(std::move(*e));
    }
    const Sums& s = loop.sums();
    if (options.lies) {
        std::uint64_t told = 0;
        for (const std::uint64_t n : loop.lies().told) told += n;
        fmt::print("{}{} scenarios, {} lies told, {} findings\n", lies_of(loop.lies()), s.files,
                   told, s.findings);
        return s.findings > 0 ? 1 : 0;
    }
    fmt::print("{}", table_of(s.delivered));
    fmt::print("{} scenarios, {} I/Os and {} allocations; {} runs with a fault", s.files,
               s.requests, s.allocations, s.runs);
    if (s.left_out > 0) fmt::print(" ({} left out by --runs-max)", s.left_out);
    if (s.unmet > 0) fmt::print(", in {} the fault did not come", s.unmet);
    fmt::print("; {} fail, {} findings\n", s.failing_runs, s.findings);
    return s.findings > 0 || s.unmet > 0 ? 1 : 0;
}

}  // namespace cowlab
