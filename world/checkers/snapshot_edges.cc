#include "world/checkers/snapshot_edges.h"

namespace cowlab {

FollowedSnapshot* SnapshotEdges::find(const Snapshot& s) {
    for (std::uint32_t i = 0; i < count_; ++i) {
        if (followed_[i].snapshot == &s) return &followed_[i];
    }
    return nullptr;
}

void SnapshotEdges::devices_changed() {
    look();
    for (std::uint32_t i = 0; i < count_; ++i) followed_[i].seen = false;
    world_.engine().origins.for_each_snapshot([this](const Snapshot& s) {
        FollowedSnapshot* f = find(s);
        if (f != nullptr) f->seen = is_somebody(s);
    });
    for (std::uint32_t i = 0; i < count_;) {
        if (followed_[i].seen) {
            ++i;
        } else {
            followed_[i] = followed_[--count_];
        }
    }
}

void SnapshotEdges::look() {
    world_.engine().origins.for_each_snapshot([this](const Snapshot& s) {
        if (!is_somebody(s)) return;
        FollowedSnapshot* f = find(s);
        if (f == nullptr) {
            if (count_ == followed_max || !followed_.make_room(world_.platform().arena(), count_))
                return;
            f = &followed_[count_++];
            *f = {};
            f->snapshot = &s;
            f->device = s.device().number();
            f->is_valid = s.is_valid();
            f->is_overflowed = s.is_overflowed();
            f->is_merge = s.is_merge();
            listener_.first_seen(*f);
            return;
        }
        if (f->is_valid && !s.is_valid()) {
            f->is_valid = false;
            listener_.became_invalid(*f);
        }
        if (f->is_overflowed != s.is_overflowed()) {
            f->is_overflowed = s.is_overflowed();
            if (f->is_overflowed) listener_.became_overflowed(*f);
        }
    });
}

}  // namespace cowlab
