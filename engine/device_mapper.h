// The device mapper as a user of dmsetup knows it: named devices, tables, verbs (spec §2, §18.1).
//
// Verbs run on a fiber and may wait; queries (find, status, table, info) never wait. Every error
// is the kernel's. The world registers the base devices and the target types.
#pragma once

#include "engine/mapped_device.h"

namespace cowlab {

class DeviceMapper {
  public:
    explicit DeviceMapper(Engine& engine);
    DeviceMapper(const DeviceMapper&) = delete;

    // A device that is not ours; it must outlive every table that uses it.
    void add_base_device(BlockDevice& device);
    void remove_base_device(BlockDevice& device);
    void add_target_type(TargetType& type);

    // A device without a table. EBUSY: the name exists. EINVAL: an impossible name.
    Errc create(std::string_view name);
    // Constructs the table in the inactive slot. A failed load leaves the one before in place.
    Errc load(std::string_view name, const TableLine* lines, std::size_t count, TableMode mode);
    Errc clear(std::string_view name);
    Errc suspend(std::string_view name);
    Errc resume(std::string_view name);
    // EBUSY while another device's table, or a holder, uses it.
    Errc remove(std::string_view name);
    Errc rename(std::string_view from, std::string_view to);
    Errc message(std::string_view name, Sectors sector, std::string_view text);

    MappedDevice* find(std::string_view name) const;
    BlockDevice* find(DeviceNumber number) const;
    List<MappedDevice, MappedDevice>& devices() { return devices_; }
    // Mapped devices with a table, live or inactive, on this one, plus holders
    // (MappedDevice::hold).
    std::uint32_t open_count(const MappedDevice& device) const;
    // "START LENGTH TYPE TEXT" of every target, joined by " ; ", blanks at the end dropped.
    void print(const Table* table, StatusKind kind, TextSink& out) const;

    // A device by "MAJOR:MINOR" or "/dev/mapper/NAME"; nullptr if there is none.
    BlockDevice* resolve(std::string_view word) const;
    const TargetType* find_type(std::string_view name) const;
    Engine& engine() { return engine_; }

    static constexpr std::uint32_t mapped_major = 253;

  private:
    // Mapped devices on top of each other under `table`, over `device`; more than there may be if
    // the table stands on `device`.
    unsigned pile_under(const Table& table, const MappedDevice& device);
    unsigned pile_over(const MappedDevice& device);
    bool fits_the_pile(const Table& table, MappedDevice& device);

    Engine& engine_;
    List<MappedDevice, MappedDevice> devices_;
    List<BlockDevice, BlockDevice> base_devices_;
    List<TargetType> types_;
    std::uint32_t next_minor_ = 0;
    std::uint64_t measurement_ = 0;
};

// Registers what the engine itself offers: linear, error, zero, snapshot, snapshot-origin,
// snapshot-merge. The TargetType objects live in `storage`.
struct EngineTargetTypes {
    TargetType linear, error, zero, snapshot, snapshot_origin, snapshot_merge;
    void add_to(DeviceMapper& mapper);
};

}  // namespace cowlab
