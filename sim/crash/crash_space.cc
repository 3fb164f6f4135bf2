#include "sim/crash/crash_space.h"

namespace cowlab {

void CrashSpace::collect(World& world, bool merge_equal_contents) {
    merges_ = merge_equal_contents;
    units_.clear();
    sectors_.clear();
    versions_.clear();
    contents_.clear();
    raw_states_ = weight_without_choice_ = 1;
    std::uint32_t index = 0;
    for (BaseDisk& d : world.disks()) {
        now_ = {};
        now_.disk = static_cast<SimDisk*>(d.medium);
        now_.disk_name = d.name_view();
        now_.disk_index = index++;
        now_.actor = d.actor;
        versions_now_ = 0;
        now_.disk->visit_undecided(*this);
        end_unit();
    }
}

void CrashSpace::unit(Sectors first, std::uint32_t versions) {
    end_unit();
    now_.first = first;
    now_.sectors_at = static_cast<std::uint32_t>(sectors_.size());
    now_.sector_count = 0;
    versions_now_ = versions;
    told_.clear();
}

void CrashSpace::sector(Sectors sector) {
    sectors_.push_back(sector);
    ++now_.sector_count;
}

void CrashSpace::version(ContentId id) { told_.push_back(id); }

void CrashSpace::end_unit() {
    if (versions_now_ == 0) return;
    const std::uint32_t n = versions_now_;
    versions_now_ = 0;
    raw_states_ *= n;
    now_.versions_at = static_cast<std::uint32_t>(versions_.size());
    now_.version_count = 0;
    now_.weight = n;
    for (std::uint32_t v = 0; v < n; ++v) {
        const auto told = [&](std::uint32_t k) { return told_[std::size_t{k} * n + v]; };
        CrashVersion* same = nullptr;
        for (std::uint32_t o = 0; merges_ && o < now_.version_count && same == nullptr; ++o) {
            CrashVersion& other = versions_[now_.versions_at + o];
            bool equal = true;
            for (std::uint32_t k = 0; k < now_.sector_count; ++k)
                equal = equal && contents_[other.contents_at + k] == told(k);
            if (equal) same = &other;
        }
        if (same != nullptr) {
            same->weight += 1;
            continue;
        }
        versions_.push_back({v + 1, static_cast<std::uint32_t>(contents_.size()), 1});
        for (std::uint32_t k = 0; k < now_.sector_count; ++k) contents_.push_back(told(k));
        ++now_.version_count;
    }
    if (now_.version_count > 1) {
        units_.push_back(now_);
        return;
    }
    weight_without_choice_ *= n;
    sectors_.resize(now_.sectors_at);
    contents_.resize(versions_.back().contents_at);
    versions_.pop_back();
}

std::uint64_t CrashSpace::digest() const {
    Digest d;
    for (const CrashUnit& u : units_) {
        d.add(std::uint64_t{u.disk_index} << 32 | u.version_count);
        for (std::uint32_t k = 0; k < u.sector_count; ++k) d.add(sector(u, k).value);
        for (std::uint32_t v = 0; v < u.version_count; ++v) {
            for (std::uint32_t k = 0; k < u.sector_count; ++k) d.add(content(version(u, v), k));
        }
    }
    return d.value();
}

}  // namespace cowlab
