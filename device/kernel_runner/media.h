// The media below a case's disks: slices of one RAM disk, or loop devices with a block size.
//
// As on the machine golden was recorded on: a RAM disk has logical blocks of 512 and physical ones
// of 4096 bytes, no write cache and no discard; a loop device has one block size, a write cache and
// discard. A slice that no earlier case of this boot used is zeros already; any other is written.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "scenarios/scenario.h"

namespace cowlab::kernel_runner {

struct Medium {
    std::string path;
    dev_t number = 0;
    std::uint64_t first = 0;  // sector of the device that is the medium's 0
    std::uint64_t sectors = 0;
    std::uint32_t block = 512;  // logical, bytes
    int loop = -1;              // number of the loop device; -1: a slice
};

// Bytes past all tables and suspends. 0 or an errno value. REQUIRES: inside the medium.
int read_medium(const Medium& medium, std::uint64_t sector, std::uint64_t count, void* bytes);
int write_medium(const Medium& medium, std::uint64_t sector, std::uint64_t count,
                 const void* bytes);

class Media {
  public:
    // REQUIRES: brd and loop are loaded; `directory` is writable (files of loop devices).
    explicit Media(std::string directory, std::uint64_t ram_sectors)
        : directory_(std::move(directory)), ram_sectors_(ram_sectors) {}

    // A medium with the content the line asks for; `members` is the folder with its images. `on
    // PATH`: this block device of the machine, from its sector 0.
    int make(const Step& disk, const std::string& members, Medium& out);
    // All media of a case are gone; false: a loop device is still in use.
    bool drop_all(const std::vector<Medium>& media);

  private:
    int make_loop(std::uint64_t sectors, std::uint32_t block, Medium& out);

    std::string directory_;
    std::uint64_t ram_sectors_;
    std::uint64_t next_ = 0;   // first free sector of the RAM disk
    std::uint64_t dirty_ = 0;  // below it an earlier case may have written
    unsigned loops_ = 0;
};

}  // namespace cowlab::kernel_runner
