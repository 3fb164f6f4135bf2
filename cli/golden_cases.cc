#include "cli/golden_cases.h"

#include <fmt/format.h>

#include <algorithm>

namespace cowlab {

Result<Manifest> read_manifest(const std::string& directory) {
    auto text = read_text_file(directory + "/MANIFEST");
    if (!text) return failure(std::move(text).error());
    Manifest manifest;
    std::string current;
    std::size_t line_number = 0;
    for (std::size_t at = 0; at < text->size();) {
        ++line_number;
        std::size_t end = text->find('\n', at);
        if (end == std::string::npos) end = text->size();
        std::vector<std::string> words;
        for (std::size_t i = at; i < end;) {
            while (i < end && (*text)[i] == ' ') ++i;
            std::size_t stop = i;
            while (stop < end && (*text)[stop] != ' ') ++stop;
            if (stop > i) words.push_back(text->substr(i, stop - i));
            i = stop;
        }
        at = end + 1;
        if (words.empty()) continue;
        if (words[0] == "case" && words.size() == 2) {
            current = words[1];
            manifest[current];
        } else if (words[0] == "image" && words.size() >= 4 && !current.empty()) {
            ExpectedImage image{words[1]};
            for (std::size_t i = 4; i < words.size(); ++i) {
                if (words[i] == "volatile") image.is_volatile = true;
                if (words[i] == "invalid") image.invalid = true;
            }
            manifest[current].push_back(image);
        } else {
            return refuse(fmt::format("{}/MANIFEST:{}", directory, line_number),
                          "not understood: write `case NAME` or `image NAME SECTORS SHA256 "
                          "[volatile] [invalid]`");
        }
    }
    return manifest;
}

std::set<std::string> constructor_messages(const std::vector<std::string>& lines) {
    std::set<std::string> out;
    for (std::string line : lines) {
        line.erase(std::remove(line.begin(), line.end(), '@'), line.end());
        const std::string prefix = "device-mapper: table: ";
        const std::size_t at = line.find(prefix);
        if (at == std::string::npos) continue;
        const std::string rest = line.substr(at + prefix.size());
        for (const char* type : {": snapshot: ", ": snapshot-origin: ", ": snapshot-merge: "}) {
            const bool from_constructor =
                rest.ends_with(")") && rest.find(" (-E") != std::string::npos;
            if (from_constructor && rest.find(type) != std::string::npos) out.insert(rest);
        }
    }
    return out;
}

}  // namespace cowlab
