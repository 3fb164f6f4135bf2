#include "device/kernel_runner/mailbox.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "device/mail.h"

namespace cowlab::kernel_runner {
namespace {

namespace fs = std::filesystem;

constexpr const char* from_host = "/dev/vda";
constexpr const char* to_host = "/dev/vdb";

bool wait_for_line() {
    for (char c = 0; c != '\n';) {
        if (read(STDIN_FILENO, &c, 1) != 1) return false;
    }
    return true;
}

}  // namespace

bool Mailbox::receive(const std::string& folder) {
    if (!wait_for_line()) return false;
    std::FILE* disk = std::fopen(from_host, "rb");
    if (disk == nullptr) return false;
    ioctl(fileno(disk), BLKFLSBUF);  // what this kernel read of it before is old
    Mail mail;
    const bool whole = read_mail(disk, mail);
    std::fclose(disk);
    std::error_code ec;
    fs::create_directories(folder, ec);
    for (const auto& [name, bytes] : mail) {
        std::ofstream file(folder + "/" + name, std::ios::binary);
        file.write(reinterpret_cast<const char*>(bytes.data()),
                   static_cast<std::streamsize>(bytes.size()));
        if (!file.flush()) return false;
    }
    std::ofstream(folder + "/ready").close();
    return whole && !ec;
}

bool Mailbox::send_images(const std::string& folder) {
    Mail mail;
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator(folder + "/images", ec)) {
        std::ifstream file(entry.path(), std::ios::binary);
        mail[entry.path().stem().string()].assign(std::istreambuf_iterator<char>(file), {});
    }
    fs::remove_all(folder, ec);
    std::FILE* disk = std::fopen(to_host, "r+b");
    if (disk == nullptr) return false;
    const bool written = write_mail(disk, mail) && fsync(fileno(disk)) == 0;
    return std::fclose(disk) == 0 && written;
}

}  // namespace cowlab::kernel_runner
