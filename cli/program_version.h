// Version, commit and compiler of this program, in one line.
#pragma once

#include <string>

namespace cowlab {

std::string program_version();

}  // namespace cowlab
