// The reference model: what an origin and its snapshots *mean*.
//
// It knows sectors, versions and points in time. It knows no chunk, no exception, no store and no
// allocation: nothing an engine could get wrong in the same way. A user's view of the world is
// told to it (this write began, that one ended with this error, the power was lost), and it answers
// one question: is this value, read here and now, one that a correct world may show?
//
// Every sector of every volume is a register (register.h): reads and writes have a beginning and
// an end, what overlaps may have happened in either order, and the model demands exactly that
// *some* order explains everything seen (linearizability, sector by sector; nothing is demanded
// about several sectors together). Whatever the model does not know it keeps as a set of values;
// the first read that shows one of them makes it the only one from then on.
//
//   a write that ended with EIO     may have happened or not, sector by sector, and is never
//                                   counted on; if a read shows it, it happened
//   a write refused (other errors)  never happened
//   a discard                       may have written zeros or done nothing, sector by sector
//   a snapshot                      is a read of the origin at one point in time, its activation,
//                                   overlaid with the snapshot's own writes. What is uncertain
//                                   then is uncertain together: one read decides for both
//   a power loss                    leaves any version not older than the newest durable one, and
//                                   any write in flight. Durable: ended ok and carried FUA, or
//                                   ended ok before a flush of its volume began that ended ok, or
//                                   ended ok on a volume without a volatile cache
//   a snapshot at a power loss      keeps its base (G3), except where the origin had not made it
//                                   durable and no later origin write shows that it was copied
//   a merge                         makes the snapshot's view the origin's, at once; whatever
//                                   interrupts it, the merge device goes on showing that view
//                                   (G7, G8). Only who looks at the origin *without* the merge
//                                   (handed back, removed half way, or a new snapshot meanwhile)
//                                   sees old or merged content, sector by sector
//
// Lifetime: everything is in the arena given; there is no destructor. To forget a model, reset the
// arena and construct another. A Model in the arena itself is saved and restored with it.
// Cost: O(sectors of the request) for each call, if not said otherwise; "touched" sectors are the
// ones ever written, discarded or made uncertain.
// Errors: a call against a REQUIRES is a bug of the caller and fails a CHECK.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/arena.h"
#include "base/errc.h"
#include "base/units.h"
#include "model/containers.h"
#include "model/content.h"
#include "model/register.h"

namespace cowlab::model {

struct VolumeId {
    std::uint32_t value = 0;
    constexpr auto operator<=>(const VolumeId&) const = default;
};
struct OriginId : VolumeId {};
struct SnapshotId : VolumeId {};

// A request in flight. Names it until its end_*(), or until power_loss() ends all of them.
struct Op {
    std::uint32_t slot = 0;
    std::uint32_t serial = 0;
};

enum class Rule : std::uint8_t { visibility, durability, snapshot_immutability };
inline constexpr std::uint32_t rule_count = 3;
constexpr const char* name_of(Rule r) {
    switch (r) {
        case Rule::visibility: return "visibility";
        case Rule::durability: return "durability";
        case Rule::snapshot_immutability: return "snapshot-immutability";
    }
    return "?";
}

struct Violation {
    VolumeId volume;
    Sectors sector;
    ContentId observed = 0;
    ContentId allowed[4] = {};
    std::uint32_t allowed_count = 0;  // of different ids; more than 4 are counted but not listed
    Rule rule = Rule::visibility;
};

enum class WriteKind : std::uint8_t { plain, fua };

// What a discard reaches. `passdown` also discards the origin below the snapshot, and no other
// snapshot of that origin is protected from it (spec §18.9).
enum class DiscardKind : std::uint8_t { volume_only, passdown };

enum class MergeEnd : std::uint8_t {
    complete,     // everything is merged; the snapshot is gone
    interrupted,  // power loss, failure, suspend: begin_merge(), merge_handed_back() or
                  // remove_snapshot() must follow before the origin is used again
};

enum class SnapshotState : std::uint8_t { valid, invalid, merging, merge_interrupted, removed };

class Model {
  public:
    explicit Model(Arena& arena);
    Model(const Model&) = delete;
    Model& operator=(const Model&) = delete;

    // ---- volumes

