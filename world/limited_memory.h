// A machine's memory: an arena with a limit. What is allocated from a reserve never fails, as in a
// kernel.
#pragma once

#include "base/arena.h"
#include "engine/port/memory.h"

namespace cowlab {

class LimitedMemory : public Memory {
  public:
    // `limit`: bytes the engine may hold at once.
    LimitedMemory(Arena& arena, std::uint64_t limit) : arena_(arena), limit_(limit) {}

    void* allocate(std::size_t size, MemoryUse) override {
        if (!could_hold(size)) {
            ++refused_;
            return nullptr;
        }
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
    // What never fails may have taken more than the limit.
    bool could_hold(std::size_t bytes) const override {
        return held_ <= limit_ && bytes <= limit_ - held_;
    }

    // The machine starts again with empty memory.
    void forget() { held_ = 0; }
    std::uint64_t held() const { return held_; }
    std::uint64_t peak() const { return peak_; }
    std::uint64_t refused() const { return refused_; }

  protected:
    std::uint64_t refused_ = 0;

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
