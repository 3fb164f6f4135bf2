// Crash images of a kernel that was killed.
#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/crash_kernel.h"
#include "cli/files.h"

namespace cowlab {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t delay_most_us = 4000;

// Removed with all that is in it.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        const char* base = std::getenv("TMPDIR");
        path_ = std::string(base == nullptr ? "/tmp" : base) + "/cowlab-crash-XXXXXX";
        if (mkdtemp(path_.data()) == nullptr) path_.clear();
    }
    ~TemporaryFolder() {
        std::error_code ec;
        if (!path_.empty()) fs::remove_all(path_, ec);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

std::string device_node(std::size_t disk) {
    return std::string("/dev/ubd") + static_cast<char>('a' + disk);
}

}  // namespace

Result<CrashImage> killed_kernel(const KernelOptions& options, std::uint64_t seed) {
    const CrashWorkload workload = crash_workload(seed);
    const TemporaryFolder folder;
    if (folder.path().empty())
        return refuse("TMPDIR", fmt::format("cannot make a folder: {}", std::strerror(errno)));
    KernelOptions machine = options;
    KernelCase one;
    one.scenario.version = language_version;
    one.scenario.header.policy = Policy::kernel;
    for (std::size_t i = 0; i < workload.disks.size(); ++i) {
        const auto& d = workload.disks[i];
        const std::string path = fmt::format("{}/{}.img", folder.path(), d.name);
        if (auto r = write_file(path, std::string(d.content.begin(), d.content.end())); !r)
            return failure(std::move(r).error());
        machine.disk_files.push_back(path);
        Step& line = one.scenario.steps.emplace_back();
        line.verb = Verb::disk;
        line.name = d.name;
        line.count = d.size;
        line.disk.path = device_node(i);
        line.disk.keep = true;
    }
    const std::size_t set_up = one.scenario.steps.size();
    one.scenario.steps.insert(one.scenario.steps.end(), workload.steps.begin(),
                              workload.steps.end());
    Prng draw(seed, 409);
    // Not in the first lines: there is nothing yet.
    const std::size_t line = draw.between(3, workload.steps.size() - 1);
    const auto delay = static_cast<std::uint32_t>(draw.below(delay_most_us));
    one.kill = KernelKill{set_up + line, delay};
    KernelOracle oracle(machine);
    auto result = oracle.run(one);
    if (!result) return failure(std::move(result).error());
    if (result->end != KernelResult::End::killed) {
        return refuse("kernel", fmt::format("workload of seed {} ended before it was killed: {}",
                                            seed, result->last_words));
    }
    CrashImage out;
    out.title =
        fmt::format("Linux, workload {}, killed {} us after line {} began", seed, delay, line + 1);
    out.devices = workload.devices[line];
    out.must_load = workload.blank;
    for (std::size_t i = 0; i < workload.disks.size(); ++i) {
        const auto& d = workload.disks[i];
        auto bytes = read_image_file(machine.disk_files[i]);
        if (!bytes) return failure(std::move(bytes).error());
        out.members[d.name + ".img"] = std::move(*bytes);
        out.disks.push_back(disk_with_image(d.name, d.size, 0));
    }
    return out;
}

}  // namespace cowlab
