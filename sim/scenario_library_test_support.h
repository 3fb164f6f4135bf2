// For tests: the scenarios of the source tree, and the coverage marks they promise to reach.
#pragma once

#include <cctype>
#include <optional>
#include <string>
#include <vector>

#include "scenarios/golden_test_files.h"
#include "sim/sim_world.h"

namespace cowlab {

inline std::filesystem::path scenarios_root() { return COWLAB_SOURCE_DIR "/scenarios"; }

// All *.scn below scenarios/ but the museum's, as paths from there, sorted.
inline std::vector<std::string> library_files() {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(scenarios_root())) {
        const std::string path = entry.path().lexically_relative(scenarios_root()).string();
        if (entry.path().extension() == ".scn" && path.substr(0, 7) != "museum/")
            files.push_back(path);
    }
    std::sort(files.begin(), files.end());
    return files;
}

// A path as a name gtest takes: rules/walk-skips-beyond.scn -> rules__walk_skips_beyond.
inline std::string test_name_of(std::string path) {
    path.resize(path.size() - sizeof(".scn") + 1);
    std::string name;
    for (const char c : path) {
        name += c == '/'
                    ? "__"
                    : std::string(1, std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_');
    }
    return name;
}

inline std::optional<std::size_t> mark_of(const std::string& name) {
    for (std::size_t m = 0; m < mark_count; ++m) {
        if (name == mark_texts[m].name) return m;
    }
    return std::nullopt;
}

// The marks a scenario says it reaches: by the name of its file, if that is a mark's, and by
// comment lines `# reaches MARK` (which may name what is none: the test says so).
inline std::vector<std::string> marks_promised(const std::string& path, const std::string& text) {
    std::vector<std::string> marks;
    std::string stem = std::filesystem::path(path).stem().string();
    std::replace(stem.begin(), stem.end(), '-', '_');
    if (mark_of(stem)) marks.push_back(stem);
    constexpr std::string_view promise = "# reaches ";
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string line = text.substr(at, end - at);
        if (line.substr(0, promise.size()) == promise) marks.push_back(line.substr(promise.size()));
        at = end + 1;
    }
    return marks;
}

}  // namespace cowlab
