// What the disks of a scenario lie on: files and block devices that the user bound to their names,
// and files of our own for the rest.
//
// Everything is opened and checked before anything is written: a binding that cannot be refuses the
// whole with a sentence. Content is written to a bound disk only if the user said so (`create`,
// `overwrite`); a file of our own begins as the scenario says.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "device/device_world.h"
#include "scenarios/scenario.h"

namespace cowlab {

struct MediaOptions {
    std::map<std::string, std::string> bound;  // a disk's name -> a path
    bool create = false;                       // bound files that do not exist are made
    bool overwrite = false;                    // bound disks get the content their lines say
    std::string directory;                     // for the files of disks that are not bound
    bool loop_devices = false;  // those with `lbs` of more than 512 on loop devices, where possible
};

// NAME=PATH; a usage error otherwise.
Result<bool> add_binding(const std::string& text, MediaOptions& options);

class DeviceMedia {
  public:
    // `file`: the scenario's, for the sentences.
    static Result<DeviceMedia> prepare(const Scenario& scenario, const std::string& file,
                                       const MediaOptions& options);
    const DiskFiles& files() const { return files_; }
    std::uint32_t loop_devices() const { return loop_devices_; }

  private:
    struct Disk {
        std::string name;
        std::string where;  // of its line
        const Step* line = nullptr;
        std::unique_ptr<DirectFile> file;
        bool is_new = false;  // all zeros
        bool keeps_content = false;
        std::string created_path;
    };
    Result<bool> add(const Step& line, const std::string& file, const MediaOptions& options);
    Result<bool> open_bound(Disk& disk, const std::string& path, const MediaOptions& options);
    Result<bool> make_own(Disk& disk, const MediaOptions& options);
    Result<bool> check(const Disk& disk) const;
    static Result<bool> same_place(const Disk& disk, const Disk& other, const std::string& path);
    static Result<bool> write_content(const Disk& disk);
    Result<bool> prepare_all(const Scenario& scenario, const std::string& file,
                             const MediaOptions& options);

    std::vector<Disk> disks_;
    DiskFiles files_;
    std::uint32_t loop_devices_ = 0;
};

// A `lbs N` disk has blocks of N, any other of 512 bytes.
Sectors logical_block_of(const Step& disk_line);

}  // namespace cowlab
