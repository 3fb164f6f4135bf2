#include "cli/lie_loop.h"

#include <fmt/format.h>

#include "cli/fault_loop.h"
#include "cli/packet.h"

namespace cowlab {
namespace {

// The rule stands right behind the disk's line, so that it counts from the first request on.
Scenario with_lie(const Scenario& plain, std::size_t disk_line, InjectKind lie, std::uint64_t nth) {
    Scenario s = plain;
    Step rule;
    rule.verb = Verb::inject;
    rule.name = plain.steps[disk_line].name;
    rule.inject.kind = lie;
    rule.inject.times = InjectTimes::nth;
    rule.inject.nth = nth;
    s.steps.insert(s.steps.begin() + static_cast<std::ptrdiff_t>(disk_line) + 1, rule);
    return s;
}

std::uint64_t lies_told(const RunResult& r) {
    std::uint64_t n = 0;
    for (const std::uint32_t count : r.delivered[static_cast<std::size_t>(FaultKind::lie)])
        n += count;
    return n;
}

// What no lie excuses.
bool is_unsafe(const Verdict& v) {
    const std::string_view word = v.word;
    return is_death(word) || word == "check" || word == "liveness";
}

struct Way {
    Board board;
    std::size_t disk = 0, lie = 0;  // indices
    std::uint64_t nth = 1;
};

}  // namespace

void LieResult::add(const LieResult& other) {
    for (std::size_t l = 0; l < lie_count; ++l) {
        told[l] += other.told[l];
        survived[l] += other.survived[l];
    }
    for (const auto& [key, n] : other.broken) broken[key] += n;
    findings.insert(findings.end(), other.findings.begin(), other.findings.end());
}

LieResult loop_lies(const Scenario& plain, ImageSource* images) {
    std::vector<std::size_t> disks;
    for (std::size_t i = 0; i < plain.steps.size(); ++i) {
        if (plain.steps[i].verb == Verb::disk) disks.push_back(i);
    }
    LieResult result;
    Shared<Way> way;
    const RunSetup setup = setup_of_a_loop(images);
    const Patience patience = patience_for(plain, patience_of_a_campaign);
    SimHost host;
    const auto count = [&](std::size_t disk, std::size_t lie, std::uint64_t nth, const Verdict& v) {
        ++result.told[lie];
        if (!v.failed) {
            ++result.survived[lie];
            return;
        }
        ++result.broken[{lie, fmt::format("{} INV-{}", v.word, v.invariant)}];
        if (is_unsafe(v))
            result.findings.push_back({with_lie(plain, disks[disk], lies[lie], nth), v});
    };
    while (way->disk < disks.size()) {
        const ChildEnd end = run_in_child(
            [&](Child::Line& line) {
                watch_this_process(way->board, &host.stacks(), patience);
                RunSetup how = setup;
                how.step_now = &way->board.step;
                how.at_start = [](SimWorld& world) { watch_world(&world); };
                // What the scenario's own lines tell.
                const std::uint64_t usual = lies_told(run_scenario(host, plain, how));
                while (way->disk < disks.size()) {
                    const std::size_t disk = way->disk, lie = way->lie;
                    const std::uint64_t nth = way->nth;
                    const RunResult r =
                        run_scenario(host, with_lie(plain, disks[disk], lies[lie], nth), how);
                    watch_world(nullptr);
                    ++way->board.beats;
                    if (lies_told(r) > usual) {
                        PacketWriter p;
                        p.number(disk);
                        p.number(lie);
                        p.number(nth);
                        p.text({reinterpret_cast<const char*>(&r.verdict), sizeof r.verdict});
                        line.send(p.bytes());
                        ++way->nth;
                        continue;
                    }
                    way->nth = 1;
                    if (++way->lie < lie_count) continue;
                    way->lie = 0;
                    ++way->disk;
                }
            },
            [&](std::string& bytes) {
                PacketReader p(bytes);
                const std::uint64_t disk = p.number(), lie = p.number(), nth = p.number();
                const std::string text = p.text();
                Verdict v;
                if (text.size() != sizeof v || disk >= disks.size() || lie >= lie_count) return;
                std::memcpy(static_cast<void*>(&v), text.data(), sizeof v);
                count(disk, lie, nth, v);
            });
        if (end.is_clean()) break;
        if (way->disk >= disks.size() || way->lie >= lie_count) break;
        count(way->disk, way->lie, way->nth,
              verdict_of_death(end, way->board, way->board.step, ""));
        ++way->nth;
    }
    return result;
}

}  // namespace cowlab
