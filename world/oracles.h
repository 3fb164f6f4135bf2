// The oracles of world/checkers/ together: who is told what. Each file says what it holds.
#pragma once

#include <iterator>

#include "world/checkers/atomic_unit.h"
#include "world/checkers/event_count.h"
#include "world/checkers/leak.h"
#include "world/checkers/order_monitor.h"
#include "world/checkers/space.h"
#include "world/checkers/status_text.h"

namespace cowlab {

// How often each looked.
struct OracleEvaluations {
    static constexpr const char* words[] = {"ordering", "space", "events",
                                            "status",   "leak",  "atomic"};
    static constexpr std::uint32_t count = std::size(words);
    std::uint64_t n[count] = {};
};

class Oracles {
  public:
    explicit Oracles(const OracleContext& context)
        : order_(context),
          events_(context),
          space_(context, events_),
          status_(context),
          leak_(context),
          atomic_(context) {}

    void request_issued(std::uint32_t actor, const Bio& bio) {
        order_.request_issued(actor, bio);
        atomic_.request_issued(actor, bio);
    }
    void request_done(std::uint32_t actor, const Bio& bio) {
        order_.request_done(actor, bio);
        atomic_.request_done(actor, bio);
    }
    void engine_event(const Event& event) { events_.engine_event(event); }
    void devices_changed() {
        atomic_.devices_changed();
        order_.devices_changed();
        events_.devices_changed();
        space_.devices_changed();
    }
    void power_lost() {
        order_.power_lost();
        events_.power_lost();
        space_.power_lost();
        leak_.power_lost();
        atomic_.power_lost();
    }
    void disk_tampered(std::uint32_t actor) {
        order_.disk_tampered(actor);
        leak_.disk_tampered();
        atomic_.disk_tampered(actor);
    }
    // A user writes to a disk itself.
    void raw_write(const BaseDisk& disk, const MappedDevice& device) {
        order_.raw_write(disk.actor, device.number());
        status_.raw_write(device.number());
    }
    void request_begins(UserRequest& r) {
        if (r.op == Op::read) order_.user_read_begins(r);
        space_.request_begins(r);
    }
    void request_ends(const UserRequest& r, Errc status) {
        if (r.op == Op::read) order_.user_read_ended(r);
        space_.request_ends(r, status);
    }
    void after_step(const Step& step) {
        space_.after_step(step);
        events_.after_step(step);
        status_.after_step(step);
        leak_.after_step(step);
    }
    void memory_held(std::uint64_t held) { leak_.memory_held(held); }

    OracleEvaluations evaluations() const {
        return {{order_.evaluations(), space_.evaluations(), events_.evaluations(),
                 status_.evaluations(), leak_.evaluations(), atomic_.evaluations()}};
    }

  private:
    OrderMonitor order_;
    EventCount events_;
    SpaceOracle space_;
    StatusText status_;
    LeakOracle leak_;
    AtomicUnits atomic_;
};

}  // namespace cowlab
