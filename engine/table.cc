#include "engine/table.h"

#include "engine/device_mapper.h"

namespace cowlab {

Errc TargetContext::open(std::string_view word, BlockDevice*& found) const {
    found = mapper.resolve(word);
    return found == nullptr ? Errc::enodev : table.hold(*found);
}

Errc Table::hold(BlockDevice& held_device) {
    if (uses(held_device.number())) return Errc::ok;
    Held* held = engine_.memory.create<Held>(MemoryUse::device);
    if (held == nullptr) return Errc::enomem;
    held->device = &held_device;
    held_.push_back(*held);
    return Errc::ok;
}

bool Table::uses(DeviceNumber number) const {
    for (const Held& h : held_) {
        if (h.device->number() == number) return true;
    }
    return false;
}

Errc Table::refuse(std::string_view what, Errc e) const {
    Text<320> line;
    line << "device-mapper: table: " << device_.name() << ": " << what << " (-" << name_of(e)
         << ")";
    engine_.events.log(line.view());
    return e;
}

Errc Table::construct(DeviceMapper& mapper, const TableLine* lines, std::size_t count) {
    if (count == 0) return Errc::einval;
    for (std::size_t i = 0; i < count; ++i) {
        const TableLine& l = lines[i];
        if (l.length.value == 0) return refuse("zero-length target", Errc::einval);
        const TargetType* type = mapper.find_type(l.type);
        if (type == nullptr) return refuse("unknown target type", Errc::einval);
        if (l.start != size_) return refuse("Gap in table", Errc::einval);
        if (l.start.value + l.length.value < l.start.value ||
            l.start.value + l.length.value > UINT64_MAX / sector_bytes) {
            return refuse("too many sectors", Errc::einval);
        }
        const TargetContext context{*type,   engine_,  mapper, *this,  device_,
                                    l.start, l.length, mode_,  l.args, l.arg_count};
        const Constructed c = type->construct(context);
        if (c.target == nullptr) {
            Text<200> what;
            what << l.type << ": " << c.message;
            return refuse(what.view(), c.error);
        }
        targets_.push_back(*c.target);
        ++target_count_;
        size_ = l.start + l.length;
    }
    return Errc::ok;
}

Errc Table::check_fit() const {
    if (const Errc e = check_ranges(); e != Errc::ok) {
        return refuse("a device is too small or not aligned for a target", e);
    }
    if (const Errc e = check_block_alignment(); e != Errc::ok) {
        return refuse("a line is not aligned to the logical block size", e);
    }
    return Errc::ok;
}

void Table::destroy() {
    while (!targets_.empty()) targets_.pop_front().destroy();
    while (!held_.empty()) engine_.memory.destroy(&held_.pop_front(), MemoryUse::device);
    engine_.memory.destroy(this, MemoryUse::device);
}

Target* Table::find(Sectors sector) const {
    for (Target& t : targets_) {
        if (sector < t.end()) return &t;
    }
    return nullptr;
}

// Every range a target declares must lie inside its device and fit its blocks (spec §18.1.1).
Errc Table::check_ranges() const {
    struct Check final : DeviceVisitor {
        bool ok = true;
        void visit(BlockDevice& d, Sectors start, Sectors length) override {
            const Sectors size = d.capacity();
            if (size.value == 0) return;  // not known: not tested
            const Sectors block = d.limits().logical_block;
            ok = ok && start < size && length <= size - start && is_multiple_of(start, block) &&
                 is_multiple_of(length, block);
        }
    };
    Check check;
    for (const Target& t : targets_) t.for_each_device(check);
    return check.ok ? Errc::ok : Errc::einval;
}

// A target whose end is not on a block of the whole table must be followed by one that can take
// the rest of that block.
Errc Table::check_block_alignment() const {
    const std::uint64_t block = compute_limits().logical_block.value;
    std::uint64_t remaining = 0;
    for (const Target& t : targets_) {
        struct Largest final : DeviceVisitor {
            Sectors block{1};
            void visit(BlockDevice& d, Sectors, Sectors) override {
                block = max(block, d.limits().logical_block);
            }
        };
        Largest largest;
        t.for_each_device(largest);
        if (remaining < t.length().value && remaining % largest.block.value != 0) {
            return Errc::einval;
        }
        const std::uint64_t over = t.end().value % block;
        remaining = over == 0 ? 0 : block - over;
    }
    return remaining == 0 ? Errc::ok : Errc::einval;
}

DeviceLimits Table::compute_limits() const {
    struct Stack final : DeviceVisitor {
        DeviceLimits limits;
        bool all_discard = true;
        bool any_cache = false;
        void visit(BlockDevice& d, Sectors, Sectors) override {
            const DeviceLimits& l = d.limits();
            limits.logical_block = max(limits.logical_block, l.logical_block);
            limits.physical_block = max(limits.physical_block, l.physical_block);
            limits.io_min = max(limits.io_min, l.io_min);
            if (l.memory_alignment > limits.memory_alignment) {
                limits.memory_alignment = l.memory_alignment;
            }
            all_discard = all_discard && l.discard;
            any_cache = any_cache || l.write_cache;
        }
    };
    Stack stack;
    bool discard = target_count_ > 0;
    for (const Target& t : targets_) {
        stack.all_discard = true;
        stack.any_cache = false;
        t.for_each_device(stack);
        discard = discard && t.discard_copies() > 0 && (t.always_discards() || stack.all_discard);
        stack.limits.write_cache = stack.limits.write_cache || t.has_write_cache() ||
                                   (t.flush_copies() > 0 && stack.any_cache);
    }
    stack.limits.discard = discard;
    stack.limits.read_only = mode_ == TableMode::read_only;
    return stack.limits;
}

}  // namespace cowlab
