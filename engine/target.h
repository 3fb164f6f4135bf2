// A target: what a table line becomes. The hooks are the device mapper's own.
//
// Life: the constructor function parses the arguments and opens devices; then any number of
// presuspend/postsuspend … preresume/resume rounds; then destroy(), on a fiber, which may wait.
// A target is only resumed when its table is live. I/O may run until postsuspend.
#pragma once

#include <string_view>

#include "base/text.h"
#include "engine/engine.h"
#include "engine/target_bio.h"

namespace cowlab {

class MappedDevice;
class Table;

enum class MapResult : std::uint8_t {
    remapped,   // submit the piece, as edited, to its destination
    submitted,  // the target owns the piece and will complete or submit it
    failed,     // complete it with bio.status
    must_wait,  // nothing was done: call map() again where waiting is allowed
};

// Whether map() may wait: on a fiber of the device it may, inside submit() it may not.
enum class MapMay : std::uint8_t { not_wait, wait };

enum class StatusKind : std::uint8_t { info, table };

class DeviceVisitor {
  public:
    virtual void visit(BlockDevice& device, Sectors start, Sectors length) = 0;

  protected:
    ~DeviceVisitor() = default;
};

class Target : public ListNode<> {
  public:
    Target(Engine& engine, MappedDevice& device, Sectors begin, Sectors length)
        : engine_(engine), device_(device), begin_(begin), length_(length) {}
    Target(const Target&) = delete;
    Target& operator=(const Target&) = delete;

    // REQUIRES: the piece lies inside the target and does not cross a multiple of
    // max_io_length() counted from begin(). map() may shorten a write (accept a prefix).
    virtual MapResult map(TargetBio& bio, MapMay may) = 0;
    // For every piece that completes, once; main context, may not wait. May change bio.status.
    virtual void end_io(TargetBio&) {}
    virtual void presuspend() {}
    virtual void postsuspend() {}
    // An error vetoes the resume of the whole device.
    virtual Errc preresume() { return Errc::ok; }
    virtual void resume() {}
    // Another device's capacity changed; it may be one of ours.
    virtual void devices_resized() {}
    virtual void status(StatusKind kind, TextSink& out) const = 0;
    virtual Errc message(std::string_view) { return Errc::einval; }
    virtual void for_each_device(DeviceVisitor&) const {}
    // Waits for work in progress, lets go of everything, frees itself.
    virtual void destroy() = 0;

    Sectors begin() const { return begin_; }
    Sectors length() const { return length_; }
    Sectors end() const { return begin_ + length_; }
    MappedDevice& device() const { return device_; }
    virtual std::string_view type_name() const = 0;

    // 0: no limit.
    virtual Sectors max_io_length() const { return {0}; }
    virtual Sectors discard_length_max() const { return {0}; }
    virtual std::uint8_t flush_copies() const { return 0; }
    virtual std::uint8_t discard_copies() const { return 0; }
    // True for a target that has a write cache (or discards) of its own, whatever is below.
    virtual bool has_write_cache() const { return false; }
    virtual bool always_discards() const { return false; }

  protected:
    virtual ~Target() = default;

    Engine& engine_;
    MappedDevice& device_;
    Sectors begin_;
    Sectors length_;
};

}  // namespace cowlab
