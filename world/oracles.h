// The oracles of world/checkers/ together: who is told what. One file each says what it holds.
#pragma once

#include "world/checkers/order_monitor.h"

namespace cowlab {

// How often each looked.
struct OracleEvaluations {
    static constexpr std::uint32_t count = 1;
    static constexpr const char* words[count] = {"ordering"};
    std::uint64_t n[count] = {};
};

class Oracles {
  public:
    explicit Oracles(const OracleContext& context) : order_(context) {}

    void request_issued(std::uint32_t actor, const Bio& bio) { order_.request_issued(actor, bio); }
    void request_done(std::uint32_t actor, const Bio& bio) { order_.request_done(actor, bio); }
    void engine_event(const Event&) {}
    void devices_changed() { order_.devices_changed(); }
    void power_lost() { order_.power_lost(); }
    void disk_tampered(std::uint32_t actor) { order_.disk_tampered(actor); }
    void raw_write(const BaseDisk& disk, const MappedDevice& device) {
        order_.raw_write(disk.actor, device.number());
    }
    void request_begins(const UserRequest& r) {
        if (r.op == Op::read) order_.user_read_begins(r);
    }
    void request_ends(const UserRequest& r, Errc) {
        if (r.op == Op::read) order_.user_read_ended(r);
    }
    void after_step(const Step&) {}

    OracleEvaluations evaluations() const {
        OracleEvaluations e;
        e.n[0] = order_.evaluations();
        return e;
    }

  private:
    OrderMonitor order_;
};

}  // namespace cowlab
