#include "engine/device_mapper.h"

#include <algorithm>

#include "base/names.h"

namespace cowlab {
namespace {

// Holds a device for the duration of a verb, so that a removal meanwhile waits for its end.
class Pinned {
  public:
    explicit Pinned(MappedDevice* device) : device_(device) {
        if (device_ != nullptr) device_->pin();
    }
    ~Pinned() {
        if (device_ != nullptr) device_->unpin();
    }
    Pinned(const Pinned&) = delete;
    Pinned& operator=(const Pinned&) = delete;
    MappedDevice* operator->() const { return device_; }
    MappedDevice& operator*() const { return *device_; }
    explicit operator bool() const { return device_ != nullptr; }

  private:
    MappedDevice* device_;
};

// Deeper stacks would let one request's way down outgrow a fiber's stack.
constexpr unsigned pile_max = 200;

bool parse_number(std::string_view s, std::uint32_t& out) {
    if (s.empty() || s.size() > 9) return false;
    out = 0;
    for (const char c : s) {
        if (c < '0' || c > '9') return false;
        out = out * 10 + static_cast<std::uint32_t>(c - '0');
    }
    return true;
}

}  // namespace

DeviceMapper::DeviceMapper(Engine& engine) : engine_(engine) {}

void DeviceMapper::add_base_device(BlockDevice& device) { base_devices_.push_back(device); }

void DeviceMapper::remove_base_device(BlockDevice& device) {
    static_cast<ListNode<BlockDevice>&>(device).unlink();
}

void DeviceMapper::add_target_type(TargetType& type) { types_.push_back(type); }

const TargetType* DeviceMapper::find_type(std::string_view name) const {
    for (const TargetType& t : types_) {
        if (t.name == name) return &t;
    }
    return nullptr;
}

MappedDevice* DeviceMapper::find(std::string_view name) const {
    for (MappedDevice& d : devices_) {
        if (same_name(d.name(), name)) return &d;
    }
    return nullptr;
}

BlockDevice* DeviceMapper::find(DeviceNumber number) const {
    for (MappedDevice& d : devices_) {
        if (d.number() == number) return &d;
    }
    for (BlockDevice& d : base_devices_) {
        if (d.number() == number) return &d;
    }
    return nullptr;
}

BlockDevice* DeviceMapper::resolve(std::string_view word) const {
    const std::size_t colon = word.find(':');
    DeviceNumber number;
    if (colon != std::string_view::npos && parse_number(word.substr(0, colon), number.major) &&
        parse_number(word.substr(colon + 1), number.minor)) {
        return find(number);
    }
    constexpr std::string_view directory = "/dev/mapper/";
    if (word.substr(0, directory.size()) == directory) return find(word.substr(directory.size()));
    return nullptr;
}

Errc DeviceMapper::create(std::string_view name) {
    if (name.empty() || name.size() > MappedDevice::name_max ||
        name.find('/') != std::string_view::npos) {
        return Errc::einval;
    }
    if (find(name) != nullptr) return Errc::ebusy;
    auto* device = engine_.memory.create<MappedDevice>(MemoryUse::device, engine_, name,
                                                       DeviceNumber{mapped_major, next_minor_});
    if (device == nullptr) return Errc::enomem;
    ++next_minor_;
    devices_.push_back(*device);
    return Errc::ok;
}

// Each device is measured once, however many ways lead to it; nobody stands on itself so far, so
// that this ends.
unsigned DeviceMapper::pile_under(const Table& table, const MappedDevice& device) {
    unsigned most = 0;
    for (MappedDevice& d : devices_) {
        if (!table.uses(d.number())) continue;
        if (&d == &device) return pile_max + 1;  // it would stand on itself
        if (d.measured_ != measurement_) {
            unsigned under = 0;
            if (d.live() != nullptr) under = pile_under(*d.live(), device);
            if (d.inactive() != nullptr) under = std::max(under, pile_under(*d.inactive(), device));
            d.measured_ = measurement_;
            d.pile_ = std::min(under + 1, pile_max + 1);
        }
        most = std::max(most, d.pile_);
    }
    return most;
}

unsigned DeviceMapper::pile_over(const MappedDevice& device) {
    unsigned most = 0;
    for (MappedDevice& d : devices_) {
        const bool stands_on_it = (d.live() != nullptr && d.live()->uses(device.number())) ||
                                  (d.inactive() != nullptr && d.inactive()->uses(device.number()));
        if (!stands_on_it) continue;
        if (d.measured_ != measurement_) {
            const unsigned over = pile_over(d);
            d.measured_ = measurement_;
            d.pile_ = over + 1;
        }
        most = std::max(most, d.pile_);
    }
    return most;
}

bool DeviceMapper::fits_the_pile(const Table& table, MappedDevice& device) {
    ++measurement_;
    const unsigned under = pile_under(table, device);
    if (under > pile_max) return false;
    ++measurement_;
    return under + pile_over(device) <= pile_max;
}

Errc DeviceMapper::load(std::string_view name, const TableLine* lines, std::size_t count,
                        TableMode mode) {
    const Pinned device(find(name));
    if (!device) return Errc::enxio;
    const FiberLockGuard guard(device->verb_mutex(), engine_.executor);
    auto* table = engine_.memory.create<Table>(MemoryUse::device, engine_, *device, mode);
    if (table == nullptr) return Errc::enomem;
    Errc e = table->construct(*this, lines, count);
    // The first table gives the device its limits when it is loaded, every other one when it is
    // made live: only then is it seen whether it fits (spec §18.1.1).
    if (e == Errc::ok && !device->had_table()) e = table->check_fit();
    if (e == Errc::ok && !fits_the_pile(*table, *device)) {
        Text<200> line;
        line << "device-mapper: table: " << name
             << ": the device would stand on itself, or on more than " << std::uint64_t{pile_max}
             << " others";
        engine_.events.log(line.view());
        e = Errc::einval;
    }
    if (e != Errc::ok) {
        table->destroy();
        return e;
    }
    device->set_inactive(table);
    return Errc::ok;
}

Errc DeviceMapper::clear(std::string_view name) {
    const Pinned device(find(name));
    if (!device) return Errc::enxio;
    device->clear();
    return Errc::ok;
}

Errc DeviceMapper::suspend(std::string_view name) {
    const Pinned device(find(name));
    return device ? device->suspend() : Errc::enxio;
}

Errc DeviceMapper::resume(std::string_view name) {
    const Pinned device(find(name));
    if (!device) return Errc::enxio;
    const Sectors before = device->capacity();
    const Errc e = device->resume();
    if (device->capacity() != before) {
        for (MappedDevice& d : devices_) {
            if (d.live() == nullptr) continue;
            for (Target& t : d.live()->targets()) t.devices_resized();
        }
    }
    return e;
}

Errc DeviceMapper::remove(std::string_view name) {
    MappedDevice* device = find(name);
    if (device == nullptr) return Errc::enxio;
    if (open_count(*device) > 0) return Errc::ebusy;
    static_cast<ListNode<MappedDevice>*>(device)->unlink();  // nobody finds it from here on
    device->prepare_removal();
    engine_.memory.destroy(device, MemoryUse::device);
    return Errc::ok;
}

Errc DeviceMapper::rename(std::string_view from, std::string_view to) {
    if (to.empty() || to.size() > MappedDevice::name_max ||
        to.find('/') != std::string_view::npos) {
        return Errc::einval;
    }
    // The new name is looked at first.
    if (find(to) != nullptr) return Errc::ebusy;
    MappedDevice* device = find(from);
    if (device == nullptr) return Errc::enxio;
    device->rename(to);
    device->raise_event();
    return Errc::ok;
}

Errc DeviceMapper::message(std::string_view name, Sectors sector, std::string_view text) {
    const Pinned device(find(name));
    if (!device) return Errc::enxio;
    if (device->live() == nullptr) return Errc::einval;
    Target* target = device->live()->find(sector);
    return target == nullptr ? Errc::einval : target->message(text);
}

std::uint32_t DeviceMapper::open_count(const MappedDevice& device) const {
    std::uint32_t count = device.holders();
    for (const MappedDevice& d : devices_) {
        if (&d == &device) continue;
        const bool uses = (d.live() != nullptr && d.live()->uses(device.number())) ||
                          (d.inactive() != nullptr && d.inactive()->uses(device.number()));
        if (uses) ++count;
    }
    return count;
}

void DeviceMapper::print(const Table* table, StatusKind kind, TextSink& out) const {
    if (table == nullptr) return;
    bool first = true;
    for (const Target& t : table->targets()) {
        if (!first) out << " ; ";
        first = false;
        out << t.begin().value << " " << t.length().value << " " << t.type_name() << " ";
        t.status(kind, out);
    }
    out.trim_blanks();
}

}  // namespace cowlab
