#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "cli/directory_images.h"
#include "cli/fault_table.h"
#include "cli/finding.h"
#include "cli/policy_options.h"
#include "cli/run.h"
#include "cli/version.h"
#include "scenarios/parse.h"

namespace cowlab {
namespace {

volatile std::sig_atomic_t stop_flag = 0;
void on_signal(int) { stop_flag = 1; }

// What all runs of a campaign did, for the table at the end.
struct Totals {
    std::uint64_t runs = 0;
    std::uint64_t operations = 0;
    std::uint64_t requests = 0;
    std::uint64_t errors = 0;
    std::uint64_t power_losses = 0;
    std::uint64_t with_errors = 0;
    std::uint64_t with_power_loss = 0;
    std::uint64_t hung_by_user = 0;
    std::uint64_t judged[model::rule_count] = {};
    std::uint64_t structure = 0;
    std::uint64_t containment = 0;
    OracleEvaluations oracles;
    std::uint64_t marks[mark_count] = {};

    void add(const RunResult& r, std::size_t run_operations) {
        ++runs;
        operations += run_operations;
        requests += r.requests;
        errors += r.errors;
        power_losses += r.power_losses;
        with_errors += r.errors > 0 ? 1 : 0;
        with_power_loss += r.power_losses > 0 ? 1 : 0;
        hung_by_user += r.hung_by_user ? 1 : 0;
        for (std::uint32_t i = 0; i < model::rule_count; ++i) judged[i] += r.model.evaluated[i];
        structure += r.evaluations.structure;
        containment += r.evaluations.containment;
        for (std::uint32_t i = 0; i < OracleEvaluations::count; ++i)
            oracles.n[i] += r.evaluations.oracles.n[i];
        for (std::size_t m = 0; m < mark_count; ++m) marks[m] += r.marks[m];
    }
};

class Progress {
  public:
    Progress() : terminal_(isatty(STDERR_FILENO) != 0), started_(monotonic_ms()), last_(started_) {}
    void show(std::uint64_t seed, const Totals& t) {
        if (t.runs % 64 != 0) return;
        const std::uint64_t now = monotonic_ms();
        const std::uint64_t every = terminal_ ? 500 : 60'000;
        if (now - last_ < every) return;
        last_ = now;
        const std::uint64_t passed = now - started_ + 1;
        std::fprintf(stderr,
                     "%sseed %llu   %llu runs   %llu runs/s   %llu I/Os   %llu power losses%s",
                     terminal_ ? "\r" : "", static_cast<unsigned long long>(seed),
                     static_cast<unsigned long long>(t.runs),
                     static_cast<unsigned long long>(t.runs * 1000 / passed),
                     static_cast<unsigned long long>(t.requests),
                     static_cast<unsigned long long>(t.power_losses), terminal_ ? "" : "\n");
        shown_ = true;
    }
    void end() {
        if (terminal_ && shown_) std::fprintf(stderr, "\n");
    }
    std::uint64_t passed_ms() const { return monotonic_ms() - started_; }

