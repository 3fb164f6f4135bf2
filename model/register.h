// A register: one sector of one volume, its versions, and what may be read from it.
//
// Reads and writes take time. A register is correct if every request can be given one point
// between its beginning and its end at which it took effect, so that each read returns the write
// before it. We never look for such points. For each version we keep two times instead,
//
//   first   by then it had taken effect (if it ever did): the earliest end among the write and the
//           reads that returned it;
//   last    it was still there, or yet to come, then: the latest beginning among them;
//
// and one relation follows: if a.first < b.last then a came before b. A read may return x if,
// counted among the requests of x, it brings no version into conflict with x: no w that must come
// both before and after it. (Gibbons and Korach, "Testing shared memories", 1997, prove that no
// such pair is all that is needed.) Versions before a version that a read cannot go back behind
// may be forgotten: the relation is kept transitive (Register::learn), so nothing is lost with
// them.
//
// Durability uses the same relation: at a power loss a version may survive unless it came before a
// durable one.
//
// A write that failed and a discard are *uncertain* versions: they may be returned, but they force
// nothing before or after them until a read has shown them.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.h"
#include "model/content.h"

namespace cowlab::model {

// The model's own clock: it goes on by 2 for each event, so that there is a time just before each.
using Time = std::uint64_t;
inline constexpr unsigned time_bits = 44;
inline constexpr Time never = (Time{1} << time_bits) - 1;

// The beginning and the end of a read.
struct Interval {
    Time begin = 0;
    Time end = 0;
};

struct Version {
    ContentId value = 0;
    std::uint64_t first : time_bits = 0;
    std::uint64_t epoch : 20 = 0;  // how many snapshots its origin had had when it began
    std::uint64_t last : time_bits = 0;
    std::uint64_t certain : 1 = 0;    // it did happen: it ended ok, or a read returned it
    std::uint64_t in_flight : 1 = 0;  // `end` then holds when it began: the name of its request
    std::uint64_t durable : 1 = 0;    // (or by a flush: see Flushes)
    std::uint64_t through : 1 = 0;  // stands for the snapshot's base, to be looked up in the origin
    std::uint64_t base : 1 = 0;     // is (one candidate for) the snapshot's base
    std::uint64_t survived : 1 = 0;           // came through a power loss
    std::uint64_t flushed_by_origin : 1 = 0;  // in a snapshot, but it lies in the origin's cache
    std::uint64_t copies_nothing : 1 = 0;     // no sign that a snapshot's store has the sector
    std::uint64_t wanted : 1 = 0;             // scratch of whoever calls forget()
    std::uint64_t unused : 11 = 0;
    std::uint64_t end : time_bits = 0;  // when it ended; `never` if no flush can make it durable
    std::uint64_t unused2 : 20 = 0;
};
static_assert(sizeof(Version) == 32, "four words, as a sector may have many versions");

// Up to when completed writes are durable: the beginning of the last flush that ended ok.
struct Flushes {
    Time own = 0;
    Time origin = 0;
    bool cover(const Version& v) const {
        return v.durable || (v.end < (v.flushed_by_origin ? origin : own) && !v.in_flight);
    }
};

// The versions of one sector. The first `retired()` of them can no more be read, and are kept for
// what else may ask for them: a snapshot, or a power loss.
class Register {
  public:
    bool exists() const { return size_ != 0; }
    std::uint32_t size() const { return size_; }
    std::uint32_t retired() const { return retired_; }
    std::span<Version> all() { return {versions_, size_}; }
    std::span<const Version> all() const { return {versions_, size_}; }
    std::span<Version> current() { return {versions_ + retired_, size_ - retired_}; }
    std::span<const Version> current() const { return {versions_ + retired_, size_ - retired_}; }

    bool is_full() const { return size_ == capacity(); }
    Version& append(Arena& arena, const Version& v);
    // To be called on a full register after forget(): grows if that did not help much.
    void grow_if_crowded(Arena& arena);
    // The version of the request that began then; nullptr if there is none.
    Version* of_request(Time began);
    void remove(Version& v);
    void clear() { size_ = retired_ = 0; }
    void make_current() { retired_ = 0; }
    void release(Arena& arena);

    // A read returned x: takes in what follows for x and all others, and drops the uncertain
    // versions that this shows never happened (x may move). REQUIRES: the read may return x.
    void learn(Version& x, Interval read);
    // Retires every current version that no read beginning at `horizon` or later can return.
    void retire(Time horizon);
    // Forgets the retired versions that a power loss cannot bring back and nobody wants.
    void forget(const Flushes& flushes);

  private:
    std::uint32_t capacity() const { return versions_ == nullptr ? 0 : 2u << log_capacity_; }
    void grow(Arena& arena);

    Version* versions_ = nullptr;
    std::uint32_t size_ = 0;
    std::uint32_t retired_ : 27 = 0;
    std::uint32_t log_capacity_ : 5 = 0;
};

// The latest `last` among some versions: what is before it is before one of them. A version is not
// before itself, so the second latest is kept too.
class Bound {
  public:
    void raise(Time last) {
        if (last > latest_) {
            second_ = latest_;
            latest_ = last;
        } else if (last > second_) {
            second_ = last;
        }
    }
    // Does something that `first` belongs to come before one of them? If it is one of them itself,
    // tell its own `last`, else 0.
    bool is_behind(Time first, Time own_last) const {
        return first < (own_last == latest_ ? second_ : latest_);
    }

  private:
    Time latest_ = 0;
    Time second_ = 0;
};

// Decides for one read which of the versions it may return. O(versions) to set up, O(1) a version
// as long as no other read began after this one and returned it.
class Judge {
  public:
    Judge(std::span<const Version> versions, Interval read);
    bool may_return(const Version& x) const;

  private:
    // A certain version that had taken effect before the read began.
    bool bounds(const Version& w) const { return w.certain && w.first < read_.begin; }

    std::span<const Version> versions_;
    Interval read_;
    Bound bound_;
};

// Decides which of the versions may be there after a power loss now; or may have, if nothing of
// epoch `before` or later had been written.
class Survival {
  public:
    static constexpr std::uint64_t all_epochs = ~std::uint64_t{0};
    Survival(std::span<const Version> versions, const Flushes& flushes,
             std::uint64_t before = all_epochs);
    bool may_survive(const Version& x) const;
    bool is_durable(const Version& x) const {
        return x.certain && x.epoch < before_ && flushes_.cover(x);
    }

  private:
    Flushes flushes_;
    std::uint64_t before_;
    Bound bound_;
};

}  // namespace cowlab::model
