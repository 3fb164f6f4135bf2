#include "cli/seed_runs.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "cli/policy_options.h"

namespace cowlab {
namespace {

// The folder `--from` names: origin and COW images of a store that somebody else wrote.
Result<StartImages> start_images(const std::string& folder) {
    StartImages start;
    if (folder.empty()) return start;
    DirectoryImages images(folder);
    for (const char* name : {"origin.img", "origin.initial.img"}) {
        if (start.origin_member.empty() && images.open(name, start.origin_size))
            start.origin_member = name;
    }
    if (images.open("cow.img", start.cow_size)) start.cow_member = "cow.img";
    if (start.origin_member.empty() || start.cow_member.empty()) {
        return refuse(
            folder,
            "no origin.img and cow.img (plain, .zst or .xz) in this folder: put them there");
    }
    std::uint8_t header[sector_bytes];
    images.read({0}, header);
    const format::Header h = format::Header::read(header);
    if (h.magic != format::magic || h.chunk_size == 0) {
        return refuse(folder + "/cow.img",
                      "this is no persistent exception store: see `cowlab store check`");
    }
    start.chunk = {h.chunk_size};
    return start;
}

const Profile* profile_named(const std::string& name) {
    for (const Profile* p : {&profile_quick, &profile_nightly, &profile_hell}) {
        if (p->name == name) return p;
    }
    return nullptr;
}

// How a seed's run is scheduled. A portfolio: half of the runs by latencies, the others by
// priorities of two depths, by chance, and by few deviations.
Strategy strategy_of(const Plan& plan, std::uint64_t seed) {
    Strategy s;
    s.depth = plan.depth;
    s.delays = plan.delays;
    if (plan.strategy == "pct") s.kind = Strategy::Kind::pct;
    if (plan.strategy == "uniform") s.kind = Strategy::Kind::uniform;
    if (plan.strategy == "delays") s.kind = Strategy::Kind::delays;
    if (plan.strategy == "portfolio") {
        constexpr Strategy::Kind kinds[] = {Strategy::Kind::latencies, Strategy::Kind::pct,
                                            Strategy::Kind::latencies, Strategy::Kind::uniform,
                                            Strategy::Kind::latencies, Strategy::Kind::pct,
                                            Strategy::Kind::latencies, Strategy::Kind::delays};
        s.kind = kinds[seed % 8];
        if (seed % 8 == 5 && s.depth > 1) --s.depth;
    }
    return s;
}

}  // namespace

std::string Plan::strategy_note() const {
    if (strategy == "random") return {};
    if (strategy == "uniform") return "strategy uniform   ";
    if (strategy == "delays") return fmt::format("strategy delays, {} a run   ", delays);
    return fmt::format("strategy {}, depth {}   ", strategy, depth);
}

std::string Plan::digest_text() const { return fmt::format("{:08x}", digest & 0xffffffff); }

GeneratedRun Plan::make(std::uint64_t seed) const {
    GeneratedRun run = generate(seed, profile, start);
    run.scenario.header.policy = header.policy;
    run.scenario.header.without = header.without;
    run.scenario.header.muted = header.muted;
    return run;
}

RunSetup Plan::setup(std::uint64_t seed, const GeneratedRun& run, ImageSource& images) const {
    RunSetup s;
    s.images = &images;
    s.drive = &run;
    s.seed = seed;
    s.strategy = strategy_of(*this, seed);
    s.terse_answers = true;
    s.pins_if_passed = false;
    s.turns_max = campaign_turns_max;
    return s;
}

// A run has some hundred moments; a few of them, and of each a few states, in every run another.
CrashOptions Plan::crash_options(std::uint64_t seed) const {
    CrashOptions o;
    o.chooses_fifo = false;
    o.one_in = 16;
    o.salt = mix64(seed);
    o.branches_per_point = 16;
    o.branches_in_all = crash_states;
    o.findings_max = 1;
    return o;
}

Result<Plan> plan_of(const RunOptions& options) {
    Plan plan;
    const Profile* profile = profile_named(options.profile);
    if (profile == nullptr) {
        return failure(
            {Error::Kind::usage, "--profile",
             fmt::format("no profile `{}`: there is quick, nightly and hell", options.profile)});
    }
    plan.profile = *profile;
    if (options.operations != 0) {
        plan.profile.operations_min = plan.profile.operations_max =
            static_cast<std::uint32_t>(options.operations);
    }
    if (auto r = apply_policy_options(options.policy, plan.header, plan.policy_note); !r)
        return failure(std::move(r).error());
    auto start = start_images(options.from);
    if (!start) return failure(std::move(start).error());
    plan.start = *start;
    plan.from = options.from;
    plan.strategy = options.strategy;
    plan.crash_states = options.crash_states;
    if (options.crash_states > 0 && options.strategy != "random") {
        return failure({Error::Kind::usage, "--crash-states",
                        fmt::format("with --strategy random, not {}: leave one of them out",
                                    options.strategy)});
    }
    plan.depth = options.depth;
    plan.delays = options.delays;
    nlohmann::json j = {{"profile", options.profile},
                        {"strategy", options.strategy},
                        {"from", options.from},
                        {"without", plan.header.without},
                        {"policy", std::string(name_of(plan.header.policy))}};
    if (options.operations != 0) j["operations"] = options.operations;
    if (options.depth != RunOptions{}.depth) j["depth"] = options.depth;
    if (options.delays != RunOptions{}.delays) j["delays"] = options.delays;
    if (plan.crash_states > 0) j["crash_states"] = plan.crash_states;
    if (!plan.header.muted.empty()) j["muted"] = plan.header.muted;
    plan.options_json = j.dump();
    plan.digest = hash64(plan.options_json.data(), plan.options_json.size());
    return plan;
}

}  // namespace cowlab