  private:
    bool terminal_;
    std::uint64_t started_;
    std::uint64_t last_;
    bool shown_ = false;
};

void print_totals(const Totals& t, std::uint64_t ms) {
    if (t.runs == 0) return;
    const auto mean = [&](std::uint64_t n) {
        return static_cast<double>(n) / static_cast<double>(t.runs);
    };
    fmt::print("{} runs in {:.1f} s ({:.0f} runs/s, {:.0f} I/Os/s)\n", t.runs,
               static_cast<double>(ms) / 1000.0,
               static_cast<double>(t.runs) * 1000.0 / static_cast<double>(ms + 1),
               static_cast<double>(t.requests) * 1000.0 / static_cast<double>(ms + 1));
    fmt::print(
        "per run    {:.1f} operations, {:.1f} device I/Os, {:.2f} errors, {:.2f} power losses\n",
        mean(t.operations), mean(t.requests), mean(t.errors), mean(t.power_losses));
    fmt::print(
        "of runs    {:.0f} % had a failing request, {:.0f} % lost power, {:.0f} % ended with a "
        "device left suspended\n",
        100 * mean(t.with_errors), 100 * mean(t.with_power_loss), 100 * mean(t.hung_by_user));
    fmt::print("judged     ");
    for (std::uint32_t i = 0; i < model::rule_count; ++i) {
        fmt::print("{} {} sectors, ", name_of(static_cast<model::Rule>(i)), t.judged[i]);
    }
    fmt::print("structure {} stores, containment {}", t.structure, t.containment);
    for (std::uint32_t i = 0; i < OracleEvaluations::count; ++i)
        fmt::print(", {} {}", OracleEvaluations::words[i], t.oracles.n[i]);
    fmt::print("\n");
    std::string missing;
    for (std::size_t m = 0; m < mark_count; ++m) {
        if (t.marks[m] == 0 && RunTables::excuse_of(static_cast<Mark>(m)) == nullptr)
            missing += fmt::format(" {}", mark_texts[m].name);
    }
    if (!missing.empty()) fmt::print("never      {}\n", missing.substr(1));
}

// The folder `--from` names: origin and COW images of a store that somebody else wrote.
Result<StartImages> start_images(const std::string& folder, DirectoryImages& images) {
    StartImages start;
    if (folder.empty()) return start;
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

// PCT's depth for a seed; 0: at random. A portfolio has half of its runs at random.
std::uint32_t pct_depth_of(const std::string& strategy, std::uint64_t seed) {
    if (strategy == "pct") return 3;
    if (strategy == "portfolio") return seed % 4 < 2 ? 0 : static_cast<std::uint32_t>(seed % 4);
    return 0;
}

// What a strategy promises, for the first line (sim/chooser.h has the conditions).
std::string strategy_note(const std::string& strategy) {
    if (strategy == "random") return {};
    const char* which = strategy == "pct" ? "pct, depth 3"
                                          : "portfolio of random and pct, depth 2 "
                                            "and 3";
    return fmt::format(
        "   strategy {} (an order that needs d constraints is met with probability "
        ">= 1/(n*k^(d-1)): n streams, k = 400 steps, chains of at most 8)",
        which);
}

std::string options_json(const RunOptions& o, const Header& header) {
    nlohmann::json j = {{"profile", o.profile},
                        {"strategy", o.strategy},
                        {"from", o.from},
                        {"without", header.without},
                        {"policy", std::string(name_of(header.policy))}};
    return j.dump();
}

}  // namespace

void stop_on_signals() {
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
}
bool stop_requested() { return stop_flag != 0; }

Result<int> run_campaign(const RunOptions& options) {
    const Profile* profile = profile_named(options.profile);
    if (profile == nullptr) {
        return failure(
            {Error::Kind::usage, "--profile",
             fmt::format("no profile `{}`: there is quick, nightly and hell", options.profile)});
    }
    Header header;
    std::string note;
    if (auto r = apply_policy_options(options.policy, header, note); !r)
        return failure(std::move(r).error());
    DirectoryImages images(options.from);
    auto start = start_images(options.from, images);
    if (!start) return failure(std::move(start).error());
    const std::string json = options_json(options, header);
    const std::uint64_t digest = hash64(json.data(), json.size());
    if (!options.digests) {
        fmt::print("seeds {}-{}   options {:08x}   profile {}{}{}   {}\n", options.seed_first,
                   options.seconds ? std::string("…") : fmt::format("{}", options.seed_last),
                   digest & 0xffffffff, options.profile, note, strategy_note(options.strategy),
                   version_text());
        std::fflush(stdout);
    }
    stop_on_signals();

    SimHost host;
    Totals totals;
    RunTables tables;
    Progress progress;
    // The first of each kind is shrunk, the others are counted.
    std::map<std::pair<std::string, std::uint32_t>, std::uint64_t> groups;
    std::uint64_t findings = 0;
    std::uint64_t not_deterministic = 0;
    std::uint64_t seed = options.seed_first;
    for (;; ++seed) {
        if (stop_requested()) break;
        if (options.seconds ? progress.passed_ms() >= *options.seconds * 1000
                            : seed > options.seed_last)
            break;
        GeneratedRun run = generate(seed, *profile, *start);
        run.scenario.header.policy = header.policy;
        run.scenario.header.without = header.without;
        RunSetup setup;
        setup.images = &images;
        setup.drive = &run;
        setup.seed = seed;
        setup.pct_depth = pct_depth_of(options.strategy, seed);
        setup.terse_answers = true;
        const RunResult result = run_scenario(host, run.scenario, setup);
        totals.add(result, count_operations(run.scenario));
        tables.add(run, result);
        if (options.digests) fmt::print("{} {:016x}\n", seed, result.digest);
        if (options.check_determinism) {
            const RunResult again = run_scenario(host, run.scenario, setup);
            if (again.digest != result.digest) {
                ++not_deterministic;
                fmt::print("seed {}: two runs, two digests: {:016x} and {:016x}\n", seed,
                           result.digest, again.digest);
            }
        }
        progress.show(seed, totals);
        if (!result.verdict.failed) continue;
        ++findings;
        const std::pair<std::string, std::uint32_t> group{result.verdict.word,
                                                          result.verdict.invariant};
        if (groups[group]++ > 0) continue;
        progress.end();
        Finding finding;
        finding.seed = seed;
        finding.verdict = result.verdict;
        finding.original = complete_scenario(run.scenario, result);
        shrink_finding(host, &images, options.shrink_seconds, finding);
        if (auto w = write_run_directory({options.out, digest, json, options.from}, host, &images,
                                         finding);
            !w) {
            return failure(std::move(w).error());
        }
        fmt::print("\nseed {}{}\n", seed,
                   finding.reproduced
                       ? ""
                       : "   (only with its seed: the choices alone do not reproduce it)");
        print_finding(host, &images, finding);
        std::fflush(stdout);
        if (options.max_findings != 0 && groups.size() >= options.max_findings) break;
    }
    progress.end();
    if (options.digests) return findings == 0 && not_deterministic == 0 ? 0 : 1;
    print_totals(totals, progress.passed_ms());
    tables.print(*profile);
    for (const auto& [group, count] : groups) {
        fmt::print("found      {} INV-{}: {} of {} runs\n", group.first, group.second, count,
                   totals.runs);
    }
    if (options.check_determinism)
        fmt::print("determinism  {} runs differed from their repetition\n", not_deterministic);
    if (findings > 0 || not_deterministic > 0) return 1;
    if (stop_requested()) return 4;
    fmt::print("nothing found\n");
    return 0;
}

}  // namespace cowlab
