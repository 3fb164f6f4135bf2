// A table as a scenario writes it: "START LENGTH TARGET ARGS ; …", with @name for a device.
//
// The parsed lines point into one buffer of the arena, in which every @name has become
// MAJOR:MINOR. Names nobody has are left as they are: the target's constructor refuses them.
#pragma once

#include <string_view>

#include "base/arena.h"
#include "engine/device_mapper.h"

namespace cowlab {

class TableText {
  public:
    TableText(Arena& arena, const DeviceMapper& mapper, std::string_view text);
    ~TableText();
    TableText(const TableText&) = delete;

    // False: a line does not begin with two numbers and a target.
    bool is_well_formed() const { return well_formed_; }
    const TableLine* lines() const { return lines_; }
    std::size_t line_count() const { return line_count_; }

  private:
    void replace_names(const DeviceMapper& mapper, std::string_view text);
    void split();

    Arena& arena_;
    char* buffer_ = nullptr;
    std::size_t buffer_size_ = 0;
    std::size_t buffer_capacity_ = 0;
    std::string_view* words_ = nullptr;
    std::size_t word_capacity_ = 0;
    TableLine* lines_ = nullptr;
    std::size_t line_capacity_ = 0;
    std::size_t line_count_ = 0;
    bool well_formed_ = false;
};

}  // namespace cowlab
