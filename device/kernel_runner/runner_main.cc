// The first process inside a user-mode-linux, or inside a machine in qemu: answers cases with the
// kernel it runs on.
//
// It is started as `init=…/kernel-runner` with `cowlab=FOLDER` on the kernel's command line: a
// folder of the host, in which the oracle puts one folder a case: 0, 1, 2, …, with the file
// `scenario`, the images it names, and at last `ready`. The runner takes them in order; the file
// `stop` in FOLDER ends it. What happens is told on the console, a line each, so that whoever reads
// knows of every line before the kernel died:
//
//     @boot RELEASE          modules are loaded (or: @fail TEXT)
//     @case N                begins
//     @step I                is about to be run (0 is the first)
//     @a TEXT                a line of its answer
//     @k TEXT                a message of the kernel
//     @end clean|dirty       images are written; after `dirty` the runner switches off
//
// At the end of a case FOLDER/N/images holds the disks. A folder with the file `script` instead of
// `scenario` is run by the host's shell (`output`: what it printed), and the machine is dirty then.
// In qemu there is no folder of the host (`cowlab=mail`): a line on the console says that a case is
// in the mail (mailbox.h), and it is put into a folder of the same shape here.
// This process is root inside the machine and nobody outside of it.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>

#include "device/kernel_runner/kernel_world.h"
#include "device/kernel_runner/mailbox.h"
#include "scenarios/parse.h"

