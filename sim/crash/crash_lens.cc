#include "sim/crash/crash_lens.h"

#include <algorithm>

namespace cowlab {

void CrashLens::begin(SimWorld& sim, ModelJudge* judge, const CrashSpace& space) {
    sim_ = &sim;
    judge_ = judge;
    space_ = &space;
    symbols_.clear();
    shown_.clear();
    hit_.clear();
    sim.world().set_judge(this);
}

void CrashLens::put_symbols(std::uint32_t unit) {
    const CrashUnit& u = space_->units()[unit];
    for (std::uint32_t k = 0; k < u.sector_count; ++k) {
        const Sectors at = space_->sector(u, k);
        const ContentId id = pattern_word(symbol_seeds + u.disk_index, at.value);
        u.disk->raw_write(at, id);
        symbols_.push_back({u.actor, at.value, id, unit});
    }
}

std::int32_t CrashLens::unit_of(ContentId id) const {
    if (!is_pattern(id) || content_of(id).seed < symbol_seeds) return -1;
    // Units come disk by disk in the order of their sectors, and so do the ids.
    const auto at = std::lower_bound(symbols_.begin(), symbols_.end(), id,
                                     [](const Symbol& s, ContentId i) { return s.id < i; });
    return at != symbols_.end() && at->id == id ? static_cast<std::int32_t>(at->unit) : -1;
}

void CrashLens::request_issued(std::uint32_t actor, const Bio& bio) {
    if (judge_ != nullptr) judge_->request_issued(actor, bio);
    if (bio.op != Op::read || bio.payload.kind() != Payload::Kind::bytes || symbols_.empty())
        return;
    for (const Symbol& s : symbols_) {
        if (s.actor != actor || s.sector < bio.start.value) continue;
        if (s.sector >= bio.start.value + bio.length.value) continue;
        if (std::find(hit_.begin(), hit_.end(), s.unit) == hit_.end()) hit_.push_back(s.unit);
    }
    if (!hit_.empty()) sim_->request_stop();
}

void CrashLens::request_ends(UserRequest& r, Errc status) {
    if (judge_ != nullptr) judge_->request_ends(r, status);
    if (r.op != Op::read) return;
    for (std::uint64_t i = 0; i < r.count.value; ++i) {
        const ContentId id = status == Errc::ok ? sim_->cells().content(r.data, i) : read_failed;
        shown_.push_back({id, r.start.value + i});
    }
}

}  // namespace cowlab
