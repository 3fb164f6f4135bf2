// The only file that is compiled anew for every commit.
#include <cowlab_revision.h>
#include <fmt/format.h>

#include "cli/program_version.h"

namespace cowlab {

std::string program_version() {
#if defined(__clang__)
    const std::string compiler = fmt::format("clang {}.{}", __clang_major__, __clang_minor__);
#else
    const std::string compiler = fmt::format("g++ {}.{}", __GNUC__, __GNUC_MINOR__);
#endif
#if defined(__SANITIZE_ADDRESS__)
    const char* sanitizer = " asan";
#else
    const char* sanitizer = "";
#endif
    return fmt::format("cowlab {}   commit {}   {}{}", COWLAB_VERSION, COWLAB_COMMIT, compiler,
                       sanitizer);
}

}  // namespace cowlab
