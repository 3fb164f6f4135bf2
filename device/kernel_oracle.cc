#include "device/kernel_oracle.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "device/find_program.h"
#include "device/mail.h"
#include "device/qemu_machine.h"
#include "scenarios/print.h"

namespace cowlab {
namespace {

namespace fs = std::filesystem;

constexpr const char* package_name = "user-mode-linux";
constexpr std::uint32_t boot_seconds = 60;
constexpr std::uint32_t qemu_memory_mib = 768;  // a case's disks lie in memory, twice at its end

std::string beside_this_program(const std::string& name) {
    std::error_code ec;
    const fs::path self = fs::read_symlink("/proc/self/exe", ec);
    return ec ? "" : (self.parent_path() / name).string();
}

bool write_bytes(const std::string& path, const void* data, std::size_t size) {
    std::ofstream file(path, std::ios::binary);
    file.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
    file.close();
    return file.good();
}

// What the kernel printed when it died, in one line.
bool tells_why(const std::string& line) {
    for (const char* word : {"Kernel panic", "BUG:", "Oops", "Kernel mode fault", "Segfault"}) {
        if (line.find(word) != std::string::npos) return true;
    }
    return false;
}

}  // namespace

std::optional<std::string> first_foreign_line(const Scenario& scenario) {
    for (std::size_t i = 0; i < scenario.steps.size(); ++i) {
        const Step& s = scenario.steps[i];
        const char* what = nullptr;
        if (is_laboratory(s.verb)) what = "a verb of the laboratory";
        if (s.verb == Verb::disk && s.disk.cache != WriteCache::unstated)
            what = "the kernel's disks have a write cache with `lbs` only";
        if (s.verb == Verb::disk && s.disk.atomic > Sectors{1}) what = "`atomic`";
        if (s.verb == Verb::disk && s.disk.lost != LostSectors::as_before) what = "`lost`";
        if (s.fua) what = "a write with `fua`";
        if (s.verb == Verb::disk && !s.disk.path.empty()) what = "`on PATH`";
        if (what != nullptr)
            return fmt::format("line {}: {}: {}", s.source.line == 0 ? i + 1 : s.source.line,
                               print_line(s), what);
    }
    return std::nullopt;
}

KernelOracle::KernelOracle(KernelOptions options) : options_(std::move(options)) {
    if (options_.machine == KernelMachine::user_mode_linux)
        program_ = find_program(options_.program.empty() ? "linux.uml" : options_.program);
    runner_ =
        options_.runner.empty() ? beside_this_program("cowlab-kernel-runner") : options_.runner;
}

KernelOracle::~KernelOracle() { stop(); }

std::optional<std::string> KernelOracle::why_not() {
    if (pid_ > 0) return std::nullopt;
    if (auto r = boot(); !r) return r.error().text;
    return std::nullopt;
}

std::optional<std::string> KernelOracle::what_is_missing() const {
    if (options_.machine == KernelMachine::user_mode_linux && program_.empty()) {
        return fmt::format("no kernel to start: apt-get install {} (Debian 12)", package_name);
    }
    if (access(runner_.c_str(), X_OK) != 0)
        return fmt::format("{} is missing: build the target cowlab-kernel-runner", runner_);
    return std::nullopt;
}

Result<bool> KernelOracle::boot() {
    stop();
    if (const auto reason = what_is_missing()) return refuse("kernel", *reason);
    const char* base = std::getenv("TMPDIR");
    std::string pattern = std::string(base == nullptr ? "/tmp" : base) + "/cowlab-kernel-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr)
        return refuse(pattern, fmt::format("cannot make a folder: {}", std::strerror(errno)));
    folder_ = pattern;
    std::vector<std::string> words{
        program_,
        fmt::format("mem={}M", options_.memory_mib),
        "root=/dev/root",
        "rootfstype=hostfs",
        "rootflags=/",
        "ro",
        "init=" + fs::absolute(runner_).string(),
        "cowlab=" + folder_,
        "con=null",
        "con0=null,fd:1",
        "quiet",
        "loglevel=0",
        "panic=-1",
        "rcupdate.rcu_expedited=1",
        "uml_dir=" + folder_,
        "umid=uml",
    };
    for (std::size_t i = 0; i < options_.disk_files.size(); ++i)
        words.push_back(fmt::format("ubd{}={}", i, fs::absolute(options_.disk_files[i]).string()));
    if (is_qemu()) {
        const auto machine = find_qemu_machine();
        if (!machine) return failure(machine.error());
        auto qemu_words = prepare_qemu_machine(*machine, runner_, folder_,
                                               std::max(options_.memory_mib, qemu_memory_mib));
        if (!qemu_words) return failure(qemu_words.error());
        words = std::move(*qemu_words);
        program_ = words.front();
    }
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    int ends[2], input[2];
    if (pipe2(ends, O_CLOEXEC) != 0 || pipe2(input, O_CLOEXEC) != 0)
        return refuse("pipe", std::strerror(errno));
    const pid_t pid = fork();
    if (pid < 0) return refuse("fork", std::strerror(errno));
    if (pid == 0) {
        setsid();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(is_qemu() ? input[0] : open("/dev/null", O_RDWR), STDIN_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        execv(argv[0], argv.data());
        _exit(127);
    }
    close(ends[1]);
    close(input[0]);
    input_ = input[1];
    pid_ = pid;
    console_ = ends[0];
    pending_.clear();
    cases_ = 0;
    ++boots_;
    std::string line, last;
    for (bool timed_out = false; next_line(boot_seconds, line, timed_out);) {
        if (line.rfind("@boot ", 0) == 0) {
            release_ = line.substr(6);
            return true;
        }
        if (line.rfind("@fail ", 0) == 0) {
            stop();
            return refuse("kernel", line.substr(6));
        }
        if (!line.empty()) last = line;
    }
    stop();
    return refuse("kernel",
                  fmt::format("{} does not boot here ({}): run the tests that need it on "
                              "a machine where the package {} works",
                              program_, last, is_qemu() ? "qemu-system-x86" : package_name));
}

void KernelOracle::stop() {
    if (pid_ > 0) {
        kill(-pid_, SIGKILL);
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    if (console_ >= 0) close(console_);
    console_ = -1;
    if (input_ >= 0) close(input_);
    input_ = -1;
    if (!folder_.empty()) {
        std::error_code ec;
        fs::remove_all(folder_, ec);
        folder_.clear();
    }
}

bool KernelOracle::next_line(std::uint32_t seconds, std::string& line, bool& timed_out) {
    using clock = std::chrono::steady_clock;
    const auto until = clock::now() + std::chrono::seconds(seconds);
    timed_out = false;
    for (;;) {
        const std::size_t end = pending_.find('\n');
        if (end != std::string::npos) {
            line = pending_.substr(0, end);
            pending_.erase(0, end + 1);
            while (!line.empty() && line.back() == '\r') line.pop_back();
            return true;
        }
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now()).count();
        pollfd p{console_, POLLIN, 0};
        const int ready = left <= 0 ? 0 : poll(&p, 1, static_cast<int>(left));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) {
            timed_out = true;
            return false;
        }
        char buffer[65536];
        const ssize_t n = read(console_, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        pending_.append(buffer, static_cast<std::size_t>(n));
    }
}

Result<bool> KernelOracle::hand_over(const std::string& file, const std::string& text,
                                     const std::map<std::string, KernelImage>& members) {
    if (pid_ < 0) {
        if (auto r = boot(); !r) return failure(std::move(r).error());
    }
    if (is_qemu()) return mail_over(file, text, members);
    const std::string folder = fmt::format("{}/{}", folder_, cases_);
    std::error_code ec;
    fs::create_directory(folder, ec);
    bool written = !ec && write_bytes(folder + "/" + file, text.data(), text.size());
    for (const auto& [name, bytes] : members)
        written = written && write_bytes(folder + "/" + name, bytes.data(), bytes.size());
    written = written && write_bytes(folder + "/ready", "", 0);
    if (!written)
        return refuse(folder, "cannot write the case there: make room, or set TMPDIR elsewhere");
    return true;
}

Result<bool> KernelOracle::mail_over(const std::string& file, const std::string& text,
                                     const std::map<std::string, KernelImage>& members) {
    Mail mail(members.begin(), members.end());
    mail[file].assign(text.begin(), text.end());
    std::FILE* disk = std::fopen(mail_to_machine(folder_).c_str(), "r+b");
    const bool written = disk != nullptr && write_mail(disk, mail);
    if (disk != nullptr) std::fclose(disk);
    constexpr std::string_view go = "case\n";
    if (!written || write(input_, go.data(), go.size()) != static_cast<ssize_t>(go.size()))
        return refuse(folder_, "cannot write the case there: make room, or set TMPDIR elsewhere");
    return true;
}

Result<KernelResult> KernelOracle::run(const KernelCase& one) {
    if (auto r = hand_over("scenario", print(one.scenario), one.members); !r)
        return failure(std::move(r).error());
    KernelResult out;
    out.release = release_;
    std::string line;
    bool timed_out = false, clean = false, ended = false, killed = false;
    while (!ended && next_line(options_.step_seconds, line, timed_out)) {
        if (line.rfind("@step ", 0) == 0) {
            out.answers.emplace_back();
            out.log.emplace_back();
            if (one.kill && out.answers.size() == one.kill->step + 1) {
                usleep(one.kill->microseconds);
                kill(-pid_, SIGKILL);
                killed = true;
            }
        } else if (line.rfind("@a ", 0) == 0 && !out.answers.empty()) {
            out.answers.back().push_back(line.substr(3));
        } else if (line.rfind("@k ", 0) == 0 && !out.log.empty()) {
            out.log.back().push_back(line.substr(3));
        } else if (line.rfind("@end ", 0) == 0) {
            ended = true;
            clean = line == "@end clean";
        } else if (line.rfind("@fail ", 0) == 0) {
            stop();
            return refuse("kernel", line.substr(6));
        } else if (out.last_words.empty() && tells_why(line)) {
            out.last_words = line;
        }
    }
    if (ended && !killed) {
        out.last_words.clear();
        collect_images(one.scenario, out);
        std::error_code ec;
        fs::remove_all(fmt::format("{}/{}", folder_, cases_), ec);
        ++cases_;
        if (!clean) stop();
        return out;
    }
    out.end = killed      ? KernelResult::End::killed
              : timed_out ? KernelResult::End::hang
                          : KernelResult::End::oops;
    if (!killed && !out.answers.empty() && out.answers.back().empty())
        out.answers.back() = {timed_out ? "= hang" : "= oops"};
    stop();
    return out;
}

Result<std::string> KernelOracle::run_script(const std::string& script, std::uint32_t seconds) {
    if (is_qemu()) {
        return refuse("kernel",
                      "a machine in qemu has no shell: run the script in a user-mode-linux");
    }
    if (auto r = hand_over("script", script, {}); !r) return failure(std::move(r).error());
    std::string line;
    bool timed_out = false, ended = false;
    while (!ended && next_line(seconds, line, timed_out)) ended = line.rfind("@end ", 0) == 0;
    std::ifstream file(fmt::format("{}/{}/output", folder_, cases_), std::ios::binary);
    std::string output((std::istreambuf_iterator<char>(file)), {});
    stop();
    if (!ended)
        return refuse("kernel", timed_out ? "the script does not end" : "died of the script");
    return output;
}

void KernelOracle::collect_images(const Scenario& scenario, KernelResult& out) {
    if (is_qemu()) {
        std::FILE* disk = std::fopen(mail_from_machine(folder_).c_str(), "rb");
        if (disk == nullptr) return;
        if (!read_mail(disk, out.images)) out.images.clear();
        std::fclose(disk);
        return;
    }
    for (const Step& s : scenario.steps) {
        if (s.verb != Verb::disk) continue;
        const std::string path = fmt::format("{}/{}/images/{}.img", folder_, cases_, s.name);
        std::ifstream file(path, std::ios::binary);
        if (!file) continue;
        out.images[s.name] = KernelImage((std::istreambuf_iterator<char>(file)), {});
    }
}

}  // namespace cowlab
