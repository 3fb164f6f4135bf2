// A simulated disk: what a block device promises, and everything it does not promise.
//
// The medium is sparse: a sector that was never written holds its initial content. Above it may
// stand a volatile write cache. A write that completed is in the cache; reads see it at once. It
// becomes durable when a flush that was submitted after it completed has itself completed, or at
// once if it carried FUA, or if the disk has no cache. Until then a power loss may leave, for every
// atomic unit on its own, any version that is not older than the newest durable one, and of a write
// in flight all, nothing or any part.
//
// Requests take effect when they complete. When that is, and whether they fail, is drawn from the
// Chooser, named by this disk and the request's purpose; named faults (`inject`) come first.
//
// Both cell modes keep content ids, so that digests agree; bytes are kept by Cells.
#pragma once

#include "sim/chooser.h"
#include "sim/sim_executor.h"
#include "world/cells.h"
#include "world/disk_observer.h"
#include "world/medium.h"

namespace cowlab {

// What a power loss could leave open, told unit by unit: of each unit its sectors, of each of these
// what it holds with choice 1 (the durable state), 2, … of ChoiceKind::survive.
class UndecidedVisitor {
  public:
    virtual void unit(Sectors first, std::uint32_t versions) = 0;
    virtual void sector(Sectors sector) = 0;
    virtual void version(ContentId id) = 0;

  protected:
    ~UndecidedVisitor() = default;
};

class SimDisk final : public Medium, public ContentHolder {
  public:
    SimDisk(Arena& arena, SimExecutor& executor, Chooser& chooser, Cells& cells,
            DiskObserver* observer, const MediumSpec& spec, DeviceNumber number,
            std::uint32_t actor);
    SimDisk(const SimDisk&) = delete;

    // BlockDevice
    void submit(Bio& bio) override;
    Sectors capacity() const override { return spec_.size; }
    const DeviceLimits& limits() const override { return limits_; }
    DeviceNumber number() const override { return number_; }

    // Medium
    ContentId raw_read(Sectors sector) override { return current_at(sector); }
    void raw_write(Sectors sector, ContentId id) override;
    void add_inject(const Inject& rule) override;
    void heal() override;
    PowerLossCount lose_power(SurvivalDefault survival) override;
    std::uint64_t content_digest() const override;
    std::uint64_t requests_in_flight() const override { return in_flight_count_; }
    bool has_volatile_writes() const override { return !cache_.empty(); }

    void for_each_content(void (*visit)(void*, ContentId), void* context) override;

    // ---- for an explorer of power losses
    void visit_undecided(UndecidedVisitor& visitor);
    // As content_digest(), of the medium alone: what no power loss can take.
    std::uint64_t durable_digest() const;
    // A sector's part in these digests, which are sums.
    static std::uint64_t sector_digest(Sectors sector, ContentId id) {
        return mix64(mix64(sector.value + 1) ^ id);
    }
    const MediumSpec& spec() const { return spec_; }

  private:
    static constexpr std::uint64_t page_sectors = 16;
    struct Page {
        std::uint64_t index;
        // In the list of pages that hold bytes which Cells keeps for us.
        Page* next_with_bytes;
        bool has_bytes;
        ContentId current[page_sectors];
        // With a cache only: what is on the medium, and the write that put it there.
        ContentId durable[page_sectors];
        std::uint64_t durable_write[page_sectors];
    };
    // A completed write that no flush has covered yet.
    struct CachedWrite : ListNode<> {
        std::uint64_t number = 0;
        Sectors start;
        Sectors length;
        ContentId* ids = nullptr;
    };
    struct InFlight : Task, ListNode<SimDisk> {
        SimDisk* disk = nullptr;
        Bio* bio = nullptr;
        std::uint64_t writes_before = 0;  // a flush covers writes that completed up to this one
        enum class Fate : std::uint8_t { ok, error, error_but_done, error_partly } fate = Fate::ok;
        std::uint32_t nth = 0;        // of its kind on this disk: which part of it is done
        std::size_t recorded_as = 0;  // in the executor's recording
        bool lies = false;
        InjectKind lie = InjectKind::eio;  // if it does: which lie
        bool is(InjectKind kind) const { return lies && lie == kind; }
    };
    struct Injected : ListNode<> {
        Inject rule;
        std::uint64_t seen = 0;
        bool spent = false;
    };
    struct BadSector : ListNode<> {
        Sectors sector;
    };
    struct Candidate;
    struct Candidates;
    Candidates collect_candidates();
    void free_candidates(const Candidates& candidates);
    std::uint64_t end_of_unit(const Candidates& candidates, std::uint64_t at) const;
    ContentId durable_at(Sectors sector) const;
    ContentId lost_at(Sectors sector) const;
    struct Orders {
        std::uint32_t count = 0;
        std::uint64_t last = 0;
    };
    static Orders distinct_orders(const Candidate* c, std::uint64_t from, std::uint64_t to,
                                  std::uint32_t nth);

