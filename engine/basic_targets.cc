// linear, error and zero: what every table is glued together with.
#include "engine/device_mapper.h"
#include "engine/snapshot.h"
#include "engine/snapshot_merge.h"
#include "engine/snapshot_origin.h"
#include "engine/words.h"

namespace cowlab {
namespace {

class LinearTarget final : public Target {
  public:
    LinearTarget(const TargetContext& c, BlockDevice& below, Sectors offset)
        : Target(c.engine, c.device, c.begin, c.length), below_(below), offset_(offset) {}

    MapResult map(TargetBio& bio, MapMay) override {
        bio.start = bio.start - begin_ + offset_;
        bio.destination = &below_;
        return MapResult::remapped;
    }
    void status(StatusKind kind, TextSink& out) const override {
        if (kind == StatusKind::table) out << words::device(below_) << " " << offset_.value;
    }
    void for_each_device(DeviceVisitor& visitor) const override {
        visitor.visit(below_, offset_, length_);
    }
    void destroy() override { engine_.memory.destroy(this, MemoryUse::target); }
    std::string_view type_name() const override { return "linear"; }
    std::uint8_t flush_copies() const override { return 1; }
    std::uint8_t discard_copies() const override { return 1; }

  private:
    BlockDevice& below_;
    Sectors offset_;
};

Constructed construct_linear(const TargetContext& c) {
    if (c.arg_count != 2) return Constructed::failed(Errc::einval, "Invalid argument count");
    const auto offset = words::decimal(c.args[1]);
    if (!offset) return Constructed::failed(Errc::einval, "Invalid device sector");
    BlockDevice* below = nullptr;
    if (const Errc e = c.open(c.args[0], below); e != Errc::ok) {
        return Constructed::failed(e, "Device lookup failed");
    }
    auto* t = c.engine.memory.create<LinearTarget>(MemoryUse::target, c, *below, Sectors{*offset});
    if (t == nullptr) return Constructed::failed(Errc::enomem, "Cannot allocate linear context");
    return {t, Errc::ok, {}};
}

class ErrorTarget final : public Target {
  public:
    explicit ErrorTarget(const TargetContext& c) : Target(c.engine, c.device, c.begin, c.length) {}
    MapResult map(TargetBio& bio, MapMay) override {
        bio.status = Errc::eio;
        return MapResult::failed;
    }
    void status(StatusKind, TextSink&) const override {}
    void destroy() override { engine_.memory.destroy(this, MemoryUse::target); }
    std::string_view type_name() const override { return "error"; }
};

class ZeroTarget final : public Target {
  public:
    explicit ZeroTarget(const TargetContext& c) : Target(c.engine, c.device, c.begin, c.length) {}
    MapResult map(TargetBio& bio, MapMay) override {
        if (bio.op == Op::read) engine_.cells.zero_cells(bio.payload, bio.length);
        engine_.complete_later(bio, Errc::ok);
        return MapResult::submitted;
    }
    void status(StatusKind, TextSink&) const override {}
    void destroy() override { engine_.memory.destroy(this, MemoryUse::target); }
    std::string_view type_name() const override { return "zero"; }
};

template <class T>
Constructed construct_without_arguments(const TargetContext& c) {
    if (c.arg_count != 0) return Constructed::failed(Errc::einval, "No arguments required");
    auto* t = c.engine.memory.create<T>(MemoryUse::target, c);
    if (t == nullptr) return Constructed::failed(Errc::enomem, "Cannot allocate context");
    return {t, Errc::ok, {}};
}

}  // namespace

void EngineTargetTypes::add_to(DeviceMapper& mapper) {
    linear.define("linear", 1, 4, construct_linear);
    error.define("error", 1, 5, [](const TargetContext& c) {
        // The kernel's error target takes, and ignores, any arguments.
        auto* t = c.engine.memory.create<ErrorTarget>(MemoryUse::target, c);
        if (t == nullptr) return Constructed::failed(Errc::enomem, "Cannot allocate context");
        return Constructed{t, Errc::ok, {}};
    });
    zero.define("zero", 1, 2, construct_without_arguments<ZeroTarget>);
    snapshot.define("snapshot", 1, 16, construct_snapshot);
    snapshot_origin.define("snapshot-origin", 1, 9, construct_snapshot_origin);
    snapshot_merge.define("snapshot-merge", 1, 5, construct_snapshot_merge);
    for (TargetType* t : {&linear, &error, &zero, &snapshot, &snapshot_origin, &snapshot_merge}) {
        mapper.add_target_type(*t);
    }
}

}  // namespace cowlab
