// The `cowlab` command. Options are read here and nowhere else; each sub-command is a function.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <system_error>

#include "cli/conform.h"
#include "cli/crash.h"
#include "cli/device.h"
#include "cli/explore.h"
#include "cli/faults.h"
#include "cli/kernel.h"
#include "cli/program_version.h"
#include "cli/run.h"
#include "cli/store/store.h"
#include "cli/version.h"
#include "engine/policy.h"

namespace {

using cowlab::Error;
using cowlab::Result;

int exit_code(Error::Kind kind) {
    switch (kind) {
        case Error::Kind::failed: return 1;
        case Error::Kind::usage: return 2;
        case Error::Kind::refused: return 3;
        case Error::Kind::stopped: return 4;
        case Error::Kind::host: return 75;
    }
    return 3;
}

int report(const Error& e) {
    std::fflush(stdout);
    std::fprintf(stderr, "cowlab: %s%s%s\n", e.where.c_str(), e.where.empty() ? "" : ": ",
                 e.text.c_str());
    return exit_code(e.kind);
}

int finish(const Result<int>& result) {
    if (!result) return report(result.error());
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
        return report({Error::Kind::host, "standard output",
                       "cannot be written to: make room on its disk, or write to another place"});
    }
    return *result;
}

// What the user typed wrong, in one sentence, with what to do.
int usage(const std::string& text) {
    std::fprintf(stderr, "cowlab: %s: see `cowlab --help` or `cowlab COMMAND --help`\n",
                 text.c_str());
    return 2;
}

struct PlannedCommand {
    const char* name;
    const char* what;
};
constexpr PlannedCommand planned[] = {
    {"museum", "the bug museum"},
    {"dev", "control of engine volumes in a serving process"},
    {"serve", "volumes over NBD"},
    {"hammer", "stress of any block device"},
    {"report", "a run directory as a page"},
    {"merge-results", "union of campaign shards"},
};

constexpr const char* planned_options[] = {"--html"};

std::string rules_help() {
    std::string text = "switch one safety rule of the correct engine off:";
    for (const cowlab::SafetyRule& rule : cowlab::safety_rules) {
        text += std::string(" ") + rule.name + " (" + rule.text + ")";
    }
    return text;
}

void add_policy_options(CLI::App* command, cowlab::PolicyOptions& options) {
    command->add_option("--compat", options.compat,
                        "none: the correct engine (the default); kernel: as Linux 6.1 behaves; "
                        "4.12: the correct engine without the rule merge-origin-flush");
    command->add_option("--without", options.without, rules_help());
    command->add_option("--mute", options.muted,
                        "an oracle nobody listens to, for example ordering: what a broken rule "
                        "costs is seen later than the rule");
}

bool parse_range(const std::string& text, std::uint64_t& first, std::uint64_t& last) {
    const std::size_t dash = text.find('-');
    try {
        std::size_t used = 0;
        first = std::stoull(text.substr(0, dash), &used);
        if (used != (dash == std::string::npos ? text.size() : dash) || text[0] == '-')
            return false;
        last = first;
        if (dash == std::string::npos) return true;
        const std::string rest = text.substr(dash + 1);
        last = std::stoull(rest, &used);
        return used == rest.size() && last >= first;
    } catch (const std::exception&) {
        return false;
    }
}

// "90", "60s", "10m", "2h": seconds.
bool parse_duration(const std::string& text, std::uint64_t& seconds) {
    try {
        std::size_t used = 0;
        seconds = std::stoull(text, &used);
        const std::string unit = text.substr(used);
        if (text[0] == '-') return false;
        if (unit == "m") seconds *= 60;
        if (unit == "h") seconds *= 3600;
        return unit.empty() || unit == "s" || unit == "m" || unit == "h";
    } catch (const std::exception&) {
        return false;
    }
}

void add_kernel_option(CLI::App* command, std::string& kernel) {
    command
        ->add_option("--kernel", kernel,
                     "with --on kernel: uml, a user-mode-linux; qemu, the kernel that "
                     "ci/setup-kernel has unpacked")
        ->default_str("uml")
        ->check(CLI::IsMember({"uml", "qemu"}));
}