namespace cowlab::kernel_runner {
namespace {

constexpr std::uint64_t ram_disk_kib = 1u << 20;
constexpr const char* host_folder = "/tmp/host";
constexpr const char* loop_folder = "/tmp/loop";

struct Module {
    const char* path;
    const char* options;
    bool needed;
};
const Module modules[] = {
    // A machine in qemu has these (device/qemu_machine.cc), for its disks; a user-mode-linux not.
    {"drivers/virtio/virtio_ring.ko", "", false},
    {"drivers/virtio/virtio.ko", "", false},
    {"drivers/virtio/virtio_pci_legacy_dev.ko", "", false},
    {"drivers/virtio/virtio_pci_modern_dev.ko", "", false},
    {"drivers/virtio/virtio_pci.ko", "", false},
    {"drivers/block/virtio_blk.ko", "", false},
    {"drivers/block/brd.ko", "rd_nr=1 rd_size=1048576", true},
    {"drivers/block/loop.ko", "", true},
    {"drivers/md/dm-mod.ko", "", true},
    {"drivers/md/dm-bufio.ko", "", true},
    {"drivers/md/dm-snapshot.ko", "", true},
    {"drivers/md/dm-zero.ko", "", true},
    {"drivers/md/dm-log-writes.ko", "", true},
    {"drivers/md/dm-flakey.ko", "", true},
    {"drivers/md/dm-delay.ko", "", true},
    {"drivers/md/dm-dust.ko", "", false},
};

// One write a line, or a few lines: what stands in the pipe survives the kernel.
void tell(const std::string& text) {
    for (std::size_t at = 0; at < text.size();) {
        const ssize_t n = write(STDOUT_FILENO, text.data() + at, text.size() - at);
        if (n <= 0) return;
        at += static_cast<std::size_t>(n);
    }
}

[[noreturn]] void switch_off() {
    sync();
    reboot(RB_POWER_OFF);
    _exit(1);
}

[[noreturn]] void fail(const std::string& text) {
    tell("@fail " + text + "\n");
    switch_off();
}

void mount_on(const char* type, const char* folder, const char* options) {
    if (mount("cowlab", folder, type, 0, options) != 0 && errno != EBUSY)
        fail(fmt::format("mount of {} on {}: {}", type, folder, std::strerror(errno)));
}

void load_modules(const std::string& release, const Mailbox* mail) {
    for (const Module& m : modules) {
        std::string path = "/usr/lib/uml/modules/" + release + "/kernel/" + m.path;
        if (mail != nullptr) path = "/modules" + std::string(std::strrchr(m.path, '/'));
        const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
        const bool loaded =
            fd >= 0 && (syscall(SYS_finit_module, fd, m.options, 0) == 0 || errno == EEXIST);
        const int error = errno;
        if (fd >= 0) close(fd);
        // What the archive of a machine in qemu has must be of use to it.
        const bool needed = m.needed || (mail != nullptr && fd >= 0);
        if (!loaded && needed) fail(path + ": " + std::strerror(error));
    }
}

// Debian's release does not tell which version of Linux it is: 6.1.0-56 is 6.1.192.
std::string release_text(const utsname& names) {
    const std::string version = names.version, word = "Debian ";
    const std::size_t at = version.find(word);
    if (at == std::string::npos) return names.release;
    std::string number = version.substr(at + word.size());
    number = number.substr(0, number.find(' '));
    if (number.rfind(names.release, 0) == 0) return names.release;
    return number + " (" + names.release + ")";
}

std::string option(const std::string& name) {
    std::ifstream file("/proc/cmdline");
    std::string word;
    while (file >> word) {
        if (word.rfind(name + "=", 0) == 0) return word.substr(name.size() + 1);
    }
    return "";
}

bool run_case(DmControl& dm, Media& media, KernelLog& log, const std::string& folder) {
    std::ifstream file(folder + "/scenario", std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const auto scenario = parse(text, "scenario");
    if (!scenario) fail("scenario:" + scenario.error().where + ": " + scenario.error().text);
    KernelWorld world(dm, media, log, folder);
    log.take();
    for (std::size_t i = 0; i < scenario->steps.size(); ++i) {
        tell(fmt::format("@step {}\n", i));
        std::string told;
        for (const std::string& line : world.run(scenario->steps[i])) told += "@a " + line + "\n";
        for (const std::string& line : world.log_lines()) told += "@k " + line + "\n";
        if (!told.empty()) tell(told);
    }
    return world.finish();
}

// The shell's exit code goes unseen: a script tells what happened.
void run_script(const std::string& folder) {
    const pid_t pid = fork();
    if (pid == 0) {
        const int out = open((folder + "/output").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
        const int null = open("/dev/null", O_RDONLY);
        dup2(null, STDIN_FILENO);
        dup2(out, STDOUT_FILENO);
        dup2(out, STDERR_FILENO);
        setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
        setenv("COWLAB_DIR", loop_folder, 1);
        execl("/bin/sh", "sh", (folder + "/script").c_str(), nullptr);
        _exit(127);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
}

void run() {
    mount_on("tmpfs", "/tmp", "size=90%");
    mount_on("proc", "/proc", nullptr);
    mount_on("sysfs", "/sys", nullptr);
    mount_on("devtmpfs", "/dev", nullptr);
    mkdir(host_folder, 0755);
    mkdir(loop_folder, 0755);
    Mailbox mailbox;
    Mailbox* const mail = option("cowlab") == "mail" ? &mailbox : nullptr;
    if (mail == nullptr) mount_on("hostfs", host_folder, option("cowlab").c_str());
    utsname names{};
    uname(&names);
    load_modules(names.release, mail);
    DmControl dm;
    if (const int e = dm.open(); e != 0)
        fail(fmt::format("/dev/mapper/control: {}", std::strerror(e)));
    Media media(loop_folder, ram_disk_kib * 2);
    KernelLog log;
    tell(fmt::format("@boot {}\n", release_text(names)));
    for (std::size_t n = 0;; ++n) {
        const std::string folder = fmt::format("{}/{}", host_folder, n);
        if (mail != nullptr && !mail->receive(folder)) fail("the case cannot be read");
        while (access((folder + "/ready").c_str(), F_OK) != 0) {
            if (access((std::string(host_folder) + "/stop").c_str(), F_OK) == 0) switch_off();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        tell(fmt::format("@case {}\n", n));
        const bool is_script = access((folder + "/script").c_str(), F_OK) == 0;
        if (is_script) run_script(folder);
        const bool clean = !is_script && run_case(dm, media, log, folder);
        if (mail != nullptr && !mail->send_images(folder)) fail("the images cannot be written");
        tell(fmt::format("@end {}\n", clean ? "clean" : "dirty"));
        if (!clean) switch_off();
    }
}

}  // namespace
}  // namespace cowlab::kernel_runner

int main() {
    if (getpid() != 1) {
        std::fprintf(stderr,
                     "kernel-runner: runs inside a user-mode-linux only, as its first process: use "
                     "`cowlab replay FILE --on kernel`\n");
        return 2;
    }
    cowlab::kernel_runner::run();
}
