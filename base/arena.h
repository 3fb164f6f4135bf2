// All memory of one world, in one piece, so that a world is saved and restored by copying it.
//
// An arena reserves address space once and hands out blocks by size class; its own book-keeping
// stands at the start of the region, inside the bytes that are copied. Pointers into it stay true
// across save and restore, because the region never moves. reset() forgets everything in O(1).
//
// used() is the high-water mark: the bytes that hold the state of the world. live_bytes() and
// peak_bytes() count what is handed out (rounded up to the class).
// One arena belongs to one thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace cowlab {

class Arena {
  public:
    // Reserves `bytes` of address space (not memory). CHECKs that the host can. A shared one is
    // seen by a parent whose forked child works in it, also after the child has died.
    enum class Seen : std::uint8_t { by_this_process, by_children_and_parent };
    explicit Arena(std::size_t bytes, Seen seen = Seen::by_this_process);
    ~Arena();
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    // 16-byte aligned up to 2048 bytes, 512-byte aligned where they are a multiple of that, and
    // 4096-byte aligned above. nullptr when the region is full.
    // The content is whatever was there: initialise it.
    void* allocate(std::size_t size) {
        if (size > capacity_) return nullptr;  // nor is there a class for every such size
        Header& h = header();
        const std::size_t c = class_of(size);
        if (FreeBlock* f = h.free_blocks[c]; f != nullptr) {
            h.free_blocks[c] = f->next;
            h.live += size_of_class(c);
            if (h.live > h.peak) h.peak = h.live;
            return f;
        }
        return carve(c);
    }
    void free(void* block, std::size_t size) {
        if (block == nullptr) return;
        Header& h = header();
        const std::size_t c = class_of(size);
        auto* f = static_cast<FreeBlock*>(block);
        f->next = h.free_blocks[c];
        h.free_blocks[c] = f;
        h.live -= size_of_class(c);
    }
    // Every block is gone; used() is what the book-keeping needs.
    void reset();
    // Has the host put memory behind the first `bytes` now: a measurement that comes after it does
    // not count the host's page faults.
    void populate(std::size_t bytes);
    // Gives the memory behind the unused part of the region back to the host.
    void trim();

    std::byte* base() const { return base_; }
    // The book-keeping's own bytes, and the blocks that were given back: what of [base, used) is no
    // world's state.
    std::size_t bookkeeping_bytes() const;
    using Visit = void (*)(void* context, const std::byte* block, std::size_t size);
    void for_each_free_block(Visit visit, void* context) const;
    std::size_t used() const { return header().used; }
    std::size_t live_bytes() const { return header().live; }
    std::size_t peak_bytes() const { return header().peak; }

  private:
    // Four classes a doubling: at most a fifth of a block is waste.
    static constexpr std::size_t smallest_shift = 4;
    static constexpr std::size_t class_count = (48 - smallest_shift) * 4;
    static constexpr std::size_t class_of(std::size_t size) {
        if (size <= 16) return 0;
        const std::size_t top = static_cast<std::size_t>(std::bit_width(size - 1)) - 1;
        const std::size_t quarter = ((size - 1) >> (top < 2 ? 0 : top - 2)) & 3;
        return (top - smallest_shift) * 4 + quarter + 1;
    }
    static constexpr std::size_t size_of_class(std::size_t c) {
        if (c == 0) return 16;
        const std::size_t top = (c - 1) / 4 + smallest_shift;
        const std::size_t quarter = (c - 1) % 4 + 1;
        return (std::size_t{1} << top) + (quarter << (top - 2));
    }

    struct FreeBlock {
        FreeBlock* next;
    };
    struct Header {
        std::size_t used;
        std::size_t live;
        std::size_t peak;
        std::size_t gap;  // what a page's alignment left out, up to gap_end: small blocks go there
        std::size_t gap_end;
        FreeBlock* free_blocks[class_count];
    };
    Header& header() const { return *reinterpret_cast<Header*>(base_); }
    // A block that nobody had before.
    void* carve(std::size_t size_class);

    std::byte* base_;
    std::size_t capacity_;
};

}  // namespace cowlab
