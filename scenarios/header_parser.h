// The lines between `cowlab 1` and the first verb.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "scenarios/scenario.h"

namespace cowlab {

// `line` begins with the word `cowlab`. Gives the reason if this program cannot read the file.
std::optional<std::string> check_version_line(std::string_view line);

// Reads header lines into a Header; remembers which were there, as none may come twice.
class HeaderParser {
  public:
    explicit HeaderParser(Header& header) : header_(header) {}
    // `line` begins with one of header_words. Gives the reason if the line is refused.
    std::optional<std::string> parse(std::string_view line);

  private:
    Header& header_;
    bool has_policy_ = false;
};

}  // namespace cowlab
