// Who judges a run: told of every user request and every change of the devices, as a user sees
// them, of every request at the disks, and of what the engine tells. The model stands behind it;
// World only reports, so that a replay without a judge is the same run.
#pragma once

#include "engine/device_mapper.h"
#include "world/disk_observer.h"

namespace cowlab {

struct UserRequest {
    MappedDevice* device = nullptr;
    Op op = Op::read;
    Sectors start;
    Sectors count;
    bool fua = false;
    Payload data;              // what is written, or what a read has read
    std::uint64_t ticket = 0;  // the judge's, between begin and end
    Sectors judged_count;      // … and how much of it is judged
    bool judged = false;
    std::uint64_t note = 0;  // the judge's too
    // The space oracle's: what stood on the device when the request began.
    std::uint8_t space_role = 0;
    bool began_overflowed = false;
};

class Judge : public DiskObserver {
  public:
    virtual void request_begins(UserRequest& request) = 0;
    virtual void request_ends(UserRequest& request, Errc status) = 0;
    // A device's live table changed, or a device went away: roles may be different now.
    virtual void devices_changed() = 0;
    virtual void power_lost() = 0;
    // A disk is written past its device, or its device is another table than the plain one.
    virtual void disk_tampered(std::string_view name) = 0;
    virtual void engine_event(const Event& event) = 0;

  protected:
    ~Judge() = default;
};

}  // namespace cowlab
