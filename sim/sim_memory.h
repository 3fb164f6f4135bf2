// The simulated machine's memory: an arena with a limit, in which chosen allocations fail.
#pragma once

#include "base/arena.h"
#include "engine/port/memory.h"

namespace cowlab {

class SimMemory final : public Memory {
  public:
    // `limit`: bytes the engine may hold at once.
    SimMemory(Arena& arena, std::uint64_t limit) : arena_(arena), limit_(limit) {}

    void* allocate(std::size_t size, MemoryUse) override {
        if (!could_hold(size)) return nullptr;
        void* p = arena_.allocate(size);
        if (p != nullptr) account(size);
        return p;
    }
    void* allocate_reserved(std::size_t size, MemoryUse) override {
        void* p = arena_.allocate(size);
        CHECK(p != nullptr, "a world's arena has room for what never fails");
        account(size);
        return p;
    }
    void free(void* block, std::size_t size, MemoryUse) override {
        if (block == nullptr) return;
        held_ -= size;
        arena_.free(block, size);
    }
    bool could_hold(std::size_t bytes) const override { return bytes <= limit_ - held_; }

    // The machine starts again with empty memory.
    void forget() { held_ = 0; }

    std::uint64_t held() const { return held_; }
    std::uint64_t peak() const { return peak_; }

  private:
    void account(std::size_t size) {
        held_ += size;
        if (held_ > peak_) peak_ = held_;
    }
    Arena& arena_;
    std::uint64_t limit_;
    std::uint64_t held_ = 0;
    std::uint64_t peak_ = 0;
};

}  // namespace cowlab
