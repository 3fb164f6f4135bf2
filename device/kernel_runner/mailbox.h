// Cases and images of a machine that sees no folder of the host: the host's two disks.
#pragma once

#include <string>

namespace cowlab::kernel_runner {

class Mailbox {
  public:
    // Waits for the next case (a line on the console) and puts it into `folder`, ready to be run.
    bool receive(const std::string& folder);
    // The images of the case that was run there; then the folder is gone.
    bool send_images(const std::string& folder);
};

}  // namespace cowlab::kernel_runner
