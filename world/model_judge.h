// The judge with the reference model behind it: says whether what a user saw may be.
//
// It knows devices by what stands in their live tables and names snapshots by (origin disk, COW
// disk), so that a reload, a handover or a power loss does not change who is who. What it cannot
// follow (stacks, tables that break the user's contract) it does not judge.
//
// Oracles: visibility, durability and snapshot immutability (the model's); structure of every COW
// image (checkers/store_structure.h) at power loss and at `check`; containment: nobody fails, and
// no snapshot dies, without a cause at the disks or a full COW device.
#pragma once

#include "engine/snapshot_merge.h"
#include "engine/snapshot_origin.h"
#include "model/model.h"
#include "world/checkers/store_structure.h"
#include "world/oracles.h"
#include "world/verdict.h"
#include "world/world.h"

namespace cowlab {

class ModelJudge final : public Judge, private JudgedDisks {
  public:
    explicit ModelJudge(World& world);

    // Judge
    void request_begins(UserRequest& request) override;
    void request_ends(UserRequest& request, Errc status) override;
    void devices_changed() override;
    void power_lost() override;
    void disk_tampered(std::string_view name) override;
    void engine_event(const Event& event) override;
    void request_issued(std::uint32_t actor, const Bio& bio) override {
        oracles_.request_issued(actor, bio);
    }
    void request_done(std::uint32_t actor, const Bio& bio) override {
        oracles_.request_done(actor, bio);
    }

    // After each step: what the engine told nobody yet but would.
    void after_step(const Step& step, const Answer& answer);
    // Bytes the engine holds; when there may be no device but the disks' own.
    void memory_held(std::uint64_t held) { oracles_.memory_held(held); }
    // Structure of all stores; `quiet`: nothing in flight, so tables and disks must agree.
    void check_structure(bool quiet);

    const Verdict& verdict() const { return verdict_; }
    // That oracle goes on judging, and nobody listens.
    void mute(std::string_view oracle) { verdict_.mute(oracle); }
    void fail(std::string_view word, std::uint32_t invariant, std::string_view text) {
        verdict_.fail(word, invariant, world_.steps_run(), text);
    }
    model::Model& model() { return model_; }
    // Of all that decides what it will say; equal histories have equal digests.
    std::uint64_t digest() const;
    // How often each oracle looked.
    struct Evaluations {
        std::uint64_t structure = 0;
        std::uint64_t containment = 0;
        OracleEvaluations oracles;
    };
    Evaluations evaluations() const {
        Evaluations e = evaluations_;
        e.oracles = oracles_.evaluations();
        return e;
    }

  private:
    static constexpr std::uint32_t origins_max = 8;
    static constexpr std::uint32_t snapshots_max = 32;
    static constexpr std::uint32_t disks_max = 64;

    struct OriginEntry {
        std::uint32_t actor = 0;
        model::OriginId id;
        bool unjudged = false;
    };
    enum class State : std::uint8_t { active, gone, merging, merged, dead };
    struct SnapshotEntry {
        std::uint32_t origin_actor = 0;
        std::uint32_t cow_actor = 0;
        std::uint32_t origin_index = 0;
        model::SnapshotId id;
        State state = State::active;
        bool transient = false;
        bool after_loss = false;  // not seen again since the power was lost
        bool header_write_failed = false;
        bool merge_done = false;
        bool may_die = false;
    };
    // Who stands where right now.
    struct Place {
        enum class Role : std::uint8_t { none, origin, snapshot, merge } role = Role::none;
        BaseDisk* origin_disk = nullptr;
        BaseDisk* cow_disk = nullptr;
        Snapshot* snapshot = nullptr;
        // False for a destination that waits for its handover: requests to it are this snapshot's
        // already, but its state says nothing yet.
        bool settled = true;
    };

    bool is_judged(const BlockDevice& origin) override;

    Place place_of(MappedDevice& device);
    // The part of a place that stays as long as its table and the devices do.
    struct KnownPlace {
        const MappedDevice* device = nullptr;
        const Table* live = nullptr;
        std::uint64_t as_of = 0;  // of places_as_of_
        Place place;
    };
    static constexpr std::size_t places_max = 16;
    // REQUIRES: it has a live table.
    const Place& known_place(MappedDevice& device) {
        KnownPlace& known = places_[device.number().minor % places_max];
        if (known.device != &device || known.live != device.live() || known.as_of != places_as_of_)
            known = {&device, device.live(), places_as_of_, learn_place(device)};
        return known.place;
    }
    Place learn_place(MappedDevice& device);
    void forget_places() { ++places_as_of_; }
    BaseDisk* disk_of(const BlockDevice& device);
    void name_disks();
    std::uint32_t origin_index(BaseDisk& disk);
    SnapshotEntry* find(const Place& place);
    SnapshotEntry& add(const Place& place);
    void learn_exceptions(const Place& place, SnapshotEntry& entry);
    void follow(const Place& place);
    void follow_validity(SnapshotEntry& entry, Snapshot& snapshot);
    void note_missing(SnapshotEntry& entry);
    void note_header_errors();
    void follow_early_merges();
    void devices_changed_validity_only();
    void note_raw_write(const MappedDevice& device, Sectors start);
    bool is_live(const SnapshotEntry& entry);
    std::uint64_t copies_so_far(const BaseDisk& origin, bool& pending);
    void give_up_stacks();
    void give_up_interrupted_merges(const BaseDisk& origin);
    void restore_cache(const SnapshotEntry& entry);
    static void describe(TextSink& out, const SectorContent& content);
    bool volume_of(const Place& place, model::VolumeId& out);
    bool has_unjudged_origin() const;
    bool has_all_disks() const;
    bool ends_inside_a_chunk(const Place& place, const SnapshotEntry& entry) const;
    bool has_other_merge(const SnapshotEntry& entry) const;
    bool has_absent_sibling(const SnapshotEntry& e);
    void note_fault_table(const FaultSpec& fault, std::string_view features);
    bool has_reason_to_die(const Snapshot& snapshot) const;
    static bool is_nearly_full(const Snapshot& snapshot);

    // The disks by the numbers of their devices, as of the last change of devices.
    struct NamedDisk {
        DeviceNumber number;
        BaseDisk* disk = nullptr;
    };

    World& world_;
    Arena& arena_;
    NamedDisk named_[disks_max];
    std::uint32_t named_count_ = 0;
    KnownPlace places_[places_max];
    std::uint64_t places_as_of_ = 1;
    model::Model model_;
    Verdict verdict_;
    OriginEntry origins_[origins_max];
    std::uint32_t origin_count_ = 0;
    SnapshotEntry snapshots_[snapshots_max];
    std::uint32_t snapshot_count_ = 0;
    std::uint64_t errors_at_loss_ = 0;
    std::uint64_t header_errors_seen_ = 0;
    std::uint64_t losses_checked_ = 0;
    bool reload_ended_ = false;  // since the last power loss
    bool tables_of_two_lives_ = false;
    bool stores_written_ = false;  // a disk was written past the engine
    Evaluations evaluations_;
    Oracles oracles_;
};

}  // namespace cowlab
