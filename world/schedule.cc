#include "world/schedule.h"

#include <algorithm>

namespace cowlab {
namespace {

bool changes(Op op) { return op == Op::write || op == Op::discard; }

bool contend(const Schedule::Request& a, const Schedule::Request& b) {
    if (a.actor != b.actor || (!changes(a.op) && !changes(b.op))) return false;
    return a.start < b.start + b.length && b.start < a.start + a.length;
}

}  // namespace

std::size_t Schedule::add_request(std::uint32_t actor, const Bio& bio, std::uint64_t delay_us) {
    Request r{actor, bio.op, bio.purpose, bio.start, bio.length, delay_us, false};
    for (const std::size_t i : in_flight_) {
        if (!contend(requests_[i], r)) continue;
        requests_[i].contended = r.contended = true;
    }
    const std::size_t index = requests_.size();
    requests_.push_back(r);
    in_flight_.push_back(index);
    return index;
}

void Schedule::request_done(std::size_t index) {
    in_flight_.erase(std::find(in_flight_.begin(), in_flight_.end(), index));
}

const Schedule::Request* Schedule::next_request(std::uint32_t actor, const Bio& bio) {
    if (next_request_ == requests_.size()) return nullptr;
    const Request& r = requests_[next_request_];
    if (r.actor != actor || r.op != bio.op || r.purpose != bio.purpose || r.start != bio.start ||
        r.length != bio.length)
        return nullptr;
    ++next_request_;
    return &r;
}

bool Schedule::next_yield(std::uint64_t& delay_us) {
    if (next_yield_ == yields_.size()) return false;
    delay_us = yields_[next_yield_++];
    return true;
}

std::size_t Schedule::contended_count() const {
    return static_cast<std::size_t>(std::count_if(requests_.begin(), requests_.end(),
                                                  [](const Request& r) { return r.contended; }));
}

}  // namespace cowlab