    // The origin device O itself, whatever targets stand on it.
    OriginId add_origin(Sectors size, InitialContent content);
    // A snapshot becomes active now. During a merge: O(sectors the merge touched).
    SnapshotId add_snapshot(OriginId origin, Sectors size);
    // Gone for the user: a transient store, a store zeroed. A persistent snapshot whose device
    // was only removed and may come back is *not* removed but deactivated. Removing one whose merge
    // is under way leaves the origin known only as "either". O(sectors touched).
    void remove_snapshot(SnapshotId snapshot);
    // Between these two, origin writes did not protect the snapshot (its device was removed, the
    // origin was written behind its back): where the origin changed meanwhile, the base is the old
    // content or what the origin holds at the reactivation. O(sectors touched).
    void deactivate_snapshot(SnapshotId snapshot);
    void reactivate_snapshot(SnapshotId snapshot);
    void resize(VolumeId volume, Sectors size);
    // Whether completed writes of this volume wait for a flush (default: yes). Without a cache
    // they are durable as they end; what had ended before stays as it is. A merge device has a
    // cache if one of its two disks has.
    void volatile_cache(VolumeId volume, bool has_cache);

    // The engine began to make the snapshot invalid (nobody was told yet).
    void invalidation_began(SnapshotId snapshot);
    // The user could know: a status said Invalid, an event was counted, a request failed for it, or
    // a reload found it so. During a merge the origin becomes "either".
    void snapshot_invalidated(SnapshotId snapshot);
    void snapshot_overflowed(SnapshotId snapshot);
    // After a power loss and reload (strong form of spec §12.4): a snapshot that was told invalid
    // must still be; one whose invalidation had begun may be; any other must be valid.
    bool must_be_invalid(SnapshotId snapshot) const;
    bool may_be_invalid(SnapshotId snapshot) const;
    bool is_overflowed(SnapshotId snapshot) const;
    SnapshotState state_of(SnapshotId snapshot) const;
    Sectors size_of(VolumeId volume) const;

    // ---- requests
    // REQUIRES for each begin_*: the range lies inside the volume; a snapshot is valid or invalid
    // (not merging, not removed); an origin has no interrupted merge.
    // (A range that crosses the end: tell the part that fits.)

    Op begin_write(VolumeId volume, Sectors start, Sectors count, const Content& content,
                   WriteKind kind = WriteKind::plain);
    void end_write(Op op, Errc result);

    Op begin_read(VolumeId volume, Sectors start, Sectors count);
    // The read ended ok with these contents, one id a sector. Answers the first sector that no
    // correct world could show. What the other sectors show is learnt.
    std::optional<Violation> end_read(Op op, std::span<const ContentId> observed);
    // The read failed, or its data is not to be judged.
    void end_read(Op op, Errc result);

    // A flush covers the writes of its own volume; on a merge device also what was the snapshot's.
    Op begin_flush(VolumeId volume);
    void end_flush(Op op, Errc result);

    Op begin_discard(VolumeId volume, Sectors start, Sectors count,
                     DiscardKind kind = DiscardKind::volume_only);
    void end_discard(Op op, Errc result);

    // ---- power loss, merge

    // Every request in flight is lost (its Op is void); every volume holds what may have survived.
    // Transient snapshots must be removed, before or after. O(sectors touched * snapshots).
    void power_loss();

    // From now on the origin volume is the merge device. Begun again after an interruption it
    // changes nothing; begun on an invalid snapshot it changes nothing either.
    // A snapshot smaller than the origin must end where a chunk of its store ends: what a merge
    // does to the rest of that chunk, a model without chunks cannot tell (see README.md). REQUIRES:
    // no other merge of this origin is under way or interrupted. O(sectors touched * snapshots).
    void begin_merge(SnapshotId snapshot);
    void end_merge(SnapshotId snapshot, MergeEnd end);
    // The merge was stopped half way and its store is a plain snapshot again. The snapshot shows
    // what the merge device showed; the origin shows, sector by sector, that or what was below.
    // O(sectors the merge touched).
    void merge_handed_back(SnapshotId snapshot);

    // ---- questions; they change nothing

    // May a read that begins and ends now show this?
    bool allows(VolumeId volume, Sectors sector, ContentId id) const;
    // The values a read now may show: writes up to out.size() of them, gives back how many there
    // are.
    std::uint32_t allowed(VolumeId volume, Sectors sector, std::span<ContentId> out) const;
    // May the sector hold this if the power is lost now and everything is loaded again? For many
    // crash states of one moment, without a copy of the model for each; it judges every sector for
    // itself, where power_loss() and reads also find an origin and a snapshot that contradict
    // each other.
    bool may_survive(VolumeId volume, Sectors sector, ContentId id) const;
    std::uint32_t survivors(VolumeId volume, Sectors sector, std::span<ContentId> out) const;

