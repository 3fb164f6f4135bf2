#include "engine/pending_exception.h"

namespace cowlab {

PendingPool::~PendingPool() {
    CHECK(live_ == 0, "INV-5: pending exceptions outlive nothing");
    while (!reserve_free_.empty()) reserve_free_.pop_front();
    for (std::uint32_t i = 0; i < reserve_size_; ++i) reserve_[i].~PendingException();
    engine_.memory.free(reserve_, reserve_size_ * sizeof(PendingException),
                        MemoryUse::pending_exception);
}

Errc PendingPool::reserve(std::uint32_t count) {
    void* p =
        engine_.memory.allocate(count * sizeof(PendingException), MemoryUse::pending_exception);
    if (p == nullptr) return Errc::enomem;
    reserve_ = static_cast<PendingException*>(p);
    reserve_size_ = count;
    for (std::uint32_t i = 0; i < count; ++i) {
        new (&reserve_[i]) PendingException();
        reserve_free_.push_back(reserve_[i]);
    }
    return Errc::ok;
}

PendingException& PendingPool::allocate(Snapshot& snapshot) {
    ++live_;  // first: from here on the snapshot may not go away
    engine_.executor.yield(YieldPoint::allocate_pending_exception);
    PendingException* e = nullptr;
    for (;;) {
        e = engine_.memory.create<PendingException>(MemoryUse::pending_exception);
        if (e != nullptr) break;
        if (!reserve_free_.empty()) {
            e = static_cast<PendingException*>(&reserve_free_.pop_front());
            e->~PendingException();
            new (e) PendingException();
            e->from_reserve = true;
            break;
        }
        engine_.mark(Mark::pool_waits);
        freed_.wait(engine_.executor);
    }
    e->snapshot = &snapshot;
    return *e;
}

void PendingPool::free(PendingException& e) {
    CHECK(e.origin_bios.empty(), "INV-20: no origin bio is lost with its exception");
    CHECK(e.snapshot_bios.empty(), "INV-20: no snapshot bio is lost with its exception");
    if (e.from_reserve) {
        reserve_free_.push_back(e);
    } else {
        engine_.memory.destroy(&e, MemoryUse::pending_exception);
    }
    --live_;
    freed_.wake_all(engine_.executor);
}

void PendingPool::wait_until_none_live() {
    while (live_ > 0) freed_.wait(engine_.executor);
}

}  // namespace cowlab
