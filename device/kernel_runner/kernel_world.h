// Linux's own device mapper as a world: one case's lines, answered by the kernel this runs on.
//
// run() takes one step and gives its answer as golden/README.md has it. A line that waits for a
// suspended device waits for ever: whoever drives the runner kills it. finish() ends the case as
// that page says (base disks resumed, background jobs ended, other devices removed, newest first,
// then the images); if it says no, something of the case is left and this boot is of no more use.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "device/kernel_runner/dm_control.h"
#include "device/kernel_runner/kernel_log.h"
#include "device/kernel_runner/media.h"
#include "scenarios/answer.h"
#include "scenarios/scenario.h"

namespace cowlab::kernel_runner {

class KernelWorld {
  public:
    // `folder`: where the case's images lie, and where `images/` takes the disks at the end.
    KernelWorld(DmControl& dm, Media& media, KernelLog& log, std::string folder)
        : dm_(dm), media_(media), log_(log), folder_(std::move(folder)) {}
    KernelWorld(const KernelWorld&) = delete;

    Answer run(const Step& step);
    // What the kernel said since the last call, with @name for the devices' numbers.
    std::vector<std::string> log_lines();
    bool finish();

  private:
    struct Disk {
        std::string name;
        Medium medium;
    };
    struct Job {
        Step step;
        std::string path;
        Answer answer;
        std::atomic<bool> opened{false};
        std::atomic<bool> done{false};
        std::thread thread;
    };

    Answer disk(const Step& step);
    Answer create(const Step& step);
    Answer fault(const Step& step);
    Answer io(const Step& step, Verb verb);
    Answer background(const Step& step);
    Answer wait_for(const Step& step);
    Answer status(const std::string& name, TableKind kind);
    Answer info(const Step& step);
    Answer mergewait(const Step& step);
    Answer rawread(const Step& step);
    Answer loglist(const Step& step);
    Answer logreplay(const Step& step);

    int create_device(const std::string& name, const std::vector<DmTarget>& table, bool read_only,
                      const char*& at_step);
    int load_text(const std::string& name, const std::string& text, bool read_only);
    bool parse_table(const std::string& text, std::vector<DmTarget>& out) const;
    int table_of_fault(const Step& step, const Disk& disk, std::vector<DmTarget>& out) const;
    // A device's node; empty: no such device, or it never had a table.
    std::string path_of(const std::string& name) const;
    std::string with_names(const std::string& text) const;
    Disk* find_disk(const std::string& name);
    bool save_images();

    DmControl& dm_;
    Media& media_;
    KernelLog& log_;
    std::string folder_;
    std::vector<Disk> disks_;
    std::vector<Medium> media_made_;
    std::vector<std::string> devices_;         // in order of creation, base disks among them
    std::map<std::string, dev_t> numbers_;     // of those that are there
    std::map<dev_t, std::string> last_names_;  // of those that were, too
    std::map<std::string, std::unique_ptr<Job>> jobs_;
    bool save_ = true;
};

}  // namespace cowlab::kernel_runner
