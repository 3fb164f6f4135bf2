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

    // 16-byte aligned up to 2048 bytes, 4096-byte aligned above. nullptr when the region is full.
    // The content is whatever was there: initialise it.
    void* allocate(std::size_t size);
    void free(void* block, std::size_t size);
    // Every block is gone; used() is what the book-keeping needs.
    void reset();
    // Has the host put memory behind the first `bytes` now: a measurement that comes after it does
    // not count the host's page faults.
    void populate(std::size_t bytes);
    // Gives the memory behind the unused part of the region back to the host.
    void trim();

    std::byte* base() const { return base_; }
    std::size_t used() const;
    std::size_t live_bytes() const;
    std::size_t peak_bytes() const;

  private:
    struct Header;
    Header& header() const { return *reinterpret_cast<Header*>(base_); }
    std::byte* base_;
    std::size_t capacity_;
};

}  // namespace cowlab
