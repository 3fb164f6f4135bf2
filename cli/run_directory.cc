#include "cli/run_directory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "cli/files.h"
#include "cli/finding.h"
#include "cli/version.h"
#include "scenarios/print.h"

namespace cowlab {
namespace {

namespace fs = std::filesystem;

void keep_latest_directories(const std::string& out) {
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

}  // namespace

void link_images(const std::string& folder, const Scenario& scenario,
                 const std::string& directory) {
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

Result<std::string> write_run_directory(const RunDirectories& where, const Finding& f,
                                        const nlohmann::json& verdict) {
    const std::string name = fmt::format("{}-{}", where.plan->digest_text(), f.failure.seed);
    const std::string directory = fmt::format("{}/{}", where.out, name);
    const std::string beside = fmt::format("{}/.{}.{}.part", where.out, name, getpid());
    std::error_code ec;
    fs::create_directories(beside, ec);
    if (ec) return failure(errno_error(beside, "cannot make the run directory", ec.value()));
    const auto give_up = [&](const Error& e) {
        std::error_code ignored;
        fs::remove_all(beside, ignored);
        return failure(e);
    };
    nlohmann::json options = nlohmann::json::parse(where.plan->options_json);
    options["seed"] = f.failure.seed;
    options["digest"] = where.plan->digest_text();
    options["version"] = version_text();
    const std::pair<const char*, std::string> files[] = {
        {"seed.txt", fmt::format("{}\n", f.failure.seed)},
        {"options.json", options.dump(2) + "\n"},
        {"original.scn", print(f.original)},
        {"shrunk.scn", print(f.shrunk.scenario)},
        {"trace.jsonl", f.last.records},
        {"stderr.txt", f.last.end.said},
        {"verdict.json", verdict.dump(2) + "\n"},
    };
    for (const auto& [file, text] : files) {
        if (text.empty() && std::string_view(file) == "stderr.txt") continue;
        if (auto r = write_file(beside + "/" + file, text); !r) return give_up(r.error());
    }
    for (std::size_t i = 0; i < f.others.size(); ++i) {
        const std::string path = beside + "/" + name_of_other(i);
        if (auto r = write_file(path, print(f.others[i].scenario)); !r) return give_up(r.error());
    }
    link_images(where.plan->from, f.shrunk.scenario, beside);
    fs::remove_all(directory, ec);
    fs::rename(beside, directory, ec);
    if (ec) return give_up(errno_error(directory, "cannot be put in its place", ec.value()));
    keep_latest_directories(where.out);
    return directory;
}

std::vector<std::string> stored_findings(const RunDirectories& where) {
    std::vector<std::string> found;
    std::error_code ec;
    for (const auto& e : fs::directory_iterator(where.out, ec)) {
        const std::string name = e.path().filename().string();
        if (name.starts_with(where.plan->digest_text() + "-") &&
            fs::exists(e.path() / "shrunk.scn", ec))
            found.push_back(e.path().string());
    }
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace cowlab