std::string not_a_world(const std::string& world) {
    return "--on " + world + ": there is sim, device and kernel";
}

}  // namespace

namespace {
int run_command_line(int argc, char** argv);
}

int main(int argc, char** argv) {
    // A file that may not grow is an error of write() like any other.
    std::signal(SIGXFSZ, SIG_IGN);
    // What a run has used the next one uses again: the C library need not ask the kernel each time.
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    mallopt(M_TOP_PAD, 1 << 20);
    mallopt(M_MMAP_THRESHOLD, 8 << 20);
    try {
        return run_command_line(argc, argv);
    } catch (const std::system_error& e) {  // fmt::print, when standard output takes nothing more
        return report({Error::Kind::host, "standard output",
                       std::string("cannot be written to (") + e.what() +
                           "): make room on its disk, or write to another place"});
    }
}

namespace {

int run_command_line(int argc, char** argv) {
    cowlab::set_version_text(cowlab::program_version());
    CLI::App app{
        "cowlab: a copy-on-write snapshot engine with the behaviour of Linux's dm-snapshot, and "
        "the "
        "laboratory that proves it",
        "cowlab"};
    app.require_subcommand(1);
    app.set_version_flag("--version", cowlab::program_version());

    cowlab::ConformOptions conform;
    std::string conform_compat;
    CLI::App* conform_command =
        app.add_subcommand("conform", "every recorded case of a real kernel against our engine");
    conform_command
        ->add_option("DIR", conform.directories,
                     "folders with CASE.trace, CASE.out, images and MANIFEST")
        ->required();
    conform_command->add_option("--compat", conform_compat,
                                "kernel or none; without it each case runs with both");
    conform_command->add_option("--only", conform.only, "only cases whose name matches this glob");
    conform_command->add_flag("--digests", conform.digests, "print a digest of each case");
    conform_command->add_flag("--bytes", conform.byte_cells,
                              "sectors are real bytes instead of content tags");
    std::string conform_world = "sim";
    conform_command->add_option("--on", conform_world,
                                "sim; device: files and loop devices; kernel: Linux itself");
    conform_command->add_option("--device-dir", conform.device_dir,
                                "on device: where the disks' files are made");
    add_kernel_option(conform_command, conform.kernel);
    conform_command->add_flag("-v,--verbose", conform.verbose, "a line for every case");

    cowlab::RunOptions run;
    std::string seeds, seed, duration;
    CLI::App* run_command = app.add_subcommand("run", "a campaign in the simulator");
    add_policy_options(run_command, run.policy);
    CLI::Option* seeds_option =
        run_command->add_option("--seeds", seeds, "A-B, both included (default 1-1000)");
    run_command->add_option("--seed", seed, "one seed")->excludes(seeds_option);
    run_command->add_option("--for", duration,
                            "go on for so long: 60s, 10m, 2h (from the first seed on)");
    run_command->add_option("--profile", run.profile, "quick, nightly or hell")
        ->default_str("quick");
    run_command->add_option("--crash-states", run.crash_states,
                            "beside every run, about so many crash states of moments of it");
    run_command
        ->add_option("--operations", run.operations,
                     "so many operations in every run (default: as the profile draws)")
        ->check(CLI::Range(1, 100000));
    run_command
        ->add_option("--strategy", run.strategy,
                     "when things happen: random (latencies by chance); uniform (who is next, by "
                     "chance); pct (priorities); delays (first in first out, with few "
                     "deviations); portfolio (a mixture, by seed)")
        ->default_str("random");
    run_command->add_option("--depth", run.depth, "of pct: how many orderings a bug may need")
        ->default_str("3")
        ->check(CLI::Range(1, 16));
    run_command->add_option("--delays", run.delays, "of delays: deviations in a run")
        ->default_str("2")
        ->check(CLI::Range(0, 64));
    run_command->add_option("--out", run.out, "where run directories are written")
        ->default_str("out");
    run_command->add_option("--from", run.from,
                            "a folder with origin.img and cow.img to start every run from");
    run_command->add_option("--max-findings", run.max_findings,
                            "stop after so many kinds of finding");
    run_command->add_option("--shrink-for", run.shrink_seconds, "seconds to shrink a finding")
        ->default_str("5");
    run_command->add_flag("--digests", run.digests, "print only a digest of each run");
    run_command->add_flag("--check-determinism", run.check_determinism,
                          "make every run twice here and once in a new process, and compare");
    run_command->add_option("--jobs", run.jobs, "worker processes (default: one a core)")
        ->check(CLI::Range(1, 1024));
    run_command->add_option("--shard", run.shard,
                            "I/N: the I-th of N processes that share the seeds (default: what the "
                            "environment of a scheduler or test runner says)");
    run_command->add_flag("--resume", run.resume, "go on where a stopped campaign ended");
    run_command->add_flag("--stop-on-known", run.stop_on_known,
                          "with --compat kernel: a known defect of Linux is a finding too");
    CLI::Option* json_option =
        run_command->add_flag("--json", run.json, "an event a line on standard output");
    run_command->add_flag("--tap", run.tap, "the Test Anything Protocol on standard output")
        ->excludes(json_option);
    run_command->add_option("--junit", run.junit, "write the results to this file as JUnit XML");

    cowlab::CrashCommand crash;
    CLI::App* crash_command = app.add_subcommand("crash", "every crash state of a scenario");
    crash_command->add_option("FILE", crash.file, "a scenario")->required();
    add_policy_options(crash_command, crash.policy);
    crash_command->add_flag("--exhaustive", crash.exhaustive,
                            "every state, however many there are");
    crash_command
        ->add_option("--budget", crash.budget, "branches at each moment of a crash, at most")
        ->default_str("1024")
        ->check(CLI::Range(std::uint64_t{1}, UINT64_MAX));
    crash_command
        ->add_option("--nested", crash.nested,
                     "crashes in a row: 2 is one more in recovery, 3 in the recovery of that")
        ->default_str("1")
        ->check(CLI::Range(1, 4));
    crash_command->add_flag("--bytes", crash.byte_cells,
                            "sectors are real bytes instead of content tags");
    crash_command
        ->add_option("--without-reduction", crash.without_reductions,
                     "explore without one of the reductions: the verdict is the same, later")
        ->check(CLI::IsMember({"content", "read-set", "protected-store", "identical"}));
    crash_command->add_option("--out", crash.out, "where findings are written")->default_str("out");

    cowlab::ExploreOptions explore;
    CLI::App* explore_command = app.add_subcommand(
        "explore", "every workload of a small world, every crash state, schedules within a bound");
    explore_command->add_option("--ops", explore.operations, "operations of a workload, at most")
        ->default_str("3")
        ->check(CLI::Range(1, 4));
    explore_command
        ->add_option("--nested", explore.nested,
                     "crashes in a row: 2 is one more in recovery, 3 in the recovery of that")
        ->default_str("2")
        ->check(CLI::Range(1, 4));
    add_policy_options(explore_command, explore.policy);
    explore_command
        ->add_option("--delays", explore.delays,
                     "requests that are held back in one run of operations at once, at most")
        ->default_str("1")
        ->check(CLI::Range(0, 2));
    explore_command->add_option("--shard", explore.shard, "I/N: the I-th of N parts");
    explore_command->add_option("--jobs", explore.jobs, "processes; 0: one a processor")
        ->default_str("0");
    explore_command->add_flag("--resume", explore.resume, "goes on where an exploration stopped");
    explore_command->add_option("--out", explore.out, "where its file and findings are written")
        ->default_str("out");
    explore_command->add_option("--merge", explore.merge,
                                "files of shards: put together, nothing is run");
    cowlab::SchedulesOptions schedules;
    std::uint32_t schedules_delays = 0;
    std::uint64_t schedules_runs = 0;
    CLI::App* schedules_command =
        app.add_subcommand("schedules", "every order of events of one scenario, or some");
    add_policy_options(schedules_command, schedules.policy);
    schedules_command->add_option("FILE", schedules.file, "a scenario, usually with lanes")
        ->required();
    schedules_command
        ->add_option("--strategy", schedules.strategy,
                     "exhaustive; or runs until one fails: pct (priorities), uniform (who is next, "
                     "by chance), delays (few deviations), random (latencies by chance)")
        ->default_str("exhaustive")
        ->check(CLI::IsMember({"exhaustive", "pct", "uniform", "delays", "random"}));
    schedules_command->add_option("--depth", schedules.depth, "of pct")
        ->default_str("3")
        ->check(CLI::Range(1, 16));
    CLI::Option* schedules_delays_option =
        schedules_command
            ->add_option("--delays", schedules_delays,
                         "deviations from first in, first out: of delays (default 2); with "
                         "exhaustive at most so many (default: no bound)")
            ->check(CLI::Range(0, 64));
    schedules_command->add_option("--seed", schedules.seed, "of the first run")->default_str("1");
    CLI::Option* schedules_runs_option = schedules_command->add_option(
        "--runs", schedules_runs, "at most so many (default: 10000 a try; exhaustive: 1000000)");
    schedules_command
        ->add_option("--tries", schedules.tries, "how often it is tried until a run fails")
        ->default_str("1");
    schedules_command->add_flag("--full", schedules.full, "exhaustive: without reduction");
    schedules_command
        ->add_flag("--compare", schedules.compare,
                   "exhaustive: with reduction and without, and compare")
        ->excludes("--full");
    schedules_command->add_flag("--everywhere", schedules.everywhere,
                                "exhaustive: choices in all lines, not only while lanes or "
                                "background jobs are under way");
    schedules_command->add_option("-o,--output", schedules.output,
                                  "write the first schedule that fails to this file");

    cowlab::BenchOptions bench;
    CLI::App* bench_command = app.add_subcommand("bench", "the figures of the performance budget");
    bench_command->add_flag("--json", bench.json, "as JSON");
    bench_command->add_option("--figure", bench.figure, "only this one");
    bench_command->add_option("--seconds", bench.seconds, "for each figure")
        ->default_str("2")
        ->check(CLI::Range(1, 3600));

    cowlab::ReplayOptions replay;
    std::string world = "sim";
    CLI::App* replay_command = app.add_subcommand("replay", "runs a scenario");
    add_policy_options(replay_command, replay.policy);
    replay_command->add_option("FILE", replay.file, "a scenario, or a golden case")->required();
    replay_command->add_option("--on", world,
                               "sim; device: files and block devices; kernel: Linux itself");
    replay_command->add_option("--bind", replay.device.bindings,
                               "on device: NAME=PATH, the file or device that is the disk NAME");
    replay_command->add_flag("--create", replay.device.create,
                             "on device: make bound files that do not exist");
    replay_command->add_flag("--overwrite", replay.device.overwrite,
                             "on device: bound disks get the content their lines say");
    replay_command->add_option("--device-dir", replay.device.directory,
                               "on device: where the files of other disks are made");
    replay_command->add_flag("--lockstep", replay.device.lockstep,
                             "on device: in the simulator first, then in the same order for real");
    add_kernel_option(replay_command, replay.kernel);
    replay_command->add_flag("--trace", replay.trace, "every request and event, in columns");
    replay_command->add_flag("--answers", replay.answers,
                             "the lines with their answers, as golden's .out files");
    replay_command->add_option("--until", replay.until, "stop after this many steps");
    replay_command->add_option("--images", replay.images,
                               "write what is on the disks at the end to this folder");
    replay_command->add_flag("--bytes", replay.byte_cells,
                             "sectors are real bytes instead of content tags");

    bool script = false;
    replay_command->add_flag("--script", script,
                             "run nothing: write the steps as a shell script with dmsetup");

    cowlab::ShrinkOptions shrink;
    CLI::App* shrink_command =
        app.add_subcommand("shrink", "the smallest scenario with the same verdict");
    add_policy_options(shrink_command, shrink.policy);
    shrink_command->add_option("FILE", shrink.file, "a scenario that fails")->required();
    shrink_command->add_option("-o,--output", shrink.output,
                               "write it here instead of standard output");
    shrink_command->add_option("--for", shrink.seconds, "seconds")->default_str("30");

    cowlab::FaultsOptions faults;
    CLI::App* faults_command = app.add_subcommand(
        "faults", "scenarios again and again, each time with the N-th request failing");
    add_policy_options(faults_command, faults.policy);
    faults_command->add_option("PATH", faults.paths, "scenarios, golden cases, folders of them")
        ->required();
    faults_command->add_option("--out", faults.out, "where findings are written")
        ->default_str("out/faults");
    faults_command->add_option("--runs-max", faults.runs_max,
                               "at most so many runs a file, evenly spread (default: all)");
    faults_command->add_option("--shard", faults.shard, "I/N: the I-th of N that share the files");
    faults_command->add_flag("-v,--verbose", faults.verbose, "a line for every file");
    faults_command->add_flag("--lies", faults.lies,
                             "the disks lie instead, about one request a run; counts what breaks");

    CLI::App* store =
        app.add_subcommand("store", "offline work on a COW device (persistent store)");
    store->require_subcommand(1);
    cowlab::store::DumpOptions dump;
    CLI::App* dump_command = store->add_subcommand("dump", "header, areas and exceptions");
    dump_command->add_option("IMAGE", dump.image, "PATH[@SECTOR+COUNT]")->required();
    dump_command->add_flag("--json", dump.json, "as JSON");
    cowlab::store::CheckOptions check;
    CLI::App* check_command = store->add_subcommand("check", "check the structure");
    check_command->add_option("IMAGE", check.image, "PATH[@SECTOR+COUNT]")->required();
    check_command->add_option("--origin", check.origin,
                              "the origin; its size bounds the old chunks");
    check_command->add_flag("--json", check.json, "as JSON");
    cowlab::store::ReadOptions read;
    std::uint64_t read_size = 0, read_chunk = 0;
    CLI::App* read_command = store->add_subcommand("read", "the snapshot's content, byte for byte");
    read_command->add_option("COW", read.cow, "PATH[@SECTOR+COUNT]")->required();
    read_command->add_option("--origin", read.origin, "PATH[@SECTOR+COUNT]")->required();
    read_command->add_option("-o,--output", read.output, "to this file instead of standard output");
    CLI::Option* size_option = read_command->add_option(
        "--size", read_size, "sectors of the snapshot (default: the origin's)");
    read_command->add_flag("--salvage", read.salvage,
                           "serve what an invalid or damaged store still holds");
    CLI::Option* chunk_option = read_command->add_option(
        "--chunk-size", read_chunk,
        "with --salvage: the chunk size in sectors, if the header is lost");

    for (const PlannedCommand& p : planned) {
        if (argc > 1 && std::string(argv[1]) == p.name) {
            return usage(std::string(p.name) + " (" + p.what + "): not in this version");
        }
    }
    if (argc > 1 && argv[1][0] != '-') {
        std::string known;
        bool exists = false;
        for (const CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
            exists = exists || command->get_name() == argv[1];
            known += (known.empty() ? "" : ", ") + command->get_name();
        }
        if (!exists) return usage(std::string(argv[1]) + ": no such command: there is " + known);
    }
    for (int i = 1; i < argc; ++i) {
        std::string word = argv[i];
        word = word.substr(0, word.find('='));
        for (const char* option : planned_options) {
            if (word == option) return usage(word + ": not in this version");
        }
        const bool planned_store = i == 2 && std::string(argv[1]) == "store" &&
                                   (word == "ranges" || word == "merge" || word == "repair");
        if (planned_store) return usage("store " + word + ": not in this version");
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& e) {
        return app.exit(e);
    } catch (const CLI::ParseError& e) {
        std::string text = e.what();
        while (!text.empty() && (text.back() == '\n' || text.back() == '.')) text.pop_back();
        return usage(text);
    }

    if (conform_command->parsed()) {
        if (conform_compat == "kernel") {
            conform.policy = cowlab::ConformPolicy::kernel;
        } else if (conform_compat == "none") {
            conform.policy = cowlab::ConformPolicy::correct;
        } else if (!conform_compat.empty()) {
            return usage("--compat " + conform_compat + ": conform knows kernel and none");
        }
        if (conform_world == "kernel") return finish(cowlab::conform_on_kernel(conform));
        conform.on_device = conform_world == "device";
        if (!conform.on_device && conform_world != "sim") return usage(not_a_world(conform_world));
        if (!conform.on_device && !conform.device_dir.empty())
            return usage("--device-dir: add --on device");
        if (conform.on_device && conform.digests)
            return usage("--digests: of the simulator only: real completions come in any order");
        if (conform.device_dir.empty()) conform.device_dir = cowlab::default_device_dir();
        return finish(cowlab::conform(conform));
    }
    if (run_command->parsed()) {
        if (!seeds.empty() && !parse_range(seeds, run.seed_first, run.seed_last)) {
            return usage("--seeds " + seeds +
                         ": write A-B with A <= B, for example --seeds 1-1000");
        }
        if (!seed.empty()) {
            if (!parse_range(seed, run.seed_first, run.seed_last) ||
                run.seed_first != run.seed_last) {
                return usage("--seed " + seed + ": write one number");
            }
        }
        if (run.strategy == "exhaustive")
            return usage("--strategy exhaustive: for one scenario: use `cowlab schedules FILE`");
        const std::string strategies[] = {"random", "uniform", "pct", "delays", "portfolio"};
        if (std::find(std::begin(strategies), std::end(strategies), run.strategy) ==
            std::end(strategies))
            return usage("--strategy " + run.strategy +
                         ": there is random, uniform, pct, delays and portfolio");
        if (!duration.empty()) {
            std::uint64_t seconds = 0;
            if (!parse_duration(duration, seconds)) {
                return usage("--for " + duration +
                             ": write seconds, or a number with s, m or h, for example 60s");
            }
            run.seconds = seconds;
        }
        return finish(cowlab::run_campaign(run));
    }
    if (replay_command->parsed()) {
        const cowlab::DeviceChoice& d = replay.device;
        const char* of_devices = !d.bindings.empty()    ? "--bind"
                                 : d.create             ? "--create"
                                 : d.overwrite          ? "--overwrite"
                                 : d.lockstep           ? "--lockstep"
                                 : !d.directory.empty() ? "--device-dir"
                                                        : nullptr;
        if (of_devices != nullptr && (world != "device" || script))
            return usage(std::string(of_devices) + ": add --on device");
        if (world == "device" && replay.trace)
            return usage("--trace: on sim only: leave one of --trace and --on device out");
        if (d.lockstep && (!replay.images.empty() || replay.until != UINT64_MAX))
            return usage(
                "--lockstep: runs whole and compares the images itself: leave --images and "
                "--until out");
        if (script) return finish(cowlab::write_script(replay));
        if (world == "kernel") return finish(cowlab::replay_on_kernel(replay));
        if (world == "device") return finish(cowlab::replay_on_device(replay));
        if (world != "sim") return usage(not_a_world(world));
        return finish(cowlab::replay(replay));
    }
    if (crash_command->parsed()) return finish(cowlab::crash(crash));
    if (explore_command->parsed()) return finish(cowlab::explore(explore));
    if (schedules_command->parsed()) {
        if (schedules_delays_option->count() > 0) schedules.delays = schedules_delays;
        if (schedules_runs_option->count() > 0) schedules.runs = schedules_runs;
        return finish(cowlab::schedules(schedules));
    }
    if (bench_command->parsed()) return finish(cowlab::bench(bench));
    if (shrink_command->parsed()) return finish(cowlab::shrink_file(shrink));
    if (faults_command->parsed()) return finish(cowlab::faults(faults));
    if (dump_command->parsed()) return finish(cowlab::store::dump(dump, stdout));
    if (check_command->parsed()) return finish(cowlab::store::check(check, stdout));
    if (read_command->parsed()) {
        if (size_option->count() > 0) read.size = cowlab::Sectors{read_size};
        if (chunk_option->count() > 0) read.chunk_size = read_chunk;
        return finish(cowlab::store::read(read, stdout, stderr));
    }
    return usage("nothing to do");
}

}  // namespace
