// What this program is: version, commit, compiler. Printed first by everything that can fail.
#pragma once

#include <string>

namespace cowlab {

// Set once by main(); a library user's stays "cowlab (library)".
void set_version_text(std::string text);
const std::string& version_text();

}  // namespace cowlab
