// Status and table text (INV-38): what a device prints as its table is its constructor's line.
//
// At `check`, `table` and `status`: the TABLE text is parsed as a table line and compared, word by
// word, with the line that was loaded: the same target at the same place, the same devices, the
// store letter (with its `O`), the features in their order. The chunk size is what the header on
// the medium says, or, without a header, what the line says. INFO is one of the forms of §3.4.
#pragma once

#include "world/checkers/oracle.h"
#include "world/table_text.h"

namespace cowlab {

class StatusText final : public Oracle {
  public:
    explicit StatusText(const OracleContext& context) : Oracle(context, "status") {}
    void after_step(const Step& step);
    // A user writes to a disk itself: a header that a snapshot has read already says nothing then.
    void raw_write(DeviceNumber device);

  private:
    static constexpr std::uint32_t overwritten_max = 32;
    bool is_overwritten(DeviceNumber cow) const;
    bool is_in_use(DeviceNumber cow) const;
    void check_device(const MappedDevice& device);
    void check_snapshot(const Snapshot& s, const TableLine& loaded, const TableLine& printed);
    void check_info(std::string_view text);
    bool same_device(std::string_view a, std::string_view b) const;
    void complain(std::string_view what, std::string_view printed);

    DeviceNumber overwritten_[overwritten_max] = {};
    std::uint32_t overwritten_count_ = 0;
};

}  // namespace cowlab
