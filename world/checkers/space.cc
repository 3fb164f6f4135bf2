#include "world/checkers/space.h"

namespace cowlab {
namespace {

bool is_persistent(const Snapshot& s) { return s.store().letter() == 'P'; }

std::uint64_t place(const Snapshot& s, std::uint64_t k) {
    if (!is_persistent(s)) return k;
    return format::first_data_chunk.value + k + k / format::records_per_area(s.chunk_size());
}

// Chunks before `chunk` that hold data.
std::uint64_t data_chunks_before(const Snapshot& s, std::uint64_t chunk) {
    if (!is_persistent(s)) return chunk;
    if (chunk <= format::first_data_chunk.value) return 0;
    const std::uint64_t stride = format::area_stride(s.chunk_size());
    return chunk - 1 - (chunk - 1 + stride - 1) / stride;
}

// An exception whose readers still drain is completed and pending.
std::uint64_t only_pending(const Snapshot& s) {
    std::uint64_t n = 0;
    if (s.pending().size() == 0) return 0;
    s.pending().for_each([&](const PendingException& e) {
        if (!s.completed().contains(e.old_chunk)) ++n;
    });
    return n;
}

bool is_judged_here(const Snapshot& s) {
    return s.chunk_size().offset_in_chunk(s.begin()).value == 0;  // else Linux spills (L14)
}

bool prints_po(const Snapshot& s) {
    Text<200> text;
    s.status(StatusKind::table, text);
    return text.view().find(" PO ") != std::string_view::npos;
}

enum class Role : std::uint8_t { snapshot, disk, other };
Role role_of(World& world, const MappedDevice& device) {
    if (device.live() == nullptr || device.live()->target_count() != 1) return Role::other;
    const std::string_view type = device.live()->targets().front().type_name();
    if (type == "snapshot") return Role::snapshot;
    const bool is_disk = type == "linear" && world.find_disk(device.name()) != nullptr;
    return is_disk ? Role::disk : Role::other;
}

}  // namespace

bool SpaceOracle::has_room(const Snapshot& s, std::uint64_t holes, std::uint64_t k) const {
    const std::uint64_t chunks = s.chunk_size().chunk_floor(s.cow().capacity()).value;
    if (place(s, k + holes) >= chunks) return false;
    if (!is_persistent(s) || !policy().d9_next_area_checked) return true;
    const std::uint64_t per_area = format::records_per_area(s.chunk_size());
    if (k % per_area != per_area - 1) return true;
    return format::area_chunk(s.chunk_size(), k / per_area + 1).value < chunks;
}

// ---- Numbers ----------------------------------------------------------------------------------

void SpaceOracle::first_seen(FollowedSnapshot& f) {
    const Snapshot& s = *f.snapshot;
    std::uint64_t next = is_persistent(s) ? format::first_data_chunk.value : 0;
    const auto used = [&](std::uint64_t chunk) {
        if (chunk >= next) next = chunk + 1;
    };
    s.completed().for_each_run(
        [&](const ExceptionTable::Run& run) { used(run.new_chunk.value + run.chunks - 1); });
    s.pending().for_each([&](const PendingException& e) { used(e.new_chunk.value); });
    f.exceptions_at_first = s.completed().exception_count() + only_pending(s);
    const std::uint64_t data = data_chunks_before(s, next);
    f.holes = data > f.exceptions_at_first ? data - f.exceptions_at_first : 0;
    f.own_writes_seen = snapshot_writes_;
    f.origin_writes_seen = origin_writes_;
    elsewhere_.first_seen(f);
}

void SpaceOracle::check_numbers(const FollowedSnapshot& f) {
    const Snapshot& s = *f.snapshot;
    if (!s.is_valid() || s.is_invalidating() || !is_judged_here(s) || !is_judged(s.origin()))
        return;
    // A merge that failed where Linux does not roll back knows less than its table (L5, L6).
    if (f.is_merge && (f.holes > 0 || !policy().d4_merge_rolls_back)) return;
    looked();
    const std::uint64_t completed = s.completed().exception_count();
    const std::uint64_t made = only_pending(s);
    const std::uint64_t k = completed + made;
    const StoreUsage u = s.usage();
    const std::uint64_t c = s.chunk_size().sectors().value;
    Text<200> text;
    if (u.allocated.value != place(s, k + f.holes) * c) {
        text << "allocated is " << u.allocated.value << ", " << k << " exceptions need "
             << place(s, k + f.holes) * c;
        fail(37, text.view());
        return;
    }
    if (u.total != s.cow().capacity()) {
        fail(37, "the total is not the size of the COW device");
        return;
    }
    std::uint64_t least = 0;
    std::uint64_t most = 0;
    if (is_persistent(s)) {
        const std::uint64_t per_area = format::records_per_area(s.chunk_size());
        least = completed / per_area + 2;
        most = k / per_area + 2;
        // A merge steps back into the full area before it takes the first record out of it.
        const bool may_have_merged = f.is_merge || completed == f.exceptions_at_first;
        if (completed % per_area == 0 && completed > 0 && may_have_merged) --least;
    }
    if (u.metadata.value < least * c || u.metadata.value > most * c) {
        text << "metadata is " << u.metadata.value << ", " << completed << " records need "
             << most * c;
        fail(37, text.view());
        return;
    }
    if (!f.is_merge && k > f.exceptions_at_first && !has_room(s, f.holes, k - 1))
        fail(37, "an exception was made although there was no room for it");
}

// INFO, in the order of the rules (spec §3.4).
void SpaceOracle::check_text(const FollowedSnapshot& f) {
    const Snapshot& s = *f.snapshot;
    looked();
    Text<100> expected;
    if (!s.is_valid()) {
        expected << "Invalid";
    } else if (s.has_merge_failed()) {
        expected << "Merge failed";
    } else if (s.is_overflowed()) {
        expected << "Overflow";
    } else {
        const StoreUsage u = s.usage();
        expected << u.allocated.value << "/" << u.total.value << " " << u.metadata.value;
    }
    Text<100> said;
    s.status(StatusKind::info, said);
    if (said.view() == expected.view()) return;
    Text<200> text;
    text << "status says `" << said.view() << "`, the snapshot is `" << expected.view() << "`";
    fail(37, text.view());
}

void SpaceOracle::after_step(const Step& step) {
    if (step.verb == Verb::lane) return;
    edges_.look();
    const bool says_so = step.verb == Verb::check || step.verb == Verb::status;
    edges_.for_each([&](FollowedSnapshot& f) {
        check_numbers(f);
        if (says_so) check_text(f);
    });
}

// ---- Who overflows ----------------------------------------------------------------------------

FollowedSnapshot* SpaceOracle::followed(const MappedDevice& device) {
    FollowedSnapshot* found = nullptr;
    edges_.for_each([&](FollowedSnapshot& f) {
        if (f.device == device.number() && !f.is_merge) found = &f;
    });
    return found;
}

void SpaceOracle::power_lost() {
    edges_.power_lost();
    origin_writes_under_way_ = snapshot_writes_under_way_ = 0;
}

void SpaceOracle::request_begins(UserRequest& r) {
    r.space_role = 0;
    r.began_overflowed = false;
    if (r.op != Op::write && r.op != Op::discard) return;
    switch (role_of(world(), *r.device)) {
        case Role::disk: return;
        case Role::snapshot:
            r.space_role = 1;
            ++snapshot_writes_;
            ++snapshot_writes_under_way_;
            if (const FollowedSnapshot* f = followed(*r.device))
                r.began_overflowed = f->snapshot->is_overflowed() && f->snapshot->is_valid();
            return;
        case Role::other:
            r.space_role = 2;
            ++origin_writes_;
            ++origin_writes_under_way_;
            return;
    }
}

void SpaceOracle::request_ends(const UserRequest& r, Errc status) {
    edges_.look();
    edges_.for_each([&](FollowedSnapshot& f) {
        f.own_writes_seen = snapshot_writes_;
        f.origin_writes_seen = origin_writes_;
    });
    if (r.space_role == 1 && snapshot_writes_under_way_ > 0) --snapshot_writes_under_way_;
    if (r.space_role == 2 && origin_writes_under_way_ > 0) --origin_writes_under_way_;
    if (!r.began_overflowed || status != Errc::ok) return;
    const FollowedSnapshot* f = followed(*r.device);
    if (f == nullptr || !f->snapshot->is_overflowed()) return;
    looked();
    fail(23, "an overflowed snapshot took a write");
}

void SpaceOracle::became_invalid(FollowedSnapshot& f) {
    elsewhere_.became_invalid(f);
    const Snapshot& s = *f.snapshot;
    if (!is_judged_here(s) || !is_judged(s.origin())) return;
    looked();
    const std::uint64_t used = s.usage().allocated.value / s.chunk_size().sectors().value;
    const std::uint64_t data = data_chunks_before(s, used);
    const std::uint64_t made = data > f.holes ? data - f.holes : 0;
    if (made > f.exceptions_at_first && !has_room(s, f.holes, made - 1)) {
        fail(37, "an exception was made although there was no room for it");
        return;
    }
    if (world().troubles() > 0) return;
    if (!world().platform().memory().could_hold(std::size_t{1} << 30)) return;
    if (has_room(s, f.holes, made)) {
        fail(24, "a snapshot became invalid, no disk failed, and there was room for one more");
        return;
    }
    // Its own write may only make a `PO` snapshot overflow.
    bool is_merged_onto = false;
    world().engine().origins.for_each_snapshot([&](const Snapshot& o) {
        is_merged_onto = is_merged_onto || (o.is_merge() && o.origin_number() == s.origin_number());
    });
    const bool others_write =
        origin_writes_under_way_ > 0 || origin_writes_ != f.origin_writes_seen || is_merged_onto;
    if (!others_write && prints_po(s))
        fail(23, "its own write made a `PO` snapshot invalid, not overflowed");
}

void SpaceOracle::became_overflowed(FollowedSnapshot& f) {
    elsewhere_.became_overflowed(f);
    const Snapshot& s = *f.snapshot;
    if (!is_judged_here(s) || !is_judged(s.origin())) return;
    looked();
    if (!prints_po(s)) {
        fail(23, "a snapshot overflowed that is no `PO` snapshot");
    } else if (snapshot_writes_under_way_ == 0 && snapshot_writes_ == f.own_writes_seen) {
        fail(23, "a snapshot overflowed, and nobody wrote to one");
    } else if (s.is_valid() &&
               has_room(s, f.holes, s.completed().exception_count() + only_pending(s))) {
        fail(37, "a snapshot overflowed although there was room for one more");
    }
}

}  // namespace cowlab
