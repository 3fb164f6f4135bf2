#include "sim/crash/crash_walk.h"

namespace cowlab {
namespace {

std::uint64_t term_of(const CrashSpace& space, const CrashUnit& u, std::uint32_t version) {
    std::uint64_t sum = 0;
    const CrashVersion& v = space.version(u, version);
    for (std::uint32_t k = 0; k < u.sector_count; ++k)
        sum +=
            mix64(SimDisk::sector_digest(space.sector(u, k), space.content(v, k)) + u.disk_index);
    return sum;
}

}  // namespace

std::uint64_t image_of(const CrashSpace& space, const CrashAssignment& a) {
    std::uint64_t sum = 0;
    for (std::uint32_t u = 0; u < a.size(); ++u)
        sum += term_of(space, space.units()[u], static_cast<std::uint32_t>(a[u]));
    return sum;
}

CrashWalk::CrashWalk(const CrashSpace& space, const CrashColumns& columns,
                     const CrashAssignment& leaf, const Refused& refused)
    : refused_(&refused), a_(leaf), combination_(columns.columns().size(), 0) {
    refused_now_ = refused.all ? 1 : 0;
    for (std::size_t c = 0; c < columns.columns().size(); ++c) {
        std::uint64_t stride = 1;
        for (const std::uint32_t u : columns.columns()[c].units) {
            digits_.push_back({u, static_cast<std::int32_t>(c), stride, 1});
            stride *= space.units()[u].version_count;
        }
        refused_now_ += refused.of[c][0] ? 1 : 0;
    }
    for (const std::uint32_t u : columns.others()) digits_.push_back({u, -1, 0, 1});
    begin(space);
}

CrashWalk::CrashWalk(const CrashSpace& space) : a_(space.units().size(), 0) {
    for (std::uint32_t u = 0; u < a_.size(); ++u) digits_.push_back({u, -1, 0, 1});
    begin(space);
}

void CrashWalk::begin(const CrashSpace& space) {
    for (const CrashUnit& u : space.units()) {
        terms_at_.push_back(static_cast<std::uint32_t>(terms_.size()));
        for (std::uint32_t v = 0; v < u.version_count; ++v) terms_.push_back(term_of(space, u, v));
    }
    for (const Digit& d : digits_) {
        a_[d.unit] = 0;
        versions_.push_back(space.units()[d.unit].version_count);
    }
    focus_.resize(digits_.size() + 1);
    for (std::uint32_t i = 0; i < focus_.size(); ++i) focus_[i] = i;
    image_ = image_of(space, a_);
}

// Knuth, The Art of Computer Programming 7.2.1.1, algorithm H (loopless, with focus pointers).
bool CrashWalk::next() {
    const std::uint32_t j = focus_[0];
    focus_[0] = 0;
    if (j == digits_.size()) return false;
    Digit& d = digits_[j];
    const auto from = static_cast<std::uint32_t>(a_[d.unit]);
    const std::uint32_t to = from + static_cast<std::uint32_t>(d.direction);
    a_[d.unit] = static_cast<std::int16_t>(to);
    image_ += term(d.unit, to) - term(d.unit, from);
    if (d.column >= 0) {
        const auto c = static_cast<std::size_t>(d.column);
        refused_now_ -= refused_->of[c][combination_[c]] ? 1 : 0;
        combination_[c] += d.direction > 0 ? d.stride : std::uint64_t{0} - d.stride;
        refused_now_ += refused_->of[c][combination_[c]] ? 1 : 0;
    }
    if (to == 0 || to == versions_[j] - 1) {
        d.direction = -d.direction;
        focus_[j] = focus_[j + 1];
        focus_[j + 1] = j + 1;
    }
    return true;
}

}  // namespace cowlab
