// The kernel's messages (/dev/kmsg) since the last look.
#pragma once

#include <string>
#include <vector>

namespace cowlab::kernel_runner {

class KernelLog {
  public:
    KernelLog();
    ~KernelLog();
    KernelLog(const KernelLog&) = delete;

    std::vector<std::string> take();

  private:
    int fd_;
};

}  // namespace cowlab::kernel_runner
