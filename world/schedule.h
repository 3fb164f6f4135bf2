// When things happened in a run, so that another world can let them happen in the same order.
//
// In a world of ours all freedom is in two kinds of numbers: how long after its submission a
// request completes, and how long a fiber rests at a yield point, in the world's own clock. Both
// are kept in the order in which they came up. Whoever runs the same scenario with the same engine
// and takes the same numbers goes through the same turns; `next_request()` says so as soon as that
// is no longer true.
//
// It is kept outside the worlds, by whoever compares two of them.
#pragma once

#include <vector>

#include "engine/port/block_device.h"

namespace cowlab {

class Schedule {
  public:
    struct Request {
        std::uint32_t actor = 0;
        Op op = Op::read;
        Purpose purpose = Purpose::forwarded;
        Sectors start;
        Sectors length;
        std::uint64_t delay_us = 0;
        // While it was in flight so was another that touched its sectors, and one of the two
        // changed them: on a disk, nobody decides which of them comes first.
        bool contended = false;
    };

    // ---- recording
    void add_yield(std::uint64_t delay_us) { yields_.push_back(delay_us); }
    // Returns its index.
    std::size_t add_request(std::uint32_t actor, const Bio& bio, std::uint64_t delay_us);
    void request_done(std::size_t index);

    // ---- replay; both from the first on
    // nullptr: the recorded run asked for something else here, or for nothing more.
    const Request* next_request(std::uint32_t actor, const Bio& bio);
    bool next_yield(std::uint64_t& delay_us);
    bool is_used_up() const {
        return next_request_ == requests_.size() && next_yield_ == yields_.size();
    }

    std::size_t request_count() const { return requests_.size(); }
    const Request& request(std::size_t i) const { return requests_[i]; }
    std::size_t contended_count() const;

  private:
    std::vector<Request> requests_;
    std::vector<std::size_t> in_flight_;
    std::vector<std::uint64_t> yields_;
    std::size_t next_request_ = 0;
    std::size_t next_yield_ = 0;
};

}  // namespace cowlab
