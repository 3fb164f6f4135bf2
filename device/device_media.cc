#include "device/device_media.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "device/loop_device.h"
#include "scenarios/pattern.h"

namespace cowlab {
namespace {

constexpr Sectors piece{2048};
// A pattern over all of a disk is written out; nobody means to do that by the terabyte.
constexpr Sectors fill_max{std::uint64_t{1} << 26};

std::string names_of(const Scenario& scenario) {
    std::string names;
    for (const Step& s : scenario.steps) {
        if (s.verb == Verb::disk) names += (names.empty() ? "" : ", ") + s.name;
    }
    return names.empty() ? "none" : names;
}

// A block of memory that every device likes.
class PageAligned {
  public:
    explicit PageAligned(std::size_t bytes) : memory_(std::aligned_alloc(4096, bytes)) {
        CHECK(memory_ != nullptr, "a process has memory for one piece of a disk");
        std::memset(memory_, 0, bytes);
    }
    ~PageAligned() { std::free(memory_); }
    PageAligned(const PageAligned&) = delete;
    std::uint8_t* get() const { return static_cast<std::uint8_t*>(memory_); }

  private:
    void* memory_;
};

}  // namespace

Sectors logical_block_of(const Step& disk_line) {
    return disk_line.disk.lbs == 0 ? Sectors{1} : exact_sectors(disk_line.disk.lbs);
}

Result<bool> add_binding(const std::string& text, MediaOptions& options) {
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == text.size())
        return failure({Error::Kind::usage, "--bind " + text,
                        "write NAME=PATH, for example --bind base=/dev/loop0"});
    const std::string name = text.substr(0, equals);
    if (!options.bound.emplace(name, text.substr(equals + 1)).second)
        return failure({Error::Kind::usage, "--bind " + text,
                        fmt::format("`{}` is bound already: bind each disk once", name)});
    return true;
}

Result<DeviceMedia> DeviceMedia::prepare(const Scenario& scenario, const std::string& file,
                                         const MediaOptions& options) {
    DeviceMedia media;
    if (auto r = media.prepare_all(scenario, file, options); !r) {
        for (const Disk& d : media.disks_) {
            if (!d.created_path.empty()) ::unlink(d.created_path.c_str());
        }
        return failure(std::move(r).error());
    }
    return media;
}

Result<bool> DeviceMedia::prepare_all(const Scenario& scenario, const std::string& file,
                                      const MediaOptions& options) {
    for (const auto& [name, path] : options.bound) {
        bool known = false;
        for (const Step& s : scenario.steps)
            known = known || (s.verb == Verb::disk && s.name == name);
        if (!known)
            return failure(
                {Error::Kind::usage, fmt::format("--bind {}={}", name, path),
                 fmt::format("{} has no disk `{}`: there is {}", file, name, names_of(scenario))});
    }
    for (const Step& s : scenario.steps) {
        if (s.verb != Verb::disk || s.malformed || files_.count(actor_id_of(s.name)) != 0) continue;
        if (auto r = add(s, file, options); !r) return r;
    }
    for (const Disk& d : disks_) {
        if (auto r = check(d); !r) return r;
    }
    for (const Disk& d : disks_) {
        if (d.keeps_content) continue;
        if (auto r = write_content(d); !r) return r;
    }
    return true;
}

Result<bool> DeviceMedia::add(const Step& line, const std::string& file,
                              const MediaOptions& options) {
    disks_.emplace_back();
    Disk& disk = disks_.back();
    disk.name = line.name;
    disk.where = line.source.line == 0 ? file : fmt::format("{}:{}", file, line.source.line);
    disk.line = &line;
    const auto bound = options.bound.find(line.name);
    const std::string path = bound != options.bound.end() ? bound->second : line.disk.path;
    auto r = path.empty() ? make_own(disk, options) : open_bound(disk, path, options);
    if (!r) return r;
    files_[actor_id_of(line.name)] = disk.file.get();
    return true;
}

Result<bool> DeviceMedia::same_place(const Disk& disk, const Disk& other, const std::string& path) {
    return refuse(disk.where,
                  fmt::format("`{}` and `{}` are the same sectors ({} and {}): bind each "
                              "disk to a place of its own",
                              other.name, disk.name, other.file->path(), path));
}

