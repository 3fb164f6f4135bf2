#include "cli/fault_loop.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "cli/packet.h"
#include "sim/pin_point.h"

namespace cowlab {
namespace {

constexpr std::uint64_t turns_max = 5'000'000;
constexpr std::uint64_t beat_every = 64;  // runs between two signs of life

struct KindOfFault {
    LoopKind kind;
    std::uint32_t choice;      // of the pin
    std::uint32_t operations;  // bit o: it makes sense for Op o
    FaultKind atlas;
};
constexpr std::uint32_t bit(Op op) { return 1u << static_cast<unsigned>(op); }
constexpr std::uint32_t all_but_flush = bit(Op::read) | bit(Op::write) | bit(Op::discard);
constexpr std::uint32_t changes = bit(Op::write) | bit(Op::discard);
constexpr KindOfFault kinds_of_requests[] = {
    {LoopKind::eio, fault_eio, all_but_flush, FaultKind::eio},
    {LoopKind::flush, fault_eio, bit(Op::flush), FaultKind::flush},
    {LoopKind::from_here, fault_from_here, all_but_flush, FaultKind::eio},
    {LoopKind::from_here, fault_from_here, bit(Op::flush), FaultKind::flush},
    {LoopKind::eio_written, fault_written, bit(Op::write), FaultKind::eio_written},
    {LoopKind::eio_partly, fault_partly, bit(Op::write), FaultKind::eio_partly},
    {LoopKind::latent, fault_latent, bit(Op::read), FaultKind::latent},
    {LoopKind::vanish, fault_vanish, all_but_flush | bit(Op::flush), FaultKind::vanish},
    {LoopKind::read_only, fault_read_only, changes, FaultKind::read_only},
};

Step pin_line(std::string actor, std::string point, std::uint64_t nth, std::uint64_t choice) {
    Step s;
    s.verb = Verb::pin;
    s.name = std::move(actor);
    s.pin.point = std::move(point);
    s.pin.nth = nth;
    s.pin.choice = choice;
    return s;
}

// All that fails from some request on fails as that kind of fault does, whatever the purpose.
bool is_in_atlas(const KindOfFault& k, std::uint32_t purpose) {
    if (k.kind == LoopKind::vanish || k.kind == LoopKind::read_only) return true;
    return atlas_allows(k.atlas, purpose, 0);
}

void add_requests(const Schedule& schedule, const std::map<std::uint32_t, std::string>& disks,
                  EveryFault& every) {
    std::map<std::tuple<std::uint32_t, Purpose, Op>, std::uint64_t> seen;
    for (std::size_t i = 0; i < schedule.request_count(); ++i) {
        const Schedule::Request& r = schedule.request(i);
        const std::uint64_t nth = ++seen[{r.actor, r.purpose, r.op}];
        const auto disk = disks.find(r.actor);
        if (disk == disks.end()) continue;
        const ChoiceKey key{
            ChoiceKind::fault, r.actor,
            static_cast<std::uint64_t>(r.purpose) << 2 | static_cast<std::uint64_t>(r.op)};
        const auto purpose = static_cast<std::uint32_t>(r.purpose);
        for (const KindOfFault& k : kinds_of_requests) {
            if ((k.operations & bit(r.op)) == 0) continue;
            every.faults.push_back({k.kind, purpose, i + 1, is_in_atlas(k, purpose), key,
                                    pin_line(disk->second, pin_point_word(key), nth, k.choice)});
        }
    }
    every.requests = schedule.request_count();
}

void add_allocations(const std::vector<std::uint64_t>& asked_for, EveryFault& every) {
    for (std::uint32_t use = 0; use < asked_for.size(); ++use) {
        // What a kernel does not let fail is no fault (requests, copy jobs).
        if (!atlas_allows(FaultKind::no_memory, use, 0)) continue;
        const ChoiceKey key{ChoiceKind::memory, 0, use};
        for (std::uint64_t n = 1; n <= asked_for[use]; ++n) {
            every.faults.push_back({LoopKind::no_memory, use, n, true, key,
                                    pin_line("engine", pin_point_word(key), n, 1)});
        }
        every.allocations += asked_for[use];
    }
}

// What parent and child both see of the child's way through the list.
struct Way {
    Board board;
    std::uint64_t at = 0;  // the fault that is tried
    std::uint64_t runs = 0;
    std::uint64_t unmet = 0;
    LoopDelivered delivered = {};
};

bool was_met(const LoopFault& fault, const Chooser& chooser) {
    for (std::uint32_t i = 0; i < chooser.taken_count(); ++i) {
        const Pin& p = chooser.taken(i);
        if (p.key == fault.key && p.nth == fault.pin.pin.nth) return true;
    }
    return false;
}

void count_run(const LoopFault& fault, const Chooser& chooser, Way& way) {
    ++way.runs;
    if (was_met(fault, chooser)) {
        ++way.delivered[static_cast<std::size_t>(fault.kind)][fault.column];
    } else {
        ++way.unmet;
    }
}

void add_finding(LoopResult& result, const LoopFault& fault, const Verdict& verdict) {
    for (LoopFinding& f : result.findings) {
        if (!is_same_failure(f.verdict, verdict)) continue;
        ++f.alike;
        return;
    }
    result.findings.push_back({fault, verdict, 1});
}

}  // namespace

const char* name_of(LoopKind kind) {
    constexpr const char* names[] = {"eio",        "eio-from-here", "eio-written",
                                     "eio-partly", "latent",        "flush-fails",
                                     "vanish",     "read-only",     "no-memory"};
    static_assert(std::size(names) == loop_kind_count, "a name for every kind of the loop");
    return names[static_cast<std::size_t>(kind)];
}

Scenario without_expectations(Scenario scenario) {
    scenario.version = language_version;
    scenario.form = Form::plain;
    scenario.header.verdict = {};
    for (Step& s : scenario.steps) {
        s.expected.clear();
        s.log.clear();
    }
    return scenario;
}

Scenario with_fault(const Scenario& plain, const LoopFault& fault) {
    Scenario s = plain;
    s.steps.insert(s.steps.begin(), fault.pin);
    if (!fault.in_atlas) s.header.limits.push_back({"judged", 0});
    return s;
}

EveryFault every_fault_of(const Scenario& plain, ImageSource* images) {
    EveryFault every;
    Schedule schedule;
    std::map<std::uint32_t, std::string> disks;
    const std::size_t uses = static_cast<std::size_t>(MemoryUse::count_);
    std::vector<std::uint64_t> asked_for(uses), asked_before(uses);
    RunSetup setup;
    setup.images = images;
    setup.terse_answers = true;
    setup.turns_max = turns_max;
    Observation what;
    what.patience = patience_for(plain, patience_of_a_replay);
    // Watched from outside first: if even this one dies, there is nothing to loop over.
    every.fault_free = observe(plain, setup, what);
    if (every.fault_free.verdict.failed) return every;

    SimHost host;
    setup.recording = &schedule;
    setup.at_start = [&](SimWorld& world) {
        for (std::size_t u = 0; u < uses; ++u)
            asked_before[u] = world.sim_memory().asked_for(static_cast<MemoryUse>(u));
    };
    setup.at_end = [&](SimWorld& world) {
        for (const BaseDisk& d : world.world().disks())
            disks.emplace(d.actor, std::string(d.name_view()));
        for (std::size_t u = 0; u < uses; ++u)
            asked_for[u] =
                world.sim_memory().asked_for(static_cast<MemoryUse>(u)) - asked_before[u];
    };
    run_scenario(host, plain, setup);
    add_requests(schedule, disks, every);
    add_allocations(asked_for, every);
    return every;
}

RunSetup setup_of_a_loop(ImageSource* images) {
    RunSetup setup;
    setup.images = images;
    setup.terse_answers = true;
    setup.pins_if_passed = false;
    setup.turns_max = turns_max;
    return setup;
}

LoopResult loop_faults(const Scenario& plain, const std::vector<LoopFault>& faults,
                       ImageSource* images) {
    LoopResult result;
    Shared<Way> way;
    const RunSetup setup = setup_of_a_loop(images);
    const Patience patience = patience_for(plain, patience_of_a_campaign);
    SimHost host;  // children inherit it: made once
    for (std::uint64_t from = 0; from < faults.size();) {
        const ChildEnd end = run_in_child(
            [&](Child::Line& line) {
                watch_this_process(way->board, &host.stacks(), patience);
                RunSetup how = setup;
                how.step_now = &way->board.step;
                how.at_start = [](SimWorld& world) { watch_world(&world); };
                for (std::uint64_t i = from; i < faults.size(); ++i) {
                    way->at = i;
                    how.at_end = [&](SimWorld& world) {
                        count_run(faults[i], world.chooser(), *way);
                    };
                    const RunResult r = run_scenario(host, with_fault(plain, faults[i]), how);
                    watch_world(nullptr);
                    ++way->board.beats;
                    if (!r.verdict.failed && i % beat_every != 0) continue;
                    PacketWriter p;
                    p.number(i);
                    p.text({reinterpret_cast<const char*>(&r.verdict), sizeof r.verdict});
                    line.send(p.bytes());
                }
            },
            [&](std::string& bytes) {
                PacketReader p(bytes);
                const std::uint64_t i = p.number();
                const std::string text = p.text();
                Verdict v;
                if (text.size() != sizeof v || i >= faults.size()) return;
                std::memcpy(static_cast<void*>(&v), text.data(), sizeof v);
                if (v.failed) add_finding(result, faults[i], v);
            });
        if (end.is_clean()) break;
        // The dead may have suffered from a run before: asked again, alone.
        const std::uint64_t at = std::min<std::uint64_t>(way->at, faults.size() - 1);
        Observation what;
        what.patience = patience;
        Verdict v = observe(with_fault(plain, faults[at]), setup, what).verdict;
        if (!v.failed) v = verdict_of_death(end, way->board, way->board.step, "");
        add_finding(result, faults[at], v);
        ++way->runs;
        ++way->delivered[static_cast<std::size_t>(faults[at].kind)][faults[at].column];
        from = at + 1;
    }
    result.runs = way->runs;
    result.unmet = way->unmet;
    std::memcpy(result.delivered, way->delivered, sizeof(LoopDelivered));
    return result;
}

}  // namespace cowlab
