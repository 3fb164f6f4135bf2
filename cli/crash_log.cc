// Crash images cut from a write log.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "cli/crash_kernel.h"

namespace cowlab {
namespace {

constexpr std::uint64_t log_sectors = 16384;
constexpr const char* mark_word = "line";

class LoggedRun {
  public:
    explicit LoggedRun(const CrashWorkload& workload) : workload_(workload) {
        for (const auto& d : workload.disks) {
            first_.push_back(whole_.size() / sector_bytes);
            whole_.insert(whole_.end(), d.content.begin(), d.content.end());
        }
    }

    // One disk below the log holds all disks of the workload.
    KernelCase kernel_case() const {
        KernelCase out;
        Scenario& s = out.scenario;
        s.version = language_version;
        s.header.policy = Policy::kernel;
        const std::uint64_t size = whole_.size() / sector_bytes;
        s.steps.push_back(disk_with_image("back", {size}, 0));
        out.members["back.img"] = whole_;
        Step log;
        log.verb = Verb::disk;
        log.name = "log";
        log.count = {log_sectors};
        s.steps.push_back(log);
        s.steps.push_back(create("lw", fmt::format("0 {} log-writes @back @log", size)));
        for (std::size_t i = 0; i < workload_.disks.size(); ++i) {
            const auto& d = workload_.disks[i];
            s.steps.push_back(
                create(d.name, fmt::format("0 {} linear @lw {}", d.size.value, first_[i])));
        }
        for (std::size_t i = 0; i < workload_.steps.size(); ++i) {
            Step mark;
            mark.verb = Verb::message;
            mark.name = "lw";
            mark.text = fmt::format("mark {}{}", mark_word, i);
            s.steps.push_back(mark);
            s.steps.push_back(workload_.steps[i]);
        }
        return out;
    }

    // The machine as it was when the first `entries` of the log had completed.
    CrashImage cut(const std::vector<WriteLogEntry>& log, std::size_t entries, Prng& draw) const {
        const LogCut cut = cut_write_log(whole_, log, entries, draw);
        std::size_t line = 0;
        for (std::size_t i = 0; i < entries; ++i) {
            if (log[i].is_mark && log[i].mark.rfind(mark_word, 0) == 0)
                line = std::strtoull(log[i].mark.c_str() + std::strlen(mark_word), nullptr, 10);
        }
        CrashImage out;
        out.title =
            fmt::format("cut at entry {} of {}, line {}, {} of {} writes since a flush lost",
                        entries, log.size(), line + 1, cut.lost, cut.undecided);
        out.devices = workload_.devices[std::min(line, workload_.devices.size() - 1)];
        out.must_load = workload_.blank;
        for (std::size_t i = 0; i < workload_.disks.size(); ++i) {
            const auto& d = workload_.disks[i];
            const auto from =
                cut.bytes.begin() + static_cast<std::ptrdiff_t>(first_[i] * sector_bytes);
            out.members[d.name + ".img"] =
                KernelImage(from, from + static_cast<std::ptrdiff_t>(d.size.bytes()));
            out.disks.push_back(disk_with_image(d.name, d.size, 0));
        }
        return out;
    }

  private:
    static Step create(const std::string& name, const std::string& table) {
        Step s;
        s.verb = Verb::create;
        s.name = name;
        s.text = table;
        return s;
    }

    const CrashWorkload& workload_;
    KernelImage whole_;
    std::vector<std::uint64_t> first_;  // of each disk, in the whole
};

std::vector<WriteLogEntry> log_of(const KernelImage& image) {
    return parse_write_log(image.size() / sector_bytes,
                           [&](std::uint64_t sector, std::uint64_t count, std::uint8_t* bytes) {
                               std::memcpy(bytes, image.data() + sector * sector_bytes,
                                           count * sector_bytes);
                               return true;
                           });
}

}  // namespace

LogCut cut_write_log(const KernelImage& start, const std::vector<WriteLogEntry>& log,
                     std::size_t entries, Prng& draw) {
    LogCut out;
    out.bytes = start;
    std::size_t durable = 0;  // all before the last flush
    for (std::size_t i = 0; i < entries; ++i) {
        if (log[i].flush) durable = i;
    }
    for (std::size_t i = 0; i < entries; ++i) {
        const WriteLogEntry& e = log[i];
        std::uint64_t sectors = e.data.size() / sector_bytes;
        if (i >= durable && !e.fua && sectors > 0) {
            ++out.undecided;
            const std::uint64_t fate = draw.below(4);
            if (fate == 0) sectors = draw.below(sectors + 1);  // torn
            if (fate >= 2) sectors = 0;
            out.lost += sectors * sector_bytes < e.data.size() ? 1 : 0;
        }
        const std::size_t at = e.sector * sector_bytes, size = sectors * sector_bytes;
        if (size > 0 && at + size <= out.bytes.size())
            std::memcpy(out.bytes.data() + at, e.data.data(), size);
    }
    return out;
}

Result<std::vector<CrashImage>> crashes_in_the_log(KernelOracle& oracle, std::uint64_t seed,
                                                   std::uint64_t cuts) {
    const CrashWorkload workload = crash_workload(seed);
    const LoggedRun run(workload);
    auto result = oracle.run(run.kernel_case());
    if (!result) return failure(std::move(result).error());
    const auto image = result->images.find("log");
    if (image == result->images.end()) {
        return refuse("kernel", fmt::format("workload of seed {}: the kernel died of it: {}", seed,
                                            result->last_words));
    }
    const std::vector<WriteLogEntry> log = log_of(image->second);
    Prng draw(seed, 401);
    std::vector<CrashImage> out;
    for (std::uint64_t i = 0; i < cuts; ++i) {
        const std::size_t entries = draw.between(1, std::max<std::size_t>(log.size(), 1));
        out.push_back(run.cut(log, std::min(entries, log.size()), draw));
        out.back().title = fmt::format("Linux, workload {}, {}", seed, out.back().title);
    }
    return out;
}

}  // namespace cowlab
