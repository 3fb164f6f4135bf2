#include "cli/scenario_file.h"

#include <fmt/format.h>

#include <filesystem>

#include "cli/files.h"
#include "scenarios/parse.h"
#include "sim/scenario_run.h"

namespace cowlab {
namespace {

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

}  // namespace

std::string directory_of(const std::string& file) {
    const std::string d = std::filesystem::path(file).parent_path().string();
    return d.empty() ? "." : d;
}

Result<Scenario> load_scenario(const std::string& file, const PolicyOptions& policy,
                               std::string& note) {
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

}  // namespace cowlab
