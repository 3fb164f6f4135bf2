// The device mapper as its ioctls have it, without libdevmapper and without udev.
//
// Every call is one ioctl; what it answers is an errno value (0: ok), given back as it is. Devices
// are known by name; numbers are the kernel's. Thread: the runner's main thread alone.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace cowlab::kernel_runner {

struct DmTarget {
    std::uint64_t start = 0;
    std::uint64_t length = 0;
    std::string type;
    std::string arguments;  // to the kernel; from it: the status or table text
};

struct DmInfo {
    dev_t number = 0;
    std::int32_t open_count = 0;
    std::uint32_t event = 0;
    std::uint32_t targets = 0;
    bool suspended = false;
    bool live = false;
    bool inactive = false;
    bool read_only = false;
};

enum class TableKind : std::uint8_t { status, table, inactive_table };

class DmControl {
  public:
    DmControl() = default;
    ~DmControl();
    DmControl(const DmControl&) = delete;

    // Opens /dev/mapper/control.
    int open();

    int create(const std::string& name, dev_t& number);
    int load(const std::string& name, const std::vector<DmTarget>& table, bool read_only);
    int suspend(const std::string& name, bool noflush, bool nolockfs);
    int resume(const std::string& name);
    int clear(const std::string& name);
    int remove(const std::string& name);
    int rename(const std::string& from, const std::string& to);
    int message(const std::string& name, std::uint64_t sector, const std::string& text);
    int info(const std::string& name, DmInfo& out);
    int table(const std::string& name, TableKind kind, std::vector<DmTarget>& out);

  private:
    int call(unsigned long request, const std::string& name, std::uint32_t flags);
    int send(unsigned long request);
    void prepare(const std::string& name, std::uint32_t flags);

    int fd_ = -1;
    std::vector<char> buffer_;
};

}  // namespace cowlab::kernel_runner
