#include "cli/finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/files.h"
#include "cli/run_trace.h"
#include "scenarios/print.h"
#include "world/record_table.h"

namespace cowlab {
namespace {

constexpr std::size_t run_directories_max = 20;

std::string headline(const Verdict& v) {
    std::string invariant = v.invariant == 0 ? "" : fmt::format("INV-{}: ", v.invariant);
    const std::string_view text = v.text;
    if (text.substr(0, 4) == "INV-") invariant.clear();
    return fmt::format("FAIL {:<22} {}{}", v.word, invariant, text);
}

void keep_latest_directories(const std::string& out) {
    namespace fs = std::filesystem;
    std::error_code ec;
    std::vector<std::pair<fs::file_time_type, fs::path>> runs;
    for (const auto& e : fs::directory_iterator(out, ec)) {
        if (fs::exists(e.path() / "verdict.json", ec))
            runs.emplace_back(fs::last_write_time(e.path(), ec), e.path());
    }
    std::sort(runs.begin(), runs.end());
    for (std::size_t i = 0; i + run_directories_max < runs.size(); ++i)
        fs::remove_all(runs[i].second, ec);
}

void link_images(const std::string& folder, const Scenario& scenario,
                 const std::string& directory) {
    namespace fs = std::filesystem;
    std::error_code ec;
    for (const Step& s : scenario.steps) {
        if (s.disk.image.empty()) continue;
        for (const char* ending : {"", ".zst", ".xz"}) {
            const fs::path from = fs::absolute(fs::path(folder) / (s.disk.image + ending), ec);
            const fs::path to = fs::path(directory) / (s.disk.image + ending);
            if (fs::exists(from, ec) && !fs::exists(to, ec)) fs::create_symlink(from, to, ec);
        }
    }
}

}  // namespace

std::uint64_t monotonic_ms() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

Scenario complete_scenario(const Scenario& run_lines, const RunResult& result) {
    Scenario s;
    s.version = language_version;
    s.header = run_lines.header;
    s.header.verdict.kind = ExpectedVerdict::Kind::fail;
    s.header.verdict.word = result.verdict.word;
    s.header.verdict.invariant = result.verdict.invariant;
    s.steps = result.pins;
    s.steps.insert(s.steps.end(), run_lines.steps.begin(), run_lines.steps.end());
    return s;
}

FailsAlike::FailsAlike(SimHost& host, ImageSource* images, const Verdict& verdict,
                       std::uint64_t seconds)
    : host_(host),
      images_(images),
      verdict_(verdict),
      deadline_ms_(monotonic_ms() + seconds * 1000) {}

bool FailsAlike::fails_alike(const Scenario& candidate) {
    RunSetup setup;
    setup.images = images_;
    setup.terse_answers = true;
    setup.turns_max = 2'000'000;
    return run_scenario(host_, candidate, setup).verdict.is_like(verdict_);
}

bool FailsAlike::is_out_of_time() { return monotonic_ms() >= deadline_ms_; }

void shrink_finding(SimHost& host, ImageSource* images, std::uint64_t seconds, Finding& f) {
    FailsAlike judge(host, images, f.verdict, seconds);
    f.reproduced = judge.fails_alike(f.original);
    if (f.reproduced) {
        f.shrunk = shrink(f.original, judge);
    } else {
        f.shrunk.scenario = f.original;
        f.shrunk.operations = f.shrunk.operations_before = count_operations(f.original);
    }
    RunSetup setup;
    setup.images = images;
    const RunResult again = run_scenario(host, f.shrunk.scenario, setup);
    f.shrunk_verdict = again.verdict;
    f.broken_step = again.verdict.step;
}

Result<bool> write_run_directory(const RunDirectory& where, SimHost& host, ImageSource* images,
                                 Finding& f) {
    f.directory = fmt::format("{}/{:08x}-{}", where.out, where.options_digest & 0xffffffff, f.seed);
    std::error_code ec;
    std::filesystem::create_directories(f.directory, ec);
    if (ec) return failure(errno_error(f.directory, "cannot make the run directory", ec.value()));
    std::string trace;
    RunSetup setup;
    setup.images = images;
    setup.recorder_capacity = 1 << 16;
    setup.at_end = [&](SimWorld& world) {
        const Recorder& r = world.world().recorder();
        for (std::uint64_t i = 0; i < r.kept(); ++i) {
            const Record& e = r.at(i);
            const char* kind = e.kind < record_kinds().size() ? record_kinds()[e.kind].name : "?";
            trace += fmt::format(
                "{{\"us\":{},\"kind\":\"{}\",\"actor\":{},\"detail\":{},\"a\":{},\"b\":{},\"c\":{}}"
                "}\n",
                e.time_us, kind, e.actor, e.detail, e.a, e.b, e.c);
        }
    };
    run_scenario(host, f.shrunk.scenario, setup);
    nlohmann::json verdict = {
        {"word", f.verdict.word},
        {"invariant", f.verdict.invariant},
        {"text", f.shrunk_verdict.failed ? f.shrunk_verdict.text : f.verdict.text},
        {"seed", f.seed},
        {"broken_step", f.broken_step},
        {"reproduced", f.reproduced},
        {"minimal", f.shrunk.minimal},
        {"operations", f.shrunk.operations},
        {"operations_before", f.shrunk.operations_before}};
    const std::pair<const char*, std::string> files[] = {
        {"seed.txt", fmt::format("{}\n", f.seed)},
        {"options.json", where.options_json + "\n"},
        {"original.scn", print(f.original)},
        {"shrunk.scn", print(f.shrunk.scenario)},
        {"trace.jsonl", trace},
        {"verdict.json", verdict.dump(2) + "\n"},
    };
    for (const auto& [name, text] : files) {
        if (auto r = write_file(f.directory + "/" + name, text); !r)
            return failure(std::move(r).error());
    }
    link_images(where.images_folder, f.shrunk.scenario, f.directory);
    keep_latest_directories(where.out);
    return true;
}

void print_finding(SimHost& host, ImageSource* images, const Finding& f) {
    const Verdict& v = f.shrunk_verdict.failed ? f.shrunk_verdict : f.verdict;
    fmt::print("\n{}\n", headline(v));
    fmt::print("                            seen at step {} of {}\n\n",
               std::min(f.broken_step + 1, f.shrunk.scenario.steps.size()),
               f.shrunk.scenario.steps.size());
    RunSetup setup;
    setup.images = images;
    const RunResult run = run_scenario(host, f.shrunk.scenario, setup);
    fmt::print("  step  line{:<57} answer\n", "");
    for (std::size_t i = 0; i < f.shrunk.scenario.steps.size(); ++i) {
        std::string line = print_line(f.shrunk.scenario.steps[i]);
        if (line.size() > 60) line = line.substr(0, 57) + "...";
        std::string answer =
            i < run.answers.size() && !run.answers[i].empty() ? run.answers[i].front() : "";
        if (answer.size() > 48) answer = answer.substr(0, 45) + "...";
        fmt::print("{} {:>4}  {:<60} {}\n", i == f.broken_step ? ">" : " ", i + 1, line, answer);
    }
    fmt::print("\n  {}\n\n", v.text);
    fmt::print("scenario   {}/shrunk.scn      {} operations (from {}), {} power loss, {} pins{}\n",
               f.directory, f.shrunk.operations, f.shrunk.operations_before,
               count_of(f.shrunk.scenario, Verb::power_loss),
               count_of(f.shrunk.scenario, Verb::pin),
               f.shrunk.minimal ? "" : "   (not yet minimal: time was up)");
    fmt::print("replay     cowlab replay {}/shrunk.scn --trace\n", f.directory);
}

}  // namespace cowlab
