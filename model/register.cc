#include "model/register.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace cowlab::model {
namespace {

// Certain and fixed before `horizon`: a read from then on returns it or something after it.
bool is_fixed(const Version& w, Time horizon) { return w.certain && w.first < horizon; }

}  // namespace

void Register::grow(Arena& arena) {
    const std::uint32_t before = capacity();
    const std::uint32_t log = versions_ == nullptr ? 0 : log_capacity_ + 1;
    auto* versions =
        static_cast<Version*>(arena.allocate((std::size_t{2} << log) * sizeof(Version)));
    CHECK(versions != nullptr, "the world's arena has room for the model");
    if (size_ != 0) std::memcpy(static_cast<void*>(versions), versions_, size_ * sizeof(Version));
    arena.free(versions_, before * sizeof(Version));
    versions_ = versions;
    log_capacity_ = log & 31;
}

void Register::grow_if_crowded(Arena& arena) {
    if (size_ > capacity() / 2) grow(arena);
}

Version& Register::append(Arena& arena, const Version& v) {
    if (is_full()) grow(arena);
    return versions_[size_++] = v;
}

Version* Register::of_request(Time began) {
    // Retired ones too: a read may have shown it, and a later write superseded it, before it ended.
    for (std::uint32_t i = size_; i-- > 0;) {
        if (versions_[i].in_flight && versions_[i].end == began) return &versions_[i];
    }
    return nullptr;
}

void Register::remove(Version& v) {
    Version* hole = &v;
    if (hole < versions_ + retired_) {
        retired_ = (retired_ - 1) & 0x7ffffff;
        *hole = versions_[retired_];
        hole = &versions_[retired_];
    }
    *hole = versions_[--size_];
}

void Register::learn(Version& x, Interval read) {
    x.certain = 1;
    const Time first = std::min(Time{x.first}, read.end);
    Time last = std::max(Time{x.last}, read.begin);
    // What comes before x was there before x: x was yet to come then.
    for (const Version& y : all()) {
        if (&y != &x && y.certain && y.first < last) last = std::max(last, Time{y.last});
    }
    x.first = first & never;
    x.last = last & never;
    for (std::uint32_t i = size_; i-- > 0;) {
        Version& y = versions_[i];
        if (&y == &x) continue;
        const bool is_before = y.first < last;
        const bool is_after = first < y.last;
        // And what comes after x was yet to come when x was. This keeps the relation transitive:
        // should x be forgotten, what is before x is before y by their own times.
        if (is_after) y.last = std::max(Time{y.last}, last) & never;
        if (is_before && is_after && !y.certain) remove(y);
    }
}

void Register::release(Arena& arena) {
    arena.free(versions_, capacity() * sizeof(Version));
    *this = {};
}

void Register::retire(Time horizon) {
    Bound bound;
    for (const Version& w : current()) {
        if (is_fixed(w, horizon)) bound.raise(w.last);
    }
    for (std::uint32_t i = retired_; i < size_; ++i) {
        const Version& x = versions_[i];
        if (!bound.is_behind(x.first, is_fixed(x, horizon) ? Time{x.last} : 0)) continue;
        std::swap(versions_[i], versions_[retired_]);
        retired_ = (retired_ + 1) & 0x7ffffff;
    }
}

void Register::forget(const Flushes& flushes) {
    const Survival survival(all(), flushes);
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < retired_; ++i) {
        const Version v = versions_[i];
        if (v.wanted || survival.may_survive(v)) versions_[kept++] = v;
    }
    const std::uint32_t gone = retired_ - kept;
    for (std::uint32_t i = retired_; i < size_; ++i) versions_[i - gone] = versions_[i];
    size_ -= gone;
    retired_ = kept & 0x7ffffff;
}

Judge::Judge(std::span<const Version> versions, Interval read) : versions_(versions), read_(read) {
    for (const Version& w : versions) {
        if (bounds(w)) bound_.raise(w.last);
    }
}

bool Judge::may_return(const Version& x) const {
    const Time first = std::min(Time{x.first}, read_.end);
    if (bound_.is_behind(first, bounds(x) ? Time{x.last} : 0)) return false;
    if (x.last <= read_.begin) return true;
    for (const Version& w : versions_) {
        if (&w != &x && w.certain && first < w.last && w.first < x.last) return false;
    }
    return true;
}

Survival::Survival(std::span<const Version> versions, const Flushes& flushes, std::uint64_t before)
    : flushes_(flushes), before_(before) {
    for (const Version& d : versions) {
        if (is_durable(d)) bound_.raise(d.last);
    }
}

bool Survival::may_survive(const Version& x) const {
    return !bound_.is_behind(x.first, is_durable(x) ? Time{x.last} : 0);
}

}  // namespace cowlab::model
