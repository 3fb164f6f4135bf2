#include "device/qemu_machine.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "device/find_program.h"
#include "device/initramfs.h"
#include "device/kernel_differences.h"

namespace cowlab {
namespace {

namespace fs = std::filesystem;

// In the order in which they can be loaded; the runner has the same list (runner_main.cc).
constexpr const char* modules[] = {
    "drivers/virtio/virtio_ring",
    "drivers/virtio/virtio",
    "drivers/virtio/virtio_pci_legacy_dev",
    "drivers/virtio/virtio_pci_modern_dev",
    "drivers/virtio/virtio_pci",
    "drivers/block/virtio_blk",
    "drivers/block/brd",
    "drivers/block/loop",
    "drivers/md/dm-mod",
    "drivers/md/dm-bufio",
    "drivers/md/dm-snapshot",
    "drivers/md/dm-zero",
    "drivers/md/dm-log-writes",
    "drivers/md/dm-flakey",
    "drivers/md/dm-delay",
};

constexpr std::uint64_t mail_bytes_max = 1ull << 30;  // of a sparse file

// LSMs, IPv6, tests of the crypto library and ACPI cost half of the time of a start.
constexpr const char* kernel_words =
    "console=ttyS0 loglevel=0 panic=-1 reboot=t nokaslr mitigations=off acpi=off "
    "no_timer_check "
    "rcupdate.rcu_expedited=1 lsm= apparmor=0 audit=0 ipv6.disable=1 cryptomgr.notests=1 "
    "cowlab=mail";

std::string kernel_folder() {
    if (const char* folder = std::getenv("COWLAB_KERNELS")) return folder;
    if (const char* cache = std::getenv("XDG_CACHE_HOME"))
        return std::string(cache) + "/cowlab/kernels";
    const char* home = std::getenv("HOME");
    return std::string(home == nullptr ? "" : home) + "/.cache/cowlab/kernels";
}

std::optional<std::string> bytes_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::nullopt;
    return std::string((std::istreambuf_iterator<char>(file)), {});
}

bool make_sparse_file(const std::string& path) {
    std::ofstream(path, std::ios::binary).close();
    return truncate(path.c_str(), static_cast<off_t>(mail_bytes_max)) == 0;
}

}  // namespace

std::string mail_to_machine(const std::string& folder) { return folder + "/to-machine"; }
std::string mail_from_machine(const std::string& folder) { return folder + "/from-machine"; }

Result<QemuMachine> find_qemu_machine() {
    QemuMachine machine;
    machine.program = find_program("qemu-system-x86_64");
    const std::string folder = kernel_folder();
    std::string newest;
    std::error_code ec;
    for (const auto& package : fs::directory_iterator(folder, ec)) {
        std::error_code missing;
        for (const auto& file : fs::directory_iterator(package.path() / "boot", missing)) {
            const std::string name = file.path().filename().string();
            constexpr std::string_view prefix = "vmlinuz-";
            if (name.rfind(prefix, 0) != 0) continue;
            const std::string release = name.substr(prefix.size());
            // Packages carry the version that releases do not tell apart: 6.1.0-56 is 6.1.192.
            if (!newest.empty() && compare_releases(release, newest) <= 0 && release <= newest)
                continue;
            newest = release;
            machine.kernel = file.path().string();
            machine.modules = (package.path() / "lib/modules" / release).string();
        }
    }
    if (machine.program.empty() || machine.kernel.empty()) {
        return refuse("kernel",
                      fmt::format("no kernel to start in qemu{}{}: ci/setup-kernel gets both",
                                  machine.program.empty() ? ": there is no qemu-system-x86_64" : "",
                                  machine.kernel.empty() ? ": nothing is unpacked in " + folder
                                                         : std::string()));
    }
    return machine;
}

Result<std::vector<std::string>> prepare_qemu_machine(const QemuMachine& machine,
                                                      const std::string& runner,
                                                      const std::string& folder,
                                                      std::uint32_t memory_mib) {
    Initramfs archive;
    for (const char* name : {"dev", "proc", "sys", "tmp", "modules"}) archive.add_folder(name);
    archive.add_character_device("dev/console", 5, 1);
    const auto program = bytes_of(runner);
    if (!program) return refuse(runner, "cannot be read: build the target cowlab-kernel-runner");
    archive.add_program("init", *program);
    for (const std::string name : modules) {
        const auto module = bytes_of(machine.modules + "/kernel/" + name + ".ko");
        if (!module)
            return refuse(machine.modules, name + ".ko is not there: ci/setup-kernel, once more");
        archive.add_program("modules/" + name.substr(name.rfind('/') + 1) + ".ko", *module);
    }
    const std::string initrd = folder + "/initramfs";
    std::ofstream file(initrd, std::ios::binary);
    file << archive.finish();
    file.close();
    if (!file.good() || !make_sparse_file(mail_to_machine(folder)) ||
        !make_sparse_file(mail_from_machine(folder)))
        return refuse(folder, "cannot write there: make room, or set TMPDIR elsewhere");
    const auto disk = [](const std::string& path, const char* id) {
        return fmt::format("file={},format=raw,if=none,id={},cache=unsafe", path, id);
    };
    // clang-format off
    return std::vector<std::string>{
        machine.program, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-machine", "q35,accel=tcg,usb=off,vmport=off,smm=off,i8042=off", "-cpu", "max",
        "-smp", "1", "-m", std::to_string(memory_mib),
        "-kernel", machine.kernel, "-initrd", initrd, "-append", kernel_words,
        "-serial", "stdio",
        "-drive", disk(mail_to_machine(folder), "to"), "-device", "virtio-blk-pci,drive=to",
        "-drive", disk(mail_from_machine(folder), "from"), "-device", "virtio-blk-pci,drive=from",
    };
    // clang-format on
}

}  // namespace cowlab