    static void completed(Task& task);
    void carry_out(InFlight& request);
    void read(Bio& bio, Sectors from);
    // Sectors [first, end) of it, as if it began at `at`; `caches`: into the volatile cache.
    void write(Bio& bio, Sectors at, std::uint64_t first, std::uint64_t end, bool caches);
    Sectors behind(const Bio& bio) const;
    void flush_up_to(std::uint64_t write_number);
    void make_durable(Page& page, std::uint64_t number, std::uint64_t sector, ContentId id);
    std::uint32_t sensible_faults(const Bio& bio) const;
    bool apply_injects(const Bio& bio, InFlight& request, std::uint64_t& delay_us);
    // What lasts: bad sectors, a disk that is gone, cut off, read-only.
    bool apply_troubles(const Bio& bio, InFlight& request);
    void apply(FaultKind kind, const Bio& bio, InFlight& request);
    void begin_lasting_fault(std::uint32_t choice, const Bio& bio, InFlight& request);
    void stall_until(std::uint64_t us, const Bio& bio);
    void add_bad_sector(Sectors sector);
    void forget_bad_sectors(Sectors start, Sectors end);
    ContentId initial(std::uint64_t sector) const;
    ContentId current_at(Sectors sector) const;
    std::uint64_t slot_of(std::uint64_t index) const {
        return mix64_near(index) & (page_slots_ - 1);
    }
    Page* find_page(std::uint64_t index) const;
    Page& page_for_write(std::uint64_t index);
    void note_bytes(Page& page, ContentId id) {
        if (!is_other(id) || page.has_bytes) return;
        page.has_bytes = true;
        page.next_with_bytes = pages_with_bytes_;
        pages_with_bytes_ = &page;
    }
    void grow_pages();
    std::size_t page_bytes() const {
        return spec_.write_cache ? sizeof(Page) : offsetof(Page, durable);
    }

    Arena& arena_;
    SimExecutor& executor_;
    Chooser& chooser_;
    Cells& cells_;
    DiskObserver* observer_;
    MediumSpec spec_;
    DeviceLimits limits_;
    DeviceNumber number_;
    std::uint32_t actor_;
    Page** pages_ = nullptr;
    std::uint64_t page_slots_ = 0;
    std::uint64_t page_count_ = 0;
    Page* pages_with_bytes_ = nullptr;
    List<CachedWrite> cache_;
    std::uint64_t writes_completed_ = 0;
    List<InFlight, SimDisk> in_flight_;
    std::uint64_t in_flight_count_ = 0;
    List<Injected> injects_;
    // Lasting troubles; in_trouble_: there is one.
    bool in_trouble_ = false;
    bool vanished_ = false;
    bool read_only_ = false;
    std::uint32_t failing_purposes_ = 0;  // bit p: requests of Purpose p
    Sectors cut_off_at_{UINT64_MAX};
    List<BadSector> bad_sectors_;
    std::uint64_t stalled_until_us_ = 0;
};

}  // namespace cowlab
