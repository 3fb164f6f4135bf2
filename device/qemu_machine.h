// A kernel of Debian's cloud image in qemu, without hardware help: the machine of the recorded
// cases.
//
// ci/setup-kernel unpacks the image's package into a folder of the user; nothing is installed. The
// machine sees nothing of the host: it starts from an archive made here (the runner and the
// modules), and two disks carry mail (device/mail.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace cowlab {

struct QemuMachine {
    std::string program;  // qemu-system-x86_64
    std::string kernel;   // …/boot/vmlinuz-RELEASE
    std::string modules;  // …/lib/modules/RELEASE
};

// The newest kernel that ci/setup-kernel has unpacked. An error says what to install.
Result<QemuMachine> find_qemu_machine();

// Writes archive and disks into `folder` and gives the words to start the machine with.
Result<std::vector<std::string>> prepare_qemu_machine(const QemuMachine& machine,
                                                      const std::string& runner,
                                                      const std::string& folder,
                                                      std::uint32_t memory_mib);

std::string mail_to_machine(const std::string& folder);
std::string mail_from_machine(const std::string& folder);

}  // namespace cowlab