    // Calls visit(context, volume, sector, ids) for each sector that more than one value is allowed
    // for now: by volume number, then by sector. O(touched sectors, sorted).
    using UncertainVisitor = void (*)(void* context, VolumeId volume, Sectors sector,
                                      std::span<const ContentId> ids);
    void for_each_uncertain(UncertainVisitor visit, void* context) const;

    struct Counters {
        std::uint64_t evaluated[rule_count] = {};  // sectors judged, by rule
        std::uint64_t violated[rule_count] = {};   // of these: not allowed
        std::uint64_t decided = 0;                 // reads of a sector that excluded other values
        std::uint64_t not_judged = 0;  // sectors of reads that straddled the start of a merge
        std::uint64_t power_losses = 0;
    };
    const Counters& counters() const { return counters_; }

    // Of everything the model knows; equal histories have equal digests. O(touched sectors).
    std::uint64_t digest() const;

    std::uint32_t requests_in_flight() const { return in_flight_; }

  private:
    // volume.h
    struct Page;
    struct Volume;
    struct Request;
    struct Look;
    class Matches;
    static constexpr std::uint32_t none = ~std::uint32_t{0};

    Time tick();
    Time horizon() const;
    Volume& volume(VolumeId id) const;
    Volume& origin_of(const Volume& snapshot) const;
    Volume& snapshot(SnapshotId id) const;
    Volume& add_volume(Sectors size);
    Flushes flushes_of(const Volume& v) const;
    Version first_version(const Volume& v, std::uint64_t sector) const;

    Register& register_at(Volume& v, std::uint64_t sector);
    void make_room(Volume& v, Register& r);
    void append(Volume& v, Register& r, const Version& version);
    void expose_to_discards(Volume& snapshot);
    void release_registers(Volume& v);

    Op begin_request(const Request& request);
    Request& named(Op op);
    Request take(Op op);
    void require_usable(const Volume& v, Sectors start, Sectors count) const;
    void add_versions(Volume& v, const Request& request, const Content& content, bool discard);
    void end_versions(Volume& v, const Request& request, Errc result, bool discard);

    Look judge(Volume& v, std::uint64_t sector, Register* r, ContentId id, const Request& request,
               Interval read);
    bool judge_base(const Volume& snapshot, std::uint64_t sector, ContentId id, bool is_certain);
    Violation violation(const Volume& v, Sectors sector, ContentId id, Interval read, Rule rule);

    template <class F>
    void each_base(const Volume& snapshot, std::uint64_t sector, F visit) const;
    template <class F>
    void each_allowed(const Volume& v, std::uint64_t sector, Interval read, F visit) const;
    template <class F>
    void each_survivor(const Volume& v, std::uint64_t sector, F visit) const;
    template <class F>
    void each_below_merge(const Volume& origin, std::uint64_t sector, F visit) const;
    template <class F>
    void each_only_below_merge(const Volume& origin, std::uint64_t sector, F visit) const;

    void detach(Volume& snapshot, std::uint64_t sector);
    void widen_base(Volume& snapshot, std::uint64_t sector);
    void detach_others(Volume& origin, const Volume* except, std::uint64_t sector);
    void settle_after_loss(Volume& v);
    void collapse(Volume& v, Register& r);
    void view_of(const Volume& v, const Register& r, GrowArray<Version>& view) const;
    void replace(Volume& v, Register& r, const GrowArray<Version>& view);
    void replace_by_either(Volume& v, Register& r, const GrowArray<ContentId>& ids);
    void adopt(Volume& origin, Volume& snapshot, std::uint64_t sector);
    void note_below_merge(Volume& origin, std::uint64_t sector, ContentId id);
    void split_merge(Volume& origin, Volume* give_to);
    void end_of_merge(Volume& origin);

    Arena* arena_;
    GrowArray<Volume*> volumes_;
    GrowArray<Request> requests_;
    std::uint32_t free_request_ = none;
    std::uint32_t oldest_read_ = none;
    std::uint32_t newest_read_ = none;
    std::uint32_t in_flight_ = 0;
    std::uint32_t serial_ = 0;
    Time now_ = 0;
    Counters counters_;
};

}  // namespace cowlab::model