Result<bool> DeviceMedia::open_bound(Disk& disk, const std::string& path,
                                     const MediaOptions& options) {
    for (const Disk& other : disks_) {
        if (&other != &disk && other.file->is_at(path)) return same_place(disk, other, path);
    }
    const bool exists = ::access(path.c_str(), F_OK) == 0;
    if (options.create && (!exists || !options.overwrite)) {
        auto made = DirectFile::create(path, disk.line->count);
        if (!made) return failure(std::move(made).error());
        disk.file = std::make_unique<DirectFile>(std::move(*made));
        disk.is_new = true;
        disk.created_path = path;
        return true;
    }
    auto opened = DirectFile::open(path);
    if (!opened) return failure(std::move(opened).error());
    disk.file = std::make_unique<DirectFile>(std::move(*opened));
    disk.keeps_content = !options.overwrite || disk.line->disk.keep;
    if (disk.keeps_content && disk.line->disk.content == DiskContent::image)
        return refuse(disk.where, fmt::format("the image of `{}` would go over what is on {}: say "
                                              "--overwrite if that may be lost",
                                              disk.name, path));
    return true;
}

Result<bool> DeviceMedia::make_own(Disk& disk, const MediaOptions& options) {
    const Sectors block = max(logical_block_of(*disk.line), Sectors{1});
    const Sectors size{(disk.line->count.value + block.value - 1) / block.value * block.value};
    auto made = DirectFile::create_nameless(options.directory, size);
    if (!made) return failure(std::move(made).error());
    disk.is_new = true;
    if (options.loop_devices && block > Sectors{1} && size.value > 0) {
        if (auto loop = attach_loop_device(*made, block)) {
            ++loop_devices_;
            disk.file = std::make_unique<DirectFile>(std::move(*loop));
            return true;
        }
    }
    disk.file = std::make_unique<DirectFile>(std::move(*made));
    return true;
}

Result<bool> DeviceMedia::check(const Disk& disk) const {
    const DirectFile& f = *disk.file;
    const Sectors size = disk.line->count;
    const Sectors block = logical_block_of(*disk.line);
    if (f.size() < size)
        return refuse(disk.where, fmt::format("`{}` has {} sectors, {} has only {}: bind a larger "
                                              "one, or make the disk smaller",
                                              disk.name, size.value, f.path(), f.size().value));
    if (!is_multiple_of(block, f.logical_block()))
        return refuse(
            disk.where,
            fmt::format("`{}` has logical blocks of {} bytes, {} only takes whole blocks of "
                        "{}: write `lbs {}` on this line",
                        disk.name, block.bytes(), f.path(), f.logical_block().bytes(),
                        f.logical_block().bytes()));
    if (!is_multiple_of(size, f.logical_block()))
        return refuse(disk.where,
                      fmt::format("`{}` has {} sectors, which is no whole number of the "
                                  "blocks of {} bytes of {}: write a multiple of {}",
                                  disk.name, size.value, f.logical_block().bytes(), f.path(),
                                  f.logical_block().value));
    for (const Disk& other : disks_) {
        if (&other == &disk) break;
        if (!f.overlaps(*other.file)) continue;
        return same_place(disk, other, f.path());
    }
    if (!disk.keeps_content && disk.line->disk.content == DiskContent::fill && size > fill_max)
        return refuse(disk.where,
                      fmt::format("a pattern over {} GiB would be written: use `zero`, or "
                                  "replay on sim",
                                  size.bytes() >> 30));
    return true;
}

// What the line says, as it would be on a disk of the simulator. An image is written by the world.
Result<bool> DeviceMedia::write_content(const Disk& disk) {
    const bool fills = disk.line->disk.content == DiskContent::fill;
    if (disk.is_new && !fills) return true;
    const PageAligned memory(piece.bytes());
    const Sectors block = disk.file->logical_block();
    for (Sectors at; at < disk.line->count; at += piece) {
        const Sectors count = min(piece, disk.line->count - at);
        for (std::uint64_t i = 0; fills && i < count.value; ++i)
            materialise(pattern_word(disk.line->seed, at.value + i),
                        memory.get() + i * sector_bytes);
        const Sectors whole{(count.value + block.value - 1) / block.value * block.value};
        if (const int error = disk.file->write_now(at, whole, memory.get()); error != 0) {
            return failure(
                {error == ENOSPC ? Error::Kind::host : Error::Kind::refused, disk.file->path(),
                 fmt::format("the content of `{}` cannot be written: {}{}", disk.name,
                             std::strerror(error),
                             error == ENOSPC ? ": make room" : ": bind another device")});
        }
    }
    return true;
}

}  // namespace cowlab
