// A program by its name, as a shell finds it.
#pragma once

#include <string>

namespace cowlab {

// Its path; empty: there is none that can be started.
std::string find_program(const std::string& name);

}  // namespace cowlab
