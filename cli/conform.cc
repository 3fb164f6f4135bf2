#include "cli/conform.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "cli/device.h"
#include "cli/directory_images.h"
#include "cli/golden_cases.h"
#include "scenarios/parse.h"
#include "sim/scenario_run.h"

namespace cowlab {
namespace {

// The recording machine had 256 MiB: one answer follows from it (golden/README.md).
constexpr std::uint64_t golden_memory = std::uint64_t{256} << 20;

struct Difference {
    std::size_t step = 0;  // 1 is the first
    std::string what;
    std::uint32_t deviations = 0;  // bit n: Dn was emitted by then
};

struct CaseRun {
    std::optional<Difference> difference;
    std::optional<std::size_t> first_deviation_step;
    std::uint64_t digest = 0;
    std::size_t steps = 0;
    std::uint64_t sectors = 0;
    std::string not_expressible;  // why this world has no such disks
};

class CaseRunner {
  public:
    CaseRunner(SimHost& host, const ConformOptions& options) : host_(host), options_(options) {}

    Result<CaseRun> run(const std::string& directory, const std::string& name,
                        const std::vector<ExpectedImage>& images, const EnginePolicy& policy);

    std::string objection(const std::string& directory, const std::string& name);

    // On a device.
    std::uint64_t completions() const { return completions_; }
    std::uint64_t loop_devices() const { return loop_devices_; }

