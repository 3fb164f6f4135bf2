// What is sent to a machine that sees no folder of the host, and what comes back: named byte
// strings on a disk that both sides can read.
//
// A line `NAME SIZE` and SIZE bytes for each, then an empty line. The side that writes has finished
// before it says so on the console; the side that reads starts at the disk's first byte.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace cowlab {

using Mail = std::map<std::string, std::vector<std::uint8_t>>;

inline bool write_mail(std::FILE* disk, const Mail& mail) {
    for (const auto& [name, bytes] : mail) {
        if (std::fprintf(disk, "%s %zu\n", name.c_str(), bytes.size()) < 0) return false;
        if (!bytes.empty() && std::fwrite(bytes.data(), 1, bytes.size(), disk) != bytes.size())
            return false;
    }
    return std::fputc('\n', disk) == '\n' && std::fflush(disk) == 0;
}

// False: what is on the disk is no mail, or ends too early.
inline bool read_mail(std::FILE* disk, Mail& out) {
    for (;;) {
        std::string line;
        int c = 0;
        while ((c = std::fgetc(disk)) != '\n') {
            if (c == EOF || line.size() > 255) return false;
            line += static_cast<char>(c);
        }
        if (line.empty()) return true;
        const std::size_t blank = line.rfind(' ');
        if (blank == std::string::npos) return false;
        std::size_t size = 0;
        if (std::sscanf(line.c_str() + blank, "%zu", &size) != 1) return false;
        std::vector<std::uint8_t>& bytes = out[line.substr(0, blank)];
        bytes.resize(size);
        if (size > 0 && std::fread(bytes.data(), 1, size, disk) != size) return false;
    }
}

}  // namespace cowlab
