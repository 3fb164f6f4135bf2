#include "base/arena.h"

#include <sys/mman.h>

#include <new>

#include "base/check.h"

namespace cowlab {
namespace {

// The first two MiB are in small pages, so that a small world costs what it touches.
constexpr std::size_t huge_from = std::size_t{2} << 20;

constexpr std::size_t align_up(std::size_t v, std::size_t to) { return (v + to - 1) & ~(to - 1); }

}  // namespace

Arena::Arena(std::size_t bytes, Seen seen) : base_(nullptr), capacity_(align_up(bytes, 4096)) {
    // A hint, not a demand: what matters is that the region stays where it is once it is there.
    void* hint = reinterpret_cast<void*>(0x200000000000ULL);
    const int sharing = seen == Seen::by_this_process ? MAP_PRIVATE : MAP_SHARED;
    void* p = mmap(hint, capacity_, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    CHECK(p != MAP_FAILED, "the host has address space for an arena");
    base_ = static_cast<std::byte*>(p);
    // A big world is walked at random: with small pages most of its time goes to address
    // translation. Advice only: a host that has no huge pages is slower, not wrong.
    if (capacity_ > huge_from) madvise(base_ + huge_from, capacity_ - huge_from, MADV_HUGEPAGE);
    reset();
}

Arena::~Arena() { munmap(base_, capacity_); }

void Arena::reset() {
    new (base_) Header{};
    header().used = bookkeeping_bytes();
}

void Arena::populate(std::size_t bytes) {
    const std::size_t until = align_up(bytes < capacity_ ? bytes : capacity_, 4096);
    for (std::size_t at = 0; at < until; at += 4096) {
        auto* page = reinterpret_cast<volatile std::byte*>(base_ + at);
        *page = *page;
    }
}

void Arena::trim() {
    const std::size_t from = align_up(header().used, 4096);
    if (from < capacity_) madvise(base_ + from, capacity_ - from, MADV_DONTNEED);
}

void* Arena::carve(std::size_t c) {
    Header& h = header();
    const std::size_t block_size = size_of_class(c);
    const std::size_t alignment = block_size > 2048 ? 4096 : block_size % 512 == 0 ? 512 : 16;
    std::size_t at = align_up(h.gap, alignment);
    if (at + block_size <= h.gap_end) {
        h.gap = at + block_size;
    } else {
        at = align_up(h.used, alignment);
        if (at + block_size > capacity_) return nullptr;
        if (at - h.used > h.gap_end - h.gap) {
            h.gap = h.used;
            h.gap_end = at;
        }
        h.used = at + block_size;
    }
    h.live += block_size;
    if (h.live > h.peak) h.peak = h.live;
    return base_ + at;
}

std::size_t Arena::bookkeeping_bytes() const { return align_up(sizeof(Header), 64); }

void Arena::for_each_free_block(Visit visit, void* context) const {
    for (std::size_t c = 0; c < class_count; ++c) {
        for (const FreeBlock* f = header().free_blocks[c]; f != nullptr; f = f->next)
            visit(context, reinterpret_cast<const std::byte*>(f), size_of_class(c));
    }
}

}  // namespace cowlab
