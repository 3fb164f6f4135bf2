// A mapped device: a name, a number, at most one live and one inactive table, and the requests
// on their way through the live one (spec §2, §18.1).
//
// As a BlockDevice it cuts requests into pieces for its targets, gives an empty flush to every
// target before data that asked for it, and holds requests while it is suspended. A piece that is
// only redirected costs a lookup; one whose target must wait is mapped on a fiber, of which a
// device has a bounded number; requests beyond that wait in a list of themselves.
//
// Verbs (load … remove) run on a fiber and are serialised per device.
#pragma once

#include "base/text.h"
#include "engine/fiber_mutex.h"
#include "engine/table.h"

namespace cowlab {

// A user's or another device's request while this device works on it.
struct Request : ListNode<> {
    Bio* bio = nullptr;
    MappedDevice* device = nullptr;
    Sectors next;                    // what is not mapped yet
    Target* flush_target = nullptr;  // where the flush fan-out stands
    std::uint32_t pieces = 1;        // in flight, plus one while mapping goes on
    std::uint8_t next_copy = 0;
    Errc status = Errc::ok;
    enum class Phase : std::uint8_t { preflush, data } phase = Phase::data;
    TargetBio* waiting = nullptr;  // the piece whose target wants a fiber
    TargetBio first;               // most requests are one piece
    bool first_in_use = false;
};

class MappedDevice final : public BlockDevice, public ListNode<MappedDevice> {
  public:
    static constexpr std::size_t name_max = 127;

    MappedDevice(Engine& engine, std::string_view name, DeviceNumber number);
    ~MappedDevice() override = default;

    // BlockDevice
    void submit(Bio& bio) override;
    Sectors capacity() const override { return capacity_; }
    const DeviceLimits& limits() const override { return limits_; }
    DeviceNumber number() const override { return number_; }

    // Verbs; fiber only.
    Errc suspend();
    Errc resume();
    void clear();
    void set_inactive(Table* table);  // takes it over; destroys the one before
    void prepare_removal();           // suspends, destroys both tables

    // Stops new requests and waits for those in flight; the targets' hooks are not called. Nothing
    // else may suspend or resume the device until internal_resume() (spec §2.7).
    void internal_suspend();
    void internal_resume();

    std::string_view name() const { return {name_, name_size_}; }
    void rename(std::string_view name);
    Table* live() const { return live_; }
    Table* inactive() const { return inactive_; }
    bool is_suspended() const { return suspended_; }
    // True once a table was loaded, whatever became of it: the device can be opened.
    bool had_table() const { return had_table_; }
    bool is_read_only() const { return live_ != nullptr && live_->mode() == TableMode::read_only; }
    std::uint64_t requests_in_flight() const { return in_flight_; }
    // Requests wait here because the user suspended the device.
    bool holds_requests_for_user() const { return suspended_ && !held_.empty(); }

    void raise_event();
    std::uint64_t event_number() const { return event_number_; }
    // Fiber: until event_number() != seen.
    void wait_for_event(std::uint64_t seen);

    // Somebody outside has it open (a job that does I/O): it cannot be removed.
    void hold() { ++holders_; }
    void release() { --holders_; }
    std::uint32_t holders() const { return holders_; }

    // A verb is using this device: removal waits for it.
    void pin() { ++pins_; }
    void unpin();
    FiberMutex& verb_mutex() { return verb_mutex_; }

    // For targets, inside map() and before anything else: only the first `length` sectors of the
    // piece are taken, the rest becomes another piece.
    static void accept_prefix(TargetBio& bio, Sectors length);

  private:
    friend class DeviceMapper;
    enum class Ended : std::uint8_t { in_main_context, while_mapping };

    bool holds_requests() const { return blocked_ || internal_; }
    void start(Bio& bio);
    void advance(Request& request, MapMay may);
    bool advance_flush(Request& request, MapMay may);
    bool advance_data(Request& request, MapMay may);
    // False when the piece wants a fiber: the request is parked with it.
    bool map_piece(Request& request, TargetBio& piece, MapMay may);
    TargetBio& new_piece(Request& request, Target& target);
    void free_piece(Request& request, TargetBio& piece);
    void park(Request& request);
    void piece_ended(Request& request, Errc status, Ended where);
    void finish(Request& request, Ended where);
    void suspend_locked();
    void release_held();
    void stop_and_drain();
    Errc resume_targets();
    void bind(Table* table);
    static void piece_done(Bio& bio);
    static void map_parked(Task& task);
    static void release_later(Task& task);

    struct MappingTask : Task {
        MappedDevice* device = nullptr;
    };

    // What is looked at for every request and by everybody who looks for a device comes first.
    Engine& engine_;
    DeviceNumber number_;
    Table* live_ = nullptr;
    Table* inactive_ = nullptr;
    Sectors capacity_;
    DeviceLimits limits_;
    bool had_table_ = false;
    bool suspended_ = false;
    bool blocked_ = false;
    bool internal_ = false;
    bool internal_was_suspended_ = false;
    std::uint64_t in_flight_ = 0;
    List<Bio> held_;
    List<Request> parked_;
    MappingTask mapping_task_;
    MappingTask release_task_;
    std::uint32_t mapping_fibers_ = 0;
    WaitQueue drained_;
    FiberMutex verb_mutex_;
    std::uint64_t event_number_ = 0;
    WaitQueue event_waiters_;
    std::uint32_t holders_ = 0;
    // The device mapper's, while it measures piles of devices.
    std::uint64_t measured_ = 0;
    unsigned pile_ = 0;
    std::uint32_t pins_ = 0;
    WaitQueue unpinned_;
    std::size_t name_size_ = 0;
    char name_[name_max + 1];
};

}  // namespace cowlab
