// RUNS: how an answer tells what a range of sectors holds.
//
// `7@100+8`: eight sectors of seed 7 that were written to 100 … 107; `0+8`: eight zero sectors;
// `?1a2b3c4d`: one other sector. Neighbours of one seed and consecutive numbers are one run.
#pragma once

#include <cstdint>
#include <string>

#include "scenarios/pattern.h"

namespace cowlab {

class Runs {
  public:
    void add(const SectorContent& sector);
    // Ends the run that is open, and gives the text so far: runs separated by one blank.
    const std::string& text();

  private:
    void end_run();

    SectorContent first_;
    std::uint64_t length_ = 0;
    std::string text_;
};

}  // namespace cowlab