  private:
    // The world the case runs in, and what it stands on.
    struct Stage {
        std::unique_ptr<DeviceMedia> media;
        std::unique_ptr<DeviceWorld> device;
        HostedWorld* world = nullptr;
    };
    Result<Stage> set_up(const Scenario& scenario, const std::string& path,
                         const EnginePolicy& policy, ImageSource& images);
    std::optional<std::string> compare_images(const std::string& directory, const std::string& name,
                                              const std::vector<ExpectedImage>& images,
                                              World& world, CaseRun& out);
    SimHost& host_;
    const ConformOptions& options_;
    std::uint64_t completions_ = 0;
    std::uint64_t loop_devices_ = 0;
};

Result<CaseRunner::Stage> CaseRunner::set_up(const Scenario& scenario, const std::string& path,
                                             const EnginePolicy& policy, ImageSource& images) {
    Stage stage;
    WorldOptions world;
    world.policy = policy;
    world.images = &images;
    if (options_.on_device) {
        MediaOptions disks;
        disks.directory = options_.device_dir;
        disks.loop_devices = true;
        auto media = DeviceMedia::prepare(scenario, path, disks);
        if (!media) return failure(std::move(media).error());
        stage.media = std::make_unique<DeviceMedia>(std::move(*media));
        loop_devices_ += stage.media->loop_devices();
        DeviceOptions device;
        device.world = world;
        device.memory_limit = golden_memory;
        stage.device = std::make_unique<DeviceWorld>(host_, stage.media->files(), device);
        stage.world = stage.device.get();
    } else {
        SimOptions sim;
        sim.world = world;
        sim.cells = options_.byte_cells ? CellMode::bytes : CellMode::tags;
        sim.memory_limit = golden_memory;
        stage.world = &SimWorld::create(host_, sim);
    }
    return stage;
}

Result<CaseRun> CaseRunner::run(const std::string& directory, const std::string& name,
                                const std::vector<ExpectedImage>& images,
                                const EnginePolicy& policy) {
    const std::string path = directory + "/" + name;
    auto trace = read_text_file(path + ".trace");
    if (!trace) return failure(std::move(trace).error());
    auto out_text = read_text_file(path + ".out");
    if (!out_text) return failure(std::move(out_text).error());
    auto scenario = parse(*trace, path + ".trace");
    if (!scenario) return failure(std::move(scenario).error());
    auto exchanges = parse_out(*out_text, path + ".out");
    if (!exchanges) return failure(std::move(exchanges).error());

    DirectoryImages image_source(directory);
    CaseRun result;
    auto stage = set_up(*scenario, path + ".trace", policy, image_source);
    if (!stage) {
        // The environment has been looked at before: what is refused now is this case.
        if (!options_.on_device || stage.error().kind != Error::Kind::refused)
            return failure(std::move(stage).error());
        result.not_expressible = stage.error().where + ": " + stage.error().text;
        return result;
    }
    HostedWorld& world = *stage->world;
    const auto differ = [&](std::size_t step, std::string what) {
        const std::uint32_t so_far = world.world().events().deviations();
        if (!result.difference) result.difference = Difference{step, std::move(what), so_far};
    };
    if (scenario->steps.size() != exchanges->size()) {
        differ(std::min(scenario->steps.size(), exchanges->size()) + 1,
               fmt::format("the .trace has {} lines, the .out {}", scenario->steps.size(),
                           exchanges->size()));
    }
    const bool alive = world.guarded([&] {
        const std::size_t count = std::min(scenario->steps.size(), exchanges->size());
        for (std::size_t i = 0; i < count; ++i) {
            const Step& step = scenario->steps[i];
            const Exchange& exchange = (*exchanges)[i];
            if (step.source.text != exchange.input) {
                differ(i + 1, fmt::format("the .trace says `{}`, the .out `{}`", step.source.text,
                                          exchange.input));
            }
            if (step.verb == Verb::unknown) differ(i + 1, "unknown verb: " + step.source.text);
            const Answer answer = world.world().run(step);
            ++result.steps;
            if (!result.first_deviation_step && world.world().events().deviations() != 0) {
                result.first_deviation_step = i + 1;
            }
            if (const auto d = compare(exchange.answer, answer)) {
                differ(i + 1, fmt::format("{}: expected `{}`, got `{}`", step.source.text,
                                          d->expected, d->actual));
            }
            std::vector<std::string> log;
            for (const auto& line : world.world().events().log_lines()) log.emplace_back(line.text);
            if (constructor_messages(exchange.log) != constructor_messages(log)) {
                std::string got = log.empty() ? "" : log.front();
                differ(i + 1, fmt::format("message: {}: expected `{}`, got `{}`", step.source.text,
                                          exchange.log.empty() ? "" : exchange.log.front(), got));
            }
            if (world.has_failed_check() || world.world().is_stuck()) break;
        }
        if (!world.has_failed_check() && !world.world().finish()) {
            differ(result.steps, "something hangs at the end of the case");
        }
        if (auto image_difference =
                compare_images(directory, name, images, world.world(), result)) {
            differ(result.steps + 1, *image_difference);
        }
        if (!options_.on_device) result.digest = world.world().digest();
    });
    if (stage->device != nullptr) {
        completions_ += stage->device->ring().completions();
        const HostTrouble& trouble = stage->device->host_trouble();
        if (trouble.error != 0) return failure(error_of(trouble));
    }
    if (!alive) {
        differ(result.steps, fmt::format("CHECK failed at {}:{}: {}", world.failed_check().file,
                                         world.failed_check().line, world.failed_check().rule));
    }
    return result;
}

// The case once more with the default policy, under the eyes of model and checkers.
std::string CaseRunner::objection(const std::string& directory, const std::string& name) {
    const std::string path = directory + "/" + name + ".trace";
    auto text = read_text_file(path);
    if (!text) return text.error().text;
    auto scenario = parse(*text, path);
    if (!scenario) return scenario.error().text;
    DirectoryImages images(directory);
    RunSetup setup;
    setup.images = &images;
    setup.terse_answers = true;
    const RunResult run = run_scenario(host_, *scenario, setup);
    return run.verdict.failed ? std::string(run.verdict.word) + ": " + run.verdict.text
                              : std::string{};
}

std::optional<std::string> CaseRunner::compare_images(const std::string& directory,
                                                      const std::string& name,
                                                      const std::vector<ExpectedImage>& images,
                                                      World& world, CaseRun& out) {
    std::optional<std::string> first;
    for (const ExpectedImage& image : images) {
        const BaseDisk* disk = world.find_disk(image.disk);
        if (disk == nullptr) return fmt::format("image {}: no such disk", image.disk);
        auto bytes = read_image_file(fmt::format("{}/{}/{}.img.zst", directory, name, image.disk));
        if (!bytes && disk->spec.size.value == 0) continue;  // an empty image has no file
        if (!bytes) return fmt::format("image {}: {}", image.disk, bytes.error().text);
        if (bytes->size() != disk->spec.size.bytes()) {
            return fmt::format("image {}: {} bytes expected, {} there", image.disk, bytes->size(),
                               disk->spec.size.bytes());
        }
        if (image.is_volatile && !image.invalid) continue;
        std::uint8_t sector[sector_bytes];
        for (std::uint64_t s = 0; s < disk->spec.size.value; ++s) {
            world.platform().cells().bytes_of(disk->medium->raw_read({s}), sector);
            const std::size_t size = image.invalid ? 16 : sector_bytes;
            ++out.sectors;
            if (std::memcmp(sector, bytes->data() + s * sector_bytes, size) != 0 && !first) {
                first = fmt::format("image {} differs at sector {}", image.disk, s);
            }
            if (image.invalid) break;  // only the header's 16 bytes are certain
        }
    }
    return first;
}

std::string deviation_names(std::uint32_t bits) {
    std::string out;
    for (int n = 1; n < 32; ++n) {
        if ((bits >> n & 1) != 0) out += fmt::format("{}D{}", out.empty() ? "" : " ", n);
    }
    return out;
}

}  // namespace

Result<int> conform(const ConformOptions& options) {
    if (options.on_device) {
        if (auto there = device_world_is_there(options.device_dir); !there)
            return failure(std::move(there).error());
    }
    std::size_t agree = 0, deliberate = 0, differ = 0, steps = 0, not_expressible = 0;
    std::uint64_t sectors = 0;
    SimHost host;
    CaseRunner runner(host, options);
    for (const std::string& directory : options.directories) {
        auto names = list_files(directory, ".trace");
        if (!names) return failure(std::move(names).error());
        if (names->empty()) {
            return refuse(directory,
                          "no *.trace in this directory: name the folder that holds the cases");
        }
        auto manifest = read_manifest(directory);
        if (!manifest) return failure(std::move(manifest).error());
        for (const std::string& file : *names) {
            const std::string name = file.substr(0, file.size() - 6);
            if (!options.only.empty() && fnmatch(options.only.c_str(), name.c_str(), 0) != 0)
                continue;
            const std::vector<ExpectedImage>& images = (*manifest)[name];
            const EnginePolicy first_policy =
                options.policy == ConformPolicy::correct ? policy_default : policy_kernel;
            // What model and checkers have against the default engine's answers; empty: nothing.
            const auto objection_to = [&](const std::string& in,
                                          const std::string& of) -> std::string {
                return runner.objection(in, of);
            };
            auto kernel = runner.run(directory, name, images, first_policy);
            if (!kernel) return failure(std::move(kernel).error());
            if (!kernel->not_expressible.empty()) {
                ++not_expressible;
                fmt::print("{}: not expressible: {}\n", name, kernel->not_expressible);
                continue;
            }
            steps += kernel->steps;
            sectors += kernel->sectors;
            if (options.digests) fmt::print("{} {:016x}\n", name, kernel->digest);
            if (kernel->difference && options.policy != ConformPolicy::correct) {
                ++differ;
                fmt::print("{}: differ at step {}: {}\n", name, kernel->difference->step,
                           kernel->difference->what);
                continue;
            }
            std::optional<CaseRun> correct;
            if (options.policy == ConformPolicy::correct) correct = *kernel;
            if (options.policy == ConformPolicy::both) {
                auto run = runner.run(directory, name, images, policy_default);
                if (!run) return failure(std::move(run).error());
                correct = *run;
                steps += correct->steps;
                sectors += correct->sectors;
            }
            if (correct && correct->difference) {
                const Difference& d = *correct->difference;
                const std::string objection = objection_to(directory, name);
                if (!objection.empty()) {
                    ++differ;
                    fmt::print("{}: differ at step {}: the judge objects: {}\n", name, d.step,
                               objection);
                } else if (correct->first_deviation_step &&
                           *correct->first_deviation_step <= d.step) {
                    ++deliberate;
                    fmt::print("{}: deliberate {} at step {}: {}\n", name,
                               deviation_names(d.deviations), d.step, d.what);
                } else {
                    ++differ;
                    fmt::print("{}: differ at step {}: {}\n", name, d.step, d.what);
                }
                continue;
            }
            ++agree;
            if (options.verbose) fmt::print("{}: agree\n", name);
        }
    }
    if (not_expressible > 0 && agree + deliberate + differ == 0)
        return refuse(options.device_dir,
                      "none of the cases can be expressed here: name a folder with --device-dir "
                      "whose file system takes direct I/O in blocks of 512 bytes");
    fmt::print("{} steps compared, {} sectors of images compared\n", steps, sectors);
    if (options.on_device) {
        fmt::print("device world in {}: {} completions of io_uring, {} disks on loop devices\n",
                   options.device_dir, runner.completions(), runner.loop_devices());
    }
    fmt::print("{} agree, {} deliberate, {} differ", agree, deliberate, differ);
    fmt::print("{}\n",
               options.on_device ? fmt::format(", {} not expressible", not_expressible) : "");
    return differ == 0 ? 0 : 1;
}

}  // namespace cowlab
