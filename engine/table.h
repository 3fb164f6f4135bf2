// A table: targets that cover a device from sector 0 without gaps, and what follows from them.
//
// Spec §18.1: targets are constructed in order; every device range they declare is tested when the
// table first gives a device its limits.
// A table holds its devices open from construction to destruction.
#pragma once

#include <string_view>

#include "engine/target.h"

namespace cowlab {

class DeviceMapper;

// One line of a table, already split: `args` are the words after the type.
struct TableLine {
    Sectors start;
    Sectors length;
    std::string_view type;
    const std::string_view* args = nullptr;
    std::size_t arg_count = 0;
};

enum class TableMode : std::uint8_t { read_write, read_only };

// What a constructor answers: a target, or an error code and a message for the log.
struct Constructed {
    Target* target = nullptr;
    Errc error = Errc::ok;
    std::string_view message;  // static text

    static Constructed failed(Errc e, std::string_view text) { return {nullptr, e, text}; }
};

struct TargetContext;

// A kind of target, as a module registers it. `name` and `context` outlive it.
struct TargetType : ListNode<> {
    std::string_view name;
    std::uint32_t version_major = 0;
    std::uint32_t version_minor = 0;
    Constructed (*construct)(const TargetContext& context) = nullptr;
    void* context = nullptr;  // whatever the constructor needs beyond the table line

    void define(std::string_view type_name, std::uint32_t major, std::uint32_t minor,
                Constructed (*constructor)(const TargetContext&)) {
        name = type_name;
        version_major = major;
        version_minor = minor;
        construct = constructor;
    }
};

// What a constructor has to work with.
struct TargetContext {
    const TargetType& type;
    Engine& engine;
    DeviceMapper& mapper;
    Table& table;
    MappedDevice& device;
    Sectors begin;
    Sectors length;
    TableMode mode;
    const std::string_view* args;
    std::size_t arg_count;

    // Opens the device a word names ("MAJOR:MINOR" or a name) for this table; ENODEV: there is
    // none.
    Errc open(std::string_view word, BlockDevice*& found) const;
};

class Table {
  public:
    Table(Engine& engine, MappedDevice& device, TableMode mode)
        : engine_(engine), device_(device), mode_(mode) {}
    Table(const Table&) = delete;

    // Fiber: constructors may read metadata. On an error the table must be destroyed all the same;
    // what constructors did to the media stays done.
    Errc construct(DeviceMapper& mapper, const TableLine* lines, std::size_t count);
    // Whether every range lies inside its device and fits its blocks, and the lines fit together:
    // as the devices are now (spec §18.1.1).
    Errc check_fit() const;
    // Fiber: waits for the targets' work in progress.
    void destroy();

    Sectors size() const { return size_; }
    TableMode mode() const { return mode_; }
    std::size_t target_count() const { return target_count_; }
    Target* find(Sectors sector) const;
    List<Target>& targets() { return targets_; }
    const List<Target>& targets() const { return targets_; }
    bool uses(DeviceNumber number) const;
    // As they are now; a device fixes them when the table becomes live.
    DeviceLimits compute_limits() const;

    // For constructors: remembers that this table holds `device` open.
    Errc hold(BlockDevice& device);

  private:
    struct Held : ListNode<> {
        BlockDevice* device = nullptr;
    };
    Errc refuse(std::string_view what, Errc e) const;
    Errc check_ranges() const;
    Errc check_block_alignment() const;

    Engine& engine_;
    MappedDevice& device_;
    TableMode mode_;
    Sectors size_;
    std::size_t target_count_ = 0;
    List<Target> targets_;
    List<Held> held_;
};

}  // namespace cowlab
