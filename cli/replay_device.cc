#include <fmt/format.h>

#include <filesystem>

#include "cli/device.h"
#include "cli/directory_images.h"
#include "cli/files.h"
#include "cli/lockstep.h"
#include "cli/policy_options.h"
#include "scenarios/parse.h"
#include "scenarios/print.h"

namespace cowlab {
namespace {

std::string directory_of(const std::string& file) {
    const std::string d = std::filesystem::path(file).parent_path().string();
    return d.empty() ? "." : d;
}

void print_exchange(const Step& step, const Answer& answer) {
    for (const std::string& c : step.comments) fmt::print("{}\n", c);
    fmt::print("> {}\n", print_line(step));
    for (const std::string& line : answer) fmt::print("{}\n", line);
}

Result<bool> write_images(HostedWorld& hosted, const std::string& directory) {
    std::error_code ec;
    std::filesystem::create_directories(directory, ec);
    if (ec) return failure(errno_error(directory, "cannot make the directory", ec.value()));
    for (const BaseDisk& d : hosted.world().disks()) {
        std::string bytes(d.spec.size.bytes(), '\0');
        for (std::uint64_t s = 0; s < d.spec.size.value; ++s) {
            hosted.cells().bytes_of(
                d.medium->raw_read({s}),
                reinterpret_cast<std::uint8_t*>(bytes.data()) + s * sector_bytes);
        }
        const std::string path = fmt::format("{}/{}.img", directory, d.name_view());
        if (auto r = write_file(path, bytes); !r) return r;
    }
    return true;
}

Result<int> replay_in_lockstep(const ReplayOptions& options, const Scenario& scenario,
                               ImageSource& images, const MediaOptions& disks) {
    WorldHost host;
    RunSetup setup;
    setup.images = &images;
    auto result = run_in_lockstep(host, scenario, setup, options.file, disks);
    if (!result) return failure(std::move(result).error());
    if (options.answers) {
        for (std::size_t i = 0; i < result->answers.size(); ++i)
            print_exchange(scenario.steps[i], result->answers[i]);
    }
    const Verdict& v = result->simulated;
    if (v.failed) {
        fmt::print(
            "FAIL {}   {}: in the simulator, so nothing was tried on the device: see `cowlab "
            "replay {}`\n",
            v.word, v.text, options.file);
        return 1;
    }
    fmt::print(
        "lockstep   {} steps, {} device I/Os ({} contended), {} completions of io_uring, {} "
        "sectors compared\n",
        result->answers.size(), result->requests, result->contended, result->completions,
        result->sectors);
    fmt::print("{}{}\n",
               result->difference.empty() ? "passes: same answers, same digest, same disks"
                                          : "FAIL lockstep   ",
               result->difference);
    return result->difference.empty() ? 0 : 1;
}

}  // namespace

std::string default_device_dir() {
    std::error_code ec;
    const auto path = std::filesystem::temp_directory_path(ec);
    return ec ? "." : path.string();
}

Result<bool> device_world_is_there(const std::string& directory) {
    if (const auto reason = Uring::why_not()) return refuse("device", *reason);
    auto probe = DirectFile::create_nameless(directory, {8});
    if (!probe) return failure(std::move(probe).error());
    return true;
}

Result<int> replay_on_device(const ReplayOptions& options) {
    auto text = read_text_file(options.file);
    if (!text) return failure(std::move(text).error());
    auto scenario = parse(*text, options.file);
    if (!scenario) return failure(std::move(scenario).error());
    std::string note;
    if (auto r = policy_of(scenario->header, options.file); !r) return failure(r.error());
    if (auto r = apply_policy_options(options.policy, scenario->header, note); !r)
        return failure(std::move(r).error());
    if (!note.empty()) fmt::print("overridden by the command line:{}\n", note);
    if (const auto line = first_line_for_the_simulator(*scenario, options.device.lockstep)) {
        return refuse(options.file,
                      fmt::format("{}: faults, power losses and pins are the simulator's: take the "
                                  "line out, or replay it on sim",
                                  *line));
    }
    if (scenario->steps.size() > options.until) scenario->steps.resize(options.until);

    MediaOptions disks;
    disks.create = options.device.create;
    disks.overwrite = options.device.overwrite;
    disks.directory =
        options.device.directory.empty() ? default_device_dir() : options.device.directory;
    for (const std::string& b : options.device.bindings) {
        if (auto r = add_binding(b, disks); !r) return failure(std::move(r).error());
    }
    if (const auto reason = Uring::why_not()) return refuse("device", *reason);
    DirectoryImages images(directory_of(options.file));
    if (options.device.lockstep) {
        if (!disks.bound.empty() && !disks.create && !disks.overwrite)
            return failure({Error::Kind::usage, "--lockstep",
                            "both worlds must begin with the same disks: add --create or "
                            "--overwrite, or leave --bind out"});
        return replay_in_lockstep(options, *scenario, images, disks);
    }
    auto media = DeviceMedia::prepare(*scenario, options.file, disks);
    if (!media) return failure(std::move(media).error());
    DeviceSetup setup;
    setup.world.world.policy = *policy_of(scenario->header, options.file);
    setup.world.world.limits = limits_of(scenario->header);
    setup.world.world.images = &images;
    setup.world.memory_limit = memory_of(scenario->header);
    setup.after_step = [&](std::size_t step, const Answer& answer) {
        if (options.answers) print_exchange(scenario->steps[step], answer);
        return true;
    };
    std::optional<Error> error;
    setup.at_end = [&](DeviceWorld& world) {
        if (options.images.empty()) return;
        if (auto r = write_images(world, options.images); !r) error = r.error();
    };
    WorldHost host;
    const DeviceResult result = run_on_device(host, *scenario, media->files(), setup);
    if (error) return failure(*error);
    if (result.trouble.error != 0) return failure(error_of(result.trouble));
    if (options.answers && result.failure.empty()) return 0;
    fmt::print("device   {} steps, {} device I/Os, {} completions of io_uring\n",
               result.answers.size(), result.requests, result.completions);
    if (result.failure.empty()) {
        fmt::print("passes\n");
        return 0;
    }
    fmt::print("FAIL   {}\n     at step {} of {}: {}\n", result.failure, result.failed_step + 1,
               scenario->steps.size(),
               result.failed_step < scenario->steps.size()
                   ? print_line(scenario->steps[result.failed_step])
                   : "the end");
    return 1;
}

}  // namespace cowlab
