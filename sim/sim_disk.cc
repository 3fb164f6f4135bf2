#include "sim/sim_disk.h"

#include <algorithm>
#include <new>

#include "base/prefetch.h"

namespace cowlab {
namespace {
constexpr std::uint64_t stall_us = 50'000;  // an episode that was drawn
constexpr std::uint64_t garbage_seed = 0xdead;
ContentId garbage_at(Sectors sector) { return pattern_word(garbage_seed, sector.value); }

// A lie is one about an operation.
bool can_tell(InjectKind lie, const Bio& bio) {
    switch (lie) {
        case InjectKind::lying_flush: return bio.op == Op::flush || bio.preflush;
        case InjectKind::ignored_fua: return bio.op == Op::write && bio.fua;
        case InjectKind::phantom_write:
        case InjectKind::misdirected_write: return bio.op == Op::write;
        case InjectKind::misdirected_read:
        case InjectKind::bit_rot:
        case InjectKind::bit_flip: return bio.op == Op::read;
        default: return true;
    }
}
}  // namespace

SimDisk::SimDisk(Arena& arena, SimExecutor& executor, Chooser& chooser, Cells& cells,
                 DiskObserver* observer, const MediumSpec& spec, DeviceNumber number,
                 std::uint32_t actor)
    : arena_(arena),
      executor_(executor),
      chooser_(chooser),
      cells_(cells),
      observer_(observer),
      spec_(spec),
      number_(number),
      actor_(actor) {
    limits_.logical_block = spec.logical_block;
    limits_.physical_block = limits_.io_min = spec.physical_block;
    limits_.write_cache = spec.write_cache;
    limits_.discard = spec.discard;
    cells_.add_holder(*this);
}

// ---- Requests ---------------------------------------------------------------------------------

void SimDisk::submit(Bio& bio) {
    void* p = arena_.allocate(sizeof(InFlight));
    CHECK(p != nullptr, "a world's arena has room for requests in flight");
    auto& request = *new (p) InFlight();
    request.disk = this;
    request.bio = &bio;
    request.run = &SimDisk::completed;
    request.writes_before = writes_completed_;
    in_flight_.push_back(request);
    ++in_flight_count_;
    if (observer_ != nullptr) observer_->request_issued(actor_, bio);

    const Chooser::RequestFate fate =
        chooser_.choose_fate(actor_, bio.purpose, bio.op,
                             chooser_.may_draw_fault(bio.purpose) ? sensible_faults(bio) : 0);
    request.nth = fate.nth;
    std::uint64_t delay_us = fate.delay_us;
    if (fate.delay_us > chooser_.usual_latency_max() && chooser_.usual_latency_max() > 0)
        chooser_.count_delivered(FaultKind::slow, static_cast<std::uint32_t>(bio.purpose));
    if (bio.op != Op::flush && (bio.end() > spec_.size || bio.end() < bio.start)) {
        request.fate = InFlight::Fate::error;
    } else if (!apply_injects(bio, request, delay_us) &&
               !(in_trouble_ && apply_troubles(bio, request))) {
        switch (fate.fault) {
            case fault_eio:
                apply(bio.op == Op::flush ? FaultKind::flush : FaultKind::eio, bio, request);
                break;
            case fault_written: apply(FaultKind::eio_written, bio, request); break;
            case fault_partly: apply(FaultKind::eio_partly, bio, request); break;
            case fault_latent: apply(FaultKind::latent, bio, request); break;
            case fault_stall: stall_until(executor_.now_us() + stall_us, bio); break;
            case fault_from_here:
            case fault_vanish:
            case fault_read_only: begin_lasting_fault(fate.fault, bio, request); break;
            default: break;
        }
    }
    const std::uint64_t now = executor_.now_us();
    if (now + delay_us < stalled_until_us_) delay_us = stalled_until_us_ - now;
    if (Schedule* recording = executor_.recording(); recording != nullptr)
        request.recorded_as = recording->add_request(actor_, bio, delay_us);
    executor_.post_after(request, delay_us);
    if (page_slots_ > 0) prefetch(&pages_[slot_of(bio.start.value / page_sectors)]);
}

// ---- Faults -----------------------------------------------------------------------------------

// What makes sense for this request, and is within the atlas (unless the run has left it).
std::uint32_t SimDisk::sensible_faults(const Bio& bio) const {
    const auto column = static_cast<std::uint32_t>(bio.purpose);
    const auto may = [&](FaultKind kind, FaultChoice choice) {
        return chooser_.allows(kind, column) ? 1u << choice : 0u;
    };
    std::uint32_t faults = may(FaultKind::stall, fault_stall);
    switch (bio.op) {
        case Op::read:
            faults |= may(FaultKind::eio, fault_eio) | may(FaultKind::latent, fault_latent);
            break;
        case Op::write:
            faults |= may(FaultKind::eio, fault_eio) | may(FaultKind::eio_written, fault_written) |
                      may(FaultKind::eio_partly, fault_partly);
            break;
        case Op::discard: faults |= may(FaultKind::eio, fault_eio); break;
        case Op::flush: faults |= may(FaultKind::flush, fault_eio); break;
    }
    return faults;
}

void SimDisk::apply(FaultKind kind, const Bio& bio, InFlight& request) {
    chooser_.count_delivered(kind, static_cast<std::uint32_t>(bio.purpose));
    request.fate = InFlight::Fate::error;
    if (kind == FaultKind::eio_written) request.fate = InFlight::Fate::error_but_done;
    if (kind == FaultKind::eio_partly) request.fate = InFlight::Fate::error_partly;
    if (kind == FaultKind::latent && bio.op != Op::flush) add_bad_sector(bio.start);
}

// Pinned to this request, and not over with it.
void SimDisk::begin_lasting_fault(std::uint32_t choice, const Bio& bio, InFlight& request) {
    in_trouble_ = true;
    if (choice == fault_vanish) vanished_ = true;
    if (choice == fault_read_only) read_only_ = true;
    if (choice == fault_from_here) failing_purposes_ |= 1u << static_cast<unsigned>(bio.purpose);
    apply_troubles(bio, request);
}

void SimDisk::stall_until(std::uint64_t us, const Bio& bio) {
    chooser_.count_delivered(FaultKind::stall, static_cast<std::uint32_t>(bio.purpose));
    if (us > stalled_until_us_) stalled_until_us_ = us;
}

bool SimDisk::apply_troubles(const Bio& bio, InFlight& request) {
    const bool writes = bio.op == Op::write || bio.op == Op::discard;
    if (vanished_) {
        apply(FaultKind::vanish, bio, request);
    } else if ((failing_purposes_ >> static_cast<unsigned>(bio.purpose) & 1) != 0) {
        apply(bio.op == Op::flush ? FaultKind::flush : FaultKind::eio, bio, request);
    } else if (read_only_ && writes) {
        apply(FaultKind::read_only, bio, request);
    } else if (bio.op != Op::flush && bio.end() > cut_off_at_) {
        apply(FaultKind::shrink, bio, request);
    } else {
        if (bio.op != Op::read) return false;
        for (const BadSector& bad : bad_sectors_) {
            if (bad.sector < bio.start || bad.sector >= bio.end()) continue;
            chooser_.count_delivered(FaultKind::latent, static_cast<std::uint32_t>(bio.purpose));
            request.fate = InFlight::Fate::error;
            return true;
        }
        return false;
    }
    return true;
}

void SimDisk::add_bad_sector(Sectors sector) {
    void* p = arena_.allocate(sizeof(BadSector));
    CHECK(p != nullptr, "a world's arena has room for bad sectors");
    auto& bad = *new (p) BadSector();
    bad.sector = sector;
    bad_sectors_.push_back(bad);
    in_trouble_ = true;
}

void SimDisk::forget_bad_sectors(Sectors start, Sectors end) {
    List<BadSector> left;
    while (!bad_sectors_.empty()) {
        BadSector& bad = bad_sectors_.pop_front();
        if (bad.sector < start || bad.sector >= end) {
            left.push_back(bad);
        } else {
            arena_.free(&bad, sizeof(BadSector));
        }
    }
    bad_sectors_.splice_back(left);
}

void SimDisk::heal() {
    while (!injects_.empty()) arena_.free(&injects_.pop_front(), sizeof(Injected));
    forget_bad_sectors({0}, {UINT64_MAX});
    in_trouble_ = vanished_ = read_only_ = false;
    failing_purposes_ = 0;
    cut_off_at_ = {UINT64_MAX};
    stalled_until_us_ = 0;
}

// True if a rule decides what becomes of this request.
bool SimDisk::apply_injects(const Bio& bio, InFlight& request, std::uint64_t& delay_us) {
    bool decided = false;
    for (Injected& i : injects_) {
        const Inject& r = i.rule;
        if (i.spent || !matches(r.request_class, bio) || !can_tell(r.kind, bio)) continue;
        if (!r.anywhere && (bio.end() <= r.start || bio.start >= r.start + r.count)) continue;
        ++i.seen;
        if (r.times == InjectTimes::nth && i.seen != r.nth) continue;
        if (r.times != InjectTimes::sticky) i.spent = true;
        const auto column = static_cast<std::uint32_t>(bio.purpose);
        switch (r.kind) {
            case InjectKind::slow:
                delay_us += r.ms.value * 1000;
                chooser_.count_delivered(FaultKind::slow, column);
                continue;
            case InjectKind::stall:
                stall_until(executor_.now_us() + r.ms.value * 1000, bio);
                continue;
            case InjectKind::eio:
                apply(bio.op == Op::flush ? FaultKind::flush : FaultKind::eio, bio, request);
                break;
            case InjectKind::eio_written: apply(FaultKind::eio_written, bio, request); break;
            case InjectKind::eio_partly: apply(FaultKind::eio_partly, bio, request); break;
            case InjectKind::latent: apply(FaultKind::latent, bio, request); break;
            case InjectKind::vanish:
            case InjectKind::shrink:
            case InjectKind::read_only:
                in_trouble_ = true;
                if (r.kind == InjectKind::vanish) vanished_ = true;
                if (r.kind == InjectKind::read_only) read_only_ = true;
                if (r.kind == InjectKind::shrink)
                    cut_off_at_ =
                        min(cut_off_at_, r.anywhere ? Sectors{spec_.size.value / 2} : r.start);
                i.spent = true;
                continue;  // and apply_troubles() meets this request already
            case InjectKind::lying_flush:
            case InjectKind::ignored_fua:
            case InjectKind::phantom_write:
            case InjectKind::misdirected_write:
            case InjectKind::misdirected_read:
            case InjectKind::bit_rot:
            case InjectKind::bit_flip:
                request.lies = true;
                request.lie = r.kind;
                chooser_.count_delivered(FaultKind::lie, column);
                break;
        }
        decided = true;
    }
    return decided;
}

void SimDisk::add_inject(const Inject& rule) {
    void* p = arena_.allocate(sizeof(Injected));
    CHECK(p != nullptr, "a world's arena has room for faults");
    auto& injected = *new (p) Injected();
    injected.rule = rule;
    injects_.push_back(injected);
}

void SimDisk::completed(Task& task) {
    auto& request = static_cast<InFlight&>(task);
    SimDisk& disk = *request.disk;
    Bio& bio = *request.bio;
    if (request.fate != InFlight::Fate::error) disk.carry_out(request);
    bio.status = request.fate == InFlight::Fate::ok ? Errc::ok : Errc::eio;
    if (Schedule* recording = disk.executor_.recording(); recording != nullptr)
        recording->request_done(request.recorded_as);
    static_cast<ListNode<SimDisk>&>(request).unlink();
    --disk.in_flight_count_;
    disk.arena_.free(&request, sizeof(InFlight));
    if (disk.observer_ != nullptr) disk.observer_->request_done(disk.actor_, bio);
    bio.done(bio);
}

void SimDisk::carry_out(InFlight& request) {
    Bio& bio = *request.bio;
    const bool failed = request.fate == InFlight::Fate::error_partly;
    const bool flushes = bio.op == Op::flush || (bio.preflush && !failed);
    if (flushes && !request.is(InjectKind::lying_flush)) flush_up_to(request.writes_before);
    const bool caches = spec_.write_cache && (!bio.fua || request.is(InjectKind::ignored_fua));
    switch (bio.op) {
        case Op::read:
            if (request.is(InjectKind::bit_rot)) raw_write(bio.start, garbage_at(bio.start));
            read(bio, request.is(InjectKind::misdirected_read) ? behind(bio) : bio.start);
            if (request.is(InjectKind::bit_flip))
                cells_.set_content(bio.payload, 0, garbage_at(bio.start));
            break;
        case Op::write: {
            if (request.is(InjectKind::phantom_write)) break;
            // Of a write that is done in part: the first sectors, or the last.
            const std::uint64_t length = bio.length.value;
            std::uint64_t first = 0, end = length;
            if (request.fate == InFlight::Fate::error_partly) {
                const std::uint64_t cut = length > 1 ? 1 + request.nth / 2 % (length - 1) : 0;
                if (request.nth % 2 == 0) first = length > 1 ? cut : length;
                if (request.nth % 2 != 0) end = cut;
            }
            const bool strays = request.is(InjectKind::misdirected_write);
            write(bio, strays ? behind(bio) : bio.start, first, end, caches);
            break;
        }
        case Op::discard:
            // It reads zeros afterwards.
            if (spec_.discard) write(bio, bio.start, 0, bio.length.value, caches);
            break;
        case Op::flush: break;
    }
}

// Where a request goes astray to: the place of its length behind its own, or else before it.
Sectors SimDisk::behind(const Bio& bio) const {
    if (bio.end() + bio.length <= spec_.size) return bio.end();
    return bio.start >= bio.length ? bio.start - bio.length : Sectors{0};
}

void SimDisk::read(Bio& bio, Sectors from) {
    const Page* page = nullptr;
    for (std::uint64_t i = 0; i < bio.length.value; ++i) {
        const std::uint64_t sector = from.value + i;
        if (i == 0 || sector % page_sectors == 0) page = find_page(sector / page_sectors);
        cells_.set_content(
            bio.payload, i,
            page == nullptr ? initial(sector) : page->current[sector % page_sectors]);
    }
}

void SimDisk::write(Bio& bio, Sectors at, std::uint64_t first, std::uint64_t end, bool caches) {
    if (!bad_sectors_.empty()) forget_bad_sectors(at + Sectors{first}, at + Sectors{end});
    const std::uint64_t number = ++writes_completed_;
    CachedWrite* cached = nullptr;
    if (caches && end > first) {
        const std::size_t size = sizeof(CachedWrite) + (end - first) * sizeof(ContentId);
        void* p = arena_.allocate(size);
        CHECK(p != nullptr, "a world's arena has room for a disk's cache");
        cached = new (p) CachedWrite();
        cached->number = number;
        cached->start = at + Sectors{first};
        cached->length = {end - first};
        cached->ids = reinterpret_cast<ContentId*>(cached + 1);
        for (std::uint64_t i = 0; i < end - first; ++i) cached->ids[i] = zero_content;
        cache_.push_back(*cached);
    }
    const bool zeros = bio.op == Op::discard || bio.payload.kind() == Payload::Kind::zeros;
    Page* known = nullptr;  // pages stay where they are
    for (std::uint64_t i = first; i < end; ++i) {
        const std::uint64_t sector = at.value + i;
        const std::uint64_t index = sector / page_sectors;
        if (zeros && !caches && sector % page_sectors == 0 && end - i >= page_sectors &&
            spec_.content != DiskContent::fill && find_page(index) == nullptr) {
            i += page_sectors - 1;  // zeros over zeros that nobody ever touched
            continue;
        }
        const ContentId id = zeros ? zero_content : cells_.content(bio.payload, i);
        if (cached != nullptr) cached->ids[i - first] = id;
        if (known == nullptr || known->index != index) known = &page_for_write(index);
        Page& page = *known;
        page.current[sector % page_sectors] = id;
        note_bytes(page, id);
        if (spec_.write_cache && !caches) make_durable(page, number, sector, id);
    }
}

void SimDisk::make_durable(Page& page, std::uint64_t number, std::uint64_t sector, ContentId id) {
    const std::uint64_t i = sector % page_sectors;
    if (number <= page.durable_write[i]) return;  // a newer version is on the medium already
    page.durable[i] = id;
    page.durable_write[i] = number;
    note_bytes(page, id);
}

void SimDisk::flush_up_to(std::uint64_t write_number) {
    while (!cache_.empty() && cache_.front().number <= write_number) {
        CachedWrite& w = cache_.pop_front();
        Page* page = nullptr;
        for (std::uint64_t i = 0; i < w.length.value; ++i) {
            const std::uint64_t sector = w.start.value + i;
            if (i == 0 || sector % page_sectors == 0) page = &page_for_write(sector / page_sectors);
            make_durable(*page, w.number, sector, w.ids[i]);
        }
        arena_.free(&w, sizeof(CachedWrite) + w.length.value * sizeof(ContentId));
    }
}

// ---- Power loss -------------------------------------------------------------------------------

// One version of one sector that could survive: not older than the newest durable one.
struct SimDisk::Candidate {
    std::uint64_t sector;
    std::uint64_t order;  // completed writes by number, those in flight after them
    ContentId id;
};

// How many writes are among candidates [from, to), and which is the `nth` of them by age (from 1).
SimDisk::Orders SimDisk::distinct_orders(const Candidate* c, std::uint64_t from, std::uint64_t to,
                                         std::uint32_t nth) {
    Orders result;
    std::uint64_t after = 0;
    while (result.count < nth) {
        std::uint64_t next = UINT64_MAX;
        for (std::uint64_t i = from; i < to; ++i) {
            if (c[i].order > after && c[i].order < next) next = c[i].order;
        }
        if (next == UINT64_MAX) break;
        ++result.count;
        result.last = after = next;
    }
    return result;
}

// Everything of which a power loss now could leave one version or another, by sector and age.
struct SimDisk::Candidates {
    Candidate* all = nullptr;
    std::uint64_t capacity = 0;
    std::uint64_t count = 0;
    std::uint64_t newest = 0;  // the number of the newest write
};

SimDisk::Candidates SimDisk::collect_candidates() {
    Candidates result;
    for (const CachedWrite& w : cache_) result.capacity += w.length.value;
    for (const InFlight& f : in_flight_) {
        if (f.bio->op == Op::write || f.bio->op == Op::discard)
            result.capacity += f.bio->length.value;
    }
    result.newest = writes_completed_;
    if (result.capacity == 0) return result;
    result.all = static_cast<Candidate*>(arena_.allocate(result.capacity * sizeof(Candidate)));
    CHECK(result.all != nullptr, "a world's arena has room for what may survive");
    const auto add = [&](std::uint64_t sector, std::uint64_t order, ContentId id) {
        if (sector >= spec_.size.value) return;
        if (spec_.write_cache) {
            const Page* page = find_page(sector / page_sectors);
            if (page != nullptr && order <= page->durable_write[sector % page_sectors]) return;
        }
        result.all[result.count++] = {sector, order, id};
    };
    for (const CachedWrite& w : cache_) {
        for (std::uint64_t i = 0; i < w.length.value; ++i)
            add(w.start.value + i, w.number, w.ids[i]);
    }
    for (const InFlight& f : in_flight_) {
        const Bio& bio = *f.bio;
        if (bio.op != Op::write && bio.op != Op::discard) continue;
        ++result.newest;
        const bool zeros = bio.op == Op::discard || bio.payload.kind() == Payload::Kind::zeros;
        for (std::uint64_t i = 0; i < bio.length.value; ++i) {
            add(bio.start.value + i, result.newest,
                zeros ? zero_content : cells_.content(bio.payload, i));
        }
    }
    std::sort(result.all, result.all + result.count, [](const Candidate& a, const Candidate& b) {
        return a.sector != b.sector ? a.sector < b.sector : a.order < b.order;
    });
    return result;
}

void SimDisk::free_candidates(const Candidates& c) {
    if (c.all != nullptr) arena_.free(c.all, c.capacity * sizeof(Candidate));
}

ContentId SimDisk::durable_at(Sectors sector) const {
    const Page* page = find_page(sector.value / page_sectors);
    if (page == nullptr) return initial(sector.value);
    const std::uint64_t i = sector.value % page_sectors;
    return spec_.write_cache ? page->durable[i] : page->current[i];
}

// A sector of which no newer version was left.
ContentId SimDisk::lost_at(Sectors sector) const {
    switch (spec_.lost) {
        case LostSectors::as_before: break;
        case LostSectors::zero: return zero_content;
        case LostSectors::garbage: return garbage_at(sector);
    }
    return durable_at(sector);
}

PowerLossCount SimDisk::lose_power(SurvivalDefault survival) {
    PowerLossCount result;
    cells_.allow_dropping(false);
    const Candidates found = collect_candidates();
    const Candidate* candidates = found.all;
    // Everything falls back to the medium, then survivors are put on top.
    if (spec_.write_cache) {
        for (std::uint64_t s = 0; s < page_slots_; ++s) {
            if (pages_[s] == nullptr) continue;
            for (std::uint64_t i = 0; i < page_sectors; ++i)
                pages_[s]->current[i] = pages_[s]->durable[i];
        }
    }
    // One choice an atomic unit: the state after one of the writes that touched it, all of them up
    // to that one included. 0 is the scenario's default, 1 the durable state, 2 … the writes by
    // age.
    for (std::uint64_t at = 0; at < found.count;) {
        const std::uint64_t unit = candidates[at].sector / spec_.atomic.value;
        const std::uint64_t end = end_of_unit(found, at);
        const std::uint32_t writes = distinct_orders(candidates, at, end, UINT32_MAX).count;
        const std::uint32_t choice =
            chooser_.choose({ChoiceKind::survive, actor_, unit * spec_.atomic.value}, writes + 2);
        std::uint32_t kept = choice - 1;
        if (choice == 0) kept = survival == SurvivalDefault::keeping_everything ? writes : 0;
        const std::uint64_t last = kept == 0 ? 0 : distinct_orders(candidates, at, end, kept).last;
        for (std::uint64_t i = at; i < end;) {
            // The newest version of this sector among those writes.
            const std::uint64_t sector = candidates[i].sector;
            ContentId id = 0;
            bool newer = false;
            for (; i < end && candidates[i].sector == sector; ++i) {
                if (kept == 0 || candidates[i].order > last) continue;
                id = candidates[i].id;
                newer = true;
            }
            ++result.sectors_undecided;
            if (!newer && spec_.lost != LostSectors::as_before) {
                chooser_.count_delivered(FaultKind::lost_fill, 0);
                raw_write({sector}, lost_at({sector}));
            }
            if (!newer) continue;
            ++result.sectors_newer;
            raw_write({sector}, id);
        }
        at = end;
    }
    free_candidates(found);
    while (!cache_.empty()) {
        CachedWrite& w = cache_.pop_front();
        arena_.free(&w, sizeof(CachedWrite) + w.length.value * sizeof(ContentId));
    }
    while (!in_flight_.empty()) arena_.free(&in_flight_.pop_front(), sizeof(InFlight));
    in_flight_count_ = 0;
    stalled_until_us_ = 0;
    writes_completed_ = found.newest;
    cells_.allow_dropping(true);
    return result;
}

std::uint64_t SimDisk::end_of_unit(const Candidates& c, std::uint64_t at) const {
    const std::uint64_t unit = c.all[at].sector / spec_.atomic.value;
    while (at < c.count && c.all[at].sector / spec_.atomic.value == unit) ++at;
    return at;
}

void SimDisk::visit_undecided(UndecidedVisitor& visitor) {
    cells_.allow_dropping(false);
    const Candidates found = collect_candidates();
    const Candidate* c = found.all;
    for (std::uint64_t at = 0; at < found.count;) {
        const std::uint64_t unit = c[at].sector / spec_.atomic.value;
        const std::uint64_t end = end_of_unit(found, at);
        const std::uint32_t writes = distinct_orders(c, at, end, UINT32_MAX).count;
        visitor.unit({unit * spec_.atomic.value}, writes + 1);
        for (std::uint64_t i = at; i < end;) {
            const std::uint64_t sector = c[i].sector;
            std::uint64_t sector_end = i;
            while (sector_end < end && c[sector_end].sector == sector) ++sector_end;
            visitor.sector({sector});
            visitor.version(lost_at({sector}));
            for (std::uint32_t kept = 1; kept <= writes; ++kept) {
                const std::uint64_t last = distinct_orders(c, at, end, kept).last;
                ContentId id = lost_at({sector});
                for (std::uint64_t k = i; k < sector_end && c[k].order <= last; ++k) id = c[k].id;
                visitor.version(id);
            }
            i = sector_end;
        }
        at = end;
    }
    free_candidates(found);
    cells_.allow_dropping(true);
}

std::uint64_t SimDisk::durable_digest() const {
    std::uint64_t sum = mix64(spec_.size.value);
    for (std::uint64_t s = 0; s < page_slots_; ++s) {
        if (pages_[s] == nullptr) continue;
        for (std::uint64_t i = 0; i < page_sectors; ++i) {
            const std::uint64_t sector = pages_[s]->index * page_sectors + i;
            const ContentId id = spec_.write_cache ? pages_[s]->durable[i] : pages_[s]->current[i];
            if (id != initial(sector)) sum += sector_digest({sector}, id);
        }
    }
    return sum;
}

// ---- The medium -------------------------------------------------------------------------------

ContentId SimDisk::initial(std::uint64_t sector) const {
    return spec_.content == DiskContent::fill ? pattern_word(spec_.fill_seed, sector)
                                              : zero_content;
}

ContentId SimDisk::current_at(Sectors sector) const {
    const Page* page = find_page(sector.value / page_sectors);
    return page == nullptr ? initial(sector.value) : page->current[sector.value % page_sectors];
}

void SimDisk::raw_write(Sectors sector, ContentId id) {
    Page& page = page_for_write(sector.value / page_sectors);
    const std::uint64_t i = sector.value % page_sectors;
    page.current[i] = id;
    note_bytes(page, id);
    if (spec_.write_cache) {
        page.durable[i] = id;
        page.durable_write[i] = writes_completed_;
    }
}

SimDisk::Page* SimDisk::find_page(std::uint64_t index) const {
    if (page_slots_ == 0) return nullptr;
    for (std::uint64_t s = slot_of(index);; s = (s + 1) & (page_slots_ - 1)) {
        if (pages_[s] == nullptr || pages_[s]->index == index) return pages_[s];
    }
}

SimDisk::Page& SimDisk::page_for_write(std::uint64_t index) {
    if (Page* page = find_page(index); page != nullptr) return *page;
    if (page_count_ * 2 >= page_slots_) grow_pages();
    auto* page = static_cast<Page*>(arena_.allocate(page_bytes()));
    CHECK(page != nullptr, "a world's arena has room for a disk's sectors");
    page->index = index;
    page->next_with_bytes = nullptr;
    page->has_bytes = false;
    for (std::uint64_t i = 0; i < page_sectors; ++i) {
        page->current[i] = initial(index * page_sectors + i);
        if (spec_.write_cache) {
            page->durable[i] = page->current[i];
            page->durable_write[i] = 0;
        }
    }
    std::uint64_t s = slot_of(index);
    while (pages_[s] != nullptr) s = (s + 1) & (page_slots_ - 1);
    pages_[s] = page;
    ++page_count_;
    return *page;
}

void SimDisk::grow_pages() {
    const std::uint64_t slots = page_slots_ == 0 ? 16 : page_slots_ * 2;
    auto** pages = static_cast<Page**>(arena_.allocate(slots * sizeof(Page*)));
    CHECK(pages != nullptr, "a world's arena has room for a disk's page table");
    for (std::uint64_t s = 0; s < slots; ++s) pages[s] = nullptr;
    for (std::uint64_t old = 0; old < page_slots_; ++old) {
        if (pages_[old] == nullptr) continue;
        std::uint64_t s = mix64_near(pages_[old]->index) & (slots - 1);
        while (pages[s] != nullptr) s = (s + 1) & (slots - 1);
        pages[s] = pages_[old];
    }
    arena_.free(pages_, page_slots_ * sizeof(Page*));
    pages_ = pages;
    page_slots_ = slots;
}

std::uint64_t SimDisk::content_digest() const {
    // A sum, so that the order in which pages came into being does not matter.
    std::uint64_t sum = mix64(spec_.size.value);
    for (std::uint64_t s = 0; s < page_slots_; ++s) {
        if (pages_[s] == nullptr) continue;
        for (std::uint64_t i = 0; i < page_sectors; ++i) {
            const std::uint64_t sector = pages_[s]->index * page_sectors + i;
            const ContentId id = pages_[s]->current[i];
            if (id != initial(sector)) sum += sector_digest({sector}, id);
        }
    }
    return sum;
}

// Only pages that hold such bytes are looked at: a disk may have a million pages of patterns, and
// this is called again and again.
void SimDisk::for_each_content(void (*visit)(void*, ContentId), void* context) {
    for (Page** link = &pages_with_bytes_; *link != nullptr;) {
        Page& page = **link;
        bool any = false;
        const auto look = [&](ContentId id) {
            if (!is_other(id)) return;
            any = true;
            visit(context, id);
        };
        for (std::uint64_t i = 0; i < page_sectors; ++i) {
            look(page.current[i]);
            if (spec_.write_cache) look(page.durable[i]);
        }
        if (any) {
            link = &page.next_with_bytes;
        } else {
            page.has_bytes = false;
            *link = page.next_with_bytes;
        }
    }
    for (const CachedWrite& w : cache_) {
        for (std::uint64_t i = 0; i < w.length.value; ++i) visit(context, w.ids[i]);
    }
}

}  // namespace cowlab
