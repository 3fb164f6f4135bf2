#include "cli/our_world.h"

#include <cstring>

#include "cli/observed_run.h"
#include "cli/packet.h"
#include "scenarios/print.h"

namespace cowlab {
namespace {

constexpr unsigned seconds_max = 60;
enum Packet : std::uint64_t { answer_given, image_left, run_ended };

// What is known once the child is gone.
void tell(SimHost& host, const Scenario& scenario, RunSetup setup, Board& board,
          Child::Line& line) {
    watch_this_process(board, &host.stacks(), patience_for(scenario, patience_of_a_campaign));
    setup.step_now = &board.step;
    setup.at_start = [](SimWorld& world) { watch_world(&world); };
    setup.after_step = [&](std::size_t, const Answer& answer, SimWorld& sim) {
        PacketWriter p;
        p.number(answer_given);
        p.number(sim.world().events().deviations());
        p.number(answer.size());
        for (const std::string& a : answer) p.text(a);
        line.send(p.bytes());
        return true;
    };
    setup.at_end = [&](SimWorld& sim) {
        for (const auto& [name, bytes] : images_of(sim)) {
            PacketWriter p;
            p.number(image_left);
            p.text(name);
            p.text({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
            line.send(p.bytes());
        }
    };
    const RunResult r = run_scenario(host, scenario, setup);
    PacketWriter p;
    p.number(run_ended);
    p.text({reinterpret_cast<const char*>(&r.verdict), sizeof r.verdict});
    p.number(r.deviations);
    p.number(r.hung_by_user ? 1 : 0);
    line.send(p.bytes());
}

void take(PacketReader p, OurRun& run) {
    switch (p.number()) {
        case answer_given: {
            run.deviations.push_back(static_cast<std::uint32_t>(p.number()));
            Answer& answer = run.answers.emplace_back();
            for (std::uint64_t n = p.count(); n > 0 && p.ok(); --n) answer.push_back(p.text());
            break;
        }
        case image_left: {
            const std::string name = p.text();
            const std::string bytes = p.text();
            run.images[name].assign(bytes.begin(), bytes.end());
            break;
        }
        case run_ended: {
            const std::string verdict = p.text();
            if (verdict.size() == sizeof run.verdict) {
                std::memcpy(static_cast<void*>(&run.verdict), verdict.data(), verdict.size());
                run.verdict.word[sizeof run.verdict.word - 1] = 0;
                run.verdict.text[sizeof run.verdict.text - 1] = 0;
            }
            run.deviations_at_end = static_cast<std::uint32_t>(p.number());
            run.hung_by_user = p.number() != 0;
            break;
        }
        default: break;
    }
}

}  // namespace

ImageSet images_of(SimWorld& sim) {
    ImageSet out;
    for (const BaseDisk& d : sim.world().disks()) {
        KernelImage& bytes = out[std::string(d.name_view())];
        bytes.resize(d.spec.size.bytes());
        for (std::uint64_t s = 0; s < d.spec.size.value; ++s)
            sim.cells().bytes_of(d.medium->raw_read({s}), bytes.data() + s * sector_bytes);
    }
    return out;
}

OurRun run_ours(SimHost& host, const Scenario& scenario, const ImageSet& members,
                const EnginePolicy& policy) {
    OurRun run;
    Shared<Board> board;
    const ChildEnd end = run_in_child(
        [&](Child::Line& line) {
            MemoryImages source(members);
            RunSetup setup;
            setup.images = &source;
            setup.cells = CellMode::bytes;
            setup.judge = false;
            setup.policy = &policy;
            tell(host, scenario, setup, *board, line);
        },
        [&](std::string& bytes) { take(PacketReader(bytes), run); }, seconds_max);
    if (!end.is_clean()) {
        const std::size_t step = std::min<std::size_t>(board->step, scenario.steps.size());
        const std::string line =
            step < scenario.steps.size() ? print_line(scenario.steps[step]) : "";
        run.verdict = verdict_of_death(end, *board, step, line);
    }
    return run;
}

}  // namespace cowlab
