#include "cli/observed_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "cli/packet.h"
#include "cli/run_trace.h"
#include "scenarios/parse.h"
#include "scenarios/print.h"
#include "world/record_table.h"

namespace cowlab {
namespace {

enum Packet : std::uint64_t { world_begins, answer_given, run_ended, pins_read, trace_read };
constexpr unsigned coroner_seconds = 20;

std::string jsonl_of(SimWorld& sim) {
    std::string text;
    const Recorder& r = sim.world().recorder();
    for (std::uint64_t i = 0; i < r.kept(); ++i) {
        const Record& e = r.at(i);
        const char* kind = e.kind < record_kinds().size() ? record_kinds()[e.kind].name : "?";
        text += fmt::format(
            "{{\"us\":{},\"kind\":\"{}\",\"actor\":{},\"detail\":{},\"a\":{},\"b\":{},\"c\":{}}}\n",
            e.time_us, kind, e.actor, e.detail, e.a, e.b, e.c);
    }
    return text;
}

// The pins as lines: each passes through the parser on the other side, which refuses nonsense.
std::vector<std::string> pin_lines(SimWorld& sim) {
    std::vector<std::string> lines;
    for (const Step& pin : pins_of(sim)) lines.push_back(print_line(pin));
    return lines;
}

void run_and_tell(SimHost& host, const Scenario& scenario, RunSetup setup, Board& board,
                  const Observation& what, Child::Line& line) {
    watch_this_process(board, &host.stacks(), what.patience);
    setup.step_now = &board.step;
    setup.at_start = [&](SimWorld& world) {
        watch_world(&world);
        PacketWriter p;
        p.number(world_begins);
        p.number(reinterpret_cast<std::uint64_t>(&world));
        line.send(p.bytes());
    };
    const auto callers = setup.after_step;
    setup.after_step = [&](std::size_t step, const Answer& answer, SimWorld& world) {
        PacketWriter p;
        p.number(answer_given);
        p.number(answer.size());
        for (const std::string& a : answer) p.text(a);
        line.send(p.bytes());
        return !callers || callers(step, answer, world);
    };
    std::optional<Error> error;
    setup.at_end = [&](SimWorld& world) {
        if (what.in_child_at_end) error = what.in_child_at_end(world);
    };
    const RunResult r = run_scenario(host, scenario, setup);
    PacketWriter p;
    p.number(run_ended);
    p.text({reinterpret_cast<const char*>(&r.verdict), sizeof r.verdict});
    p.number(r.digest);
    p.number(r.pins_met);
    p.number(r.pins_total);
    p.number(r.requests);
    p.number(error ? 1 : 0);
    if (error) {
        p.number(static_cast<std::uint64_t>(error->kind));
        p.text(error->where);
        p.text(error->text);
    }
    line.send(p.bytes());
}

void read_ended(PacketReader& p, ObservedRun& run) {
    const std::string verdict = p.text();
    if (verdict.size() == sizeof run.verdict) {
        std::memcpy(static_cast<void*>(&run.verdict), verdict.data(), verdict.size());
        run.verdict.word[sizeof run.verdict.word - 1] = 0;
        run.verdict.text[sizeof run.verdict.text - 1] = 0;
    }
    run.digest = p.number();
    run.pins_met = static_cast<std::uint32_t>(p.number());
    run.pins_total = static_cast<std::uint32_t>(p.number());
    run.requests = p.number();
    if (p.number() == 0) return;
    Error e;
    e.kind = static_cast<Error::Kind>(p.number());
    e.where = p.text();
    e.text = p.text();
    run.error = e;
}

// What the dead world's memory holds. One child for each question: one may fail for itself.
void read_remains(SimWorld* world, const Scenario& scenario, const Observation& what,
                  ObservedRun& run) {
    const auto ask = [&](const std::function<std::vector<std::string>(SimWorld&)>& question) {
        std::vector<std::string> lines;
        run_in_child(
            [&](Child::Line& line) {
                PacketWriter p;
                const std::vector<std::string> found = question(*world);
                p.number(found.size());
                for (const std::string& l : found) p.text(l);
                line.send(p.bytes());
            },
            [&](std::string& bytes) {
                PacketReader p(bytes);
                for (std::uint64_t n = p.count(); n > 0 && p.ok(); --n) lines.push_back(p.text());
            },
            coroner_seconds);
        return lines;
    };
    if (what.pins) {
        for (const std::string& l : ask([](SimWorld& w) { return pin_lines(w); })) {
            auto parsed = parse("cowlab 1\n" + l + "\n", "pin");
            if (!parsed || parsed->steps.size() != 1) continue;
            parsed->steps[0].source = {};
            run.pins.push_back(std::move(parsed->steps[0]));
        }
    }
    if (what.trace) run.trace = ask([&](SimWorld& w) { return trace_of(w, scenario); });
    if (what.records) {
        const auto lines = ask([](SimWorld& w) { return std::vector<std::string>{jsonl_of(w)}; });
        if (!lines.empty()) run.records = lines[0];
    }
}

}  // namespace

namespace {

// "s1 sector 12 shows …" is about an `s`, "base sector 3 shows …" about a `base`: what is wrong in
// a snapshot is another failure than what is wrong in the origin.
std::string_view role_of_volume(std::string_view text) {
    const std::size_t blank = text.find(' ');
    if (blank == std::string_view::npos || text.substr(blank, 8) != " sector ") return {};
    std::string_view name = text.substr(0, blank);
    while (!name.empty() && name.back() >= '0' && name.back() <= '9') name.remove_suffix(1);
    return name;
}

}  // namespace

bool is_same_failure(const Verdict& a, const Verdict& b) {
    if (!a.is_like(b) || role_of_volume(a.text) != role_of_volume(b.text)) return false;
    const bool nameless_check = std::string_view(a.word) == "check" && a.invariant == 0;
    return !nameless_check || std::string_view(a.text) == b.text;
}

Verdict verdict_of_death(const ChildEnd& end, const Board& board, std::uint64_t step,
                         const std::string& line) {
    Verdict v;
    std::string text;
    const std::string during = line.empty() ? "" : fmt::format(", while `{}` ran", line);
    if (end.kind == ChildEnd::Kind::stuck) {
        v.fail(end.word(), 34, step, fmt::format("a turn of the engine does not end{}", during));
        return v;
    }
    if (board.in_guard_page == 1) {
        text = "the stack of a fiber is exhausted";
    } else if (end.kind == ChildEnd::Kind::signalled && board.address != 0) {
        text = fmt::format("the process died of a signal at address 0x{:x}", board.address);
    } else {
        text = "the process died";
    }
    text += during;
    std::string first = end.said.substr(0, end.said.find('\n'));
    if (end.sanitizer) {
        const std::size_t at = end.said.find("ERROR: ");
        if (at != std::string::npos) first = end.said.substr(at, end.said.find('\n', at) - at);
    }
    if (!first.empty()) text += ": " + first;
    v.fail(end.word(), 0, step, text);
    return v;
}

Patience patience_for(const Scenario& scenario, Patience otherwise) {
    for (const Step& s : scenario.steps) {
        if (!s.disk.image.empty()) return patience_with_images;
    }
    return otherwise;
}

ObservedRun observe(const Scenario& scenario, const RunSetup& setup, const Observation& what) {
    const bool remains = what.pins || what.trace || what.records;
    ObservedRun run;
    run.steps = scenario.steps.size();
    Shared<Board> board;
    SimWorld* world = nullptr;
    // With nobody to read the remains the world is the child's own, in large pages.
    std::optional<SimHost> host;
    if (remains) {
        host.emplace(SimHost::arena_bytes_default, 1024, Arena::Seen::by_children_and_parent);
    }
    run.end = run_in_child(
        [&](Child::Line& line) {
            if (!host) host.emplace();
            run_and_tell(*host, scenario, setup, *board, what, line);
        },
        [&](std::string& bytes) {
            PacketReader p(bytes);
            switch (p.number()) {
                case world_begins: world = reinterpret_cast<SimWorld*>(p.number()); break;
                case answer_given: {
                    Answer answer;
                    for (std::uint64_t n = p.count(); n > 0 && p.ok(); --n)
                        answer.push_back(p.text());
                    if (run.answers.size() >= scenario.steps.size()) break;
                    run.answers.push_back(std::move(answer));
                    if (what.on_answer) what.on_answer(run.answers.size() - 1, run.answers.back());
                    break;
                }
                case run_ended: read_ended(p, run); break;
                default: break;
            }
        },
        what.seconds_max);
    run.board = *board;
    if (run.died()) {
        const std::size_t step = std::min<std::size_t>(run.board.step, scenario.steps.size());
        const std::string line =
            step < scenario.steps.size() ? print_line(scenario.steps[step]) : "";
        run.verdict = verdict_of_death(run.end, run.board, step, line);
    }
    if (remains && world != nullptr) read_remains(world, scenario, what, run);
    return run;
}

}  // namespace cowlab
