// Linux as an oracle: a user-mode-linux of Debian's package, or a kernel of Debian's cloud image in
// qemu (device/qemu_machine.h), and cases it answers.
//
// Either is an ordinary process of the calling user; nothing of it needs root, and nothing
// outlives this object. It is booted when a case needs it and kept for the next one. A kernel that
// dies under a line (an oops) or does not answer in time is part of the result: the answer of that
// line is `= oops` or `= hang`, the lines after it have none, and the next case gets a new boot.
//
// Cases are scenarios in the words of golden/README.md; the laboratory's verbs are answered ENOSYS
// by the runner (first_foreign_line() tells beforehand).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "scenarios/answer.h"
#include "scenarios/scenario.h"

namespace cowlab {

using KernelImage = std::vector<std::uint8_t>;

// The machine is killed (SIGKILL, all its processes) so long after a line has begun.
struct KernelKill {
    std::size_t step = 0;
    std::uint32_t microseconds = 0;
};

struct KernelCase {
    Scenario scenario;
    std::map<std::string, KernelImage> members;  // the images its disks name
    std::optional<KernelKill> kill{};
};

struct KernelResult {
    enum class End : std::uint8_t { done, oops, hang, killed };
    std::string release;                        // uname -r, behind Debian's version if that differs
    std::vector<Answer> answers;                // one a step; fewer if the kernel died
    std::vector<std::vector<std::string>> log;  // what the kernel said to each step, @name in it
    std::map<std::string, KernelImage> images;  // the disks at the end; none after nosave or death
    End end = End::done;
    std::string last_words;  // oops: the line of the kernel's console that says why
};

enum class KernelMachine : std::uint8_t { user_mode_linux, qemu };

struct KernelOptions {
    KernelMachine machine = KernelMachine::user_mode_linux;
    std::string program;  // the kernel; empty: linux.uml
    std::string runner;   // empty: cowlab-kernel-runner beside this program
    std::uint32_t memory_mib = 256;
    std::uint32_t step_seconds = 45;  // a line that takes longer hangs
    // Files of the host, opened for writing: /dev/ubda, /dev/ubdb, … of the machine (`disk NAME
    // SECTORS on /dev/ubda keep`). Made by the caller, who keeps them over the machine's death.
    std::vector<std::string> disk_files;
};

// The first line a kernel cannot carry out (a laboratory verb, `cache`, `atomic`, `on`), as
// `line N: …`; nothing if it can carry out all.
std::optional<std::string> first_foreign_line(const Scenario& scenario);

class KernelOracle {
  public:
    explicit KernelOracle(KernelOptions options = {});
    ~KernelOracle();
    KernelOracle(const KernelOracle&) = delete;

    // Boots, if no kernel runs yet. Nothing if one runs then; else the sentence that says why, with
    // the package that is missing.
    std::optional<std::string> why_not();

    Result<KernelResult> run(const KernelCase& one);
    // A shell script as root on that machine, which is given up afterwards; what it printed.
    Result<std::string> run_script(const std::string& script, std::uint32_t seconds);
    std::uint64_t boots() const { return boots_; }

  private:
    std::optional<std::string> what_is_missing() const;
    Result<bool> boot();
    void stop();
    Result<bool> hand_over(const std::string& file, const std::string& text,
                           const std::map<std::string, KernelImage>& members);
    Result<bool> mail_over(const std::string& file, const std::string& text,
                           const std::map<std::string, KernelImage>& members);
    bool is_qemu() const { return options_.machine == KernelMachine::qemu; }
    // The next line of the console; false: end of the stream, or `seconds` passed.
    bool next_line(std::uint32_t seconds, std::string& line, bool& timed_out);
    void collect_images(const Scenario& scenario, KernelResult& out);

    KernelOptions options_;
    std::string program_;
    std::string runner_;
    std::string folder_;  // of this boot; the runner sees it
    int pid_ = -1;        // and the group of all its processes
    int console_ = -1;
    int input_ = -1;       // of the console; qemu: a line for each case
    std::string pending_;  // of the console, not yet a line
    std::string release_;
    std::uint64_t cases_ = 0;  // of this boot
    std::uint64_t boots_ = 0;
};

}  // namespace cowlab
