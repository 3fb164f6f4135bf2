#include "cli/store/salvage_report.h"

#include <algorithm>

#include "cli/store/printer.h"

namespace cowlab::store {
namespace {

constexpr std::size_t lines_max = 50;  // a store of garbage has millions

const Run& run_of(const std::vector<Run>& runs, std::uint64_t record) {
    return *(std::upper_bound(runs.begin(), runs.end(), record,
                              [](std::uint64_t i, const Run& r) { return i < r.first; }) -
             1);
}

bool maps(const std::vector<Run>& map, ChunkIndex old_chunk) {
    const auto next = std::upper_bound(map.begin(), map.end(), old_chunk,
                                       [](ChunkIndex c, const Run& r) { return c < r.old_chunk; });
    return next != map.begin() && old_chunk - (next - 1)->old_chunk < (next - 1)->count;
}

void print_finding(Printer& out, const Image& cow, const Finding& f) {
    out.print("cowlab: {}: {} at byte {}: {}: {}\n", cow.name(), name_of(f.kind), f.offset, f.what,
              f.consequence);
}

}  // namespace

std::vector<OldRange> given_up(const Examination& e) {
    const std::uint64_t old_chunks = e.old_chunks;
    std::vector<ChunkIndex> chunks;
    const auto add = [&](ChunkIndex c) {
        if (c.value < old_chunks && !maps(e.records.map, c)) chunks.push_back(c);
    };
    for (const std::uint64_t record : e.records.lost) {
        const Run& r = run_of(e.list.runs, record);
        add(r.old_chunk + (record - r.first));
    }
    for (const OldRange& r : e.tail) {
        for (std::uint64_t i = 0; i < r.count; ++i) add(r.first + i);
    }
    std::sort(chunks.begin(), chunks.end());
    chunks.erase(std::unique(chunks.begin(), chunks.end()), chunks.end());
    std::vector<OldRange> joined;
    for (const ChunkIndex c : chunks) {
        if (!joined.empty() && joined.back().first + joined.back().count == c) {
            ++joined.back().count;
        } else {
            joined.push_back({c, 1});
        }
    }
    return joined;
}

void report_salvage(const Image& cow, const Examination& e, std::FILE* messages) {
    Printer out(messages);
    const std::vector<Finding>& findings = e.findings.kept();
    for (std::size_t i = 0; i < std::min(findings.size(), lines_max); ++i) {
        print_finding(out, cow, findings[i]);
    }
    if (const std::uint64_t all = e.findings.count(); all > lines_max) {
        out.print("cowlab: {}: {} findings more: `cowlab store check` lists them\n", cow.name(),
                  all - lines_max);
    }
    const std::vector<OldRange> ranges = given_up(e);
    std::uint64_t chunks = 0;
    for (const OldRange& r : ranges) chunks += r.count;
    const std::uint64_t chunk = e.layout->chunk().sectors().value;
    for (std::size_t i = 0; i < std::min(ranges.size(), lines_max); ++i) {
        out.print(
            "cowlab: {}: salvage: sectors {}+{} of the snapshot are the origin's content of "
            "today\n",
            cow.name(), ranges[i].first.value * chunk, ranges[i].count * chunk);
    }
    if (ranges.size() > lines_max) {
        out.print("cowlab: {}: salvage: so are {} ranges more\n", cow.name(),
                  ranges.size() - lines_max);
    }
    out.print("cowlab: {}: salvage: {} of {} records served, {} chunks given up to the origin\n",
              cow.name(), e.served(), e.list.records, chunks);
    (void)out.finish();  // a lost message is no reason to lose the content as well
}

void report_suspicions(const Image& cow, const Examination& e, std::FILE* messages) {
    Printer out(messages);
    for (const Finding& f : e.findings.kept()) print_finding(out, cow, f);
    (void)out.finish();
}

}  // namespace cowlab::store
