#include "base/arena.h"

#include <sys/mman.h>

#include <bit>
#include <new>

#include "base/check.h"

namespace cowlab {
namespace {

// Four classes a doubling: at most a fifth of a block is waste.
constexpr std::size_t smallest_shift = 4;
constexpr std::size_t class_count = (48 - smallest_shift) * 4;

std::size_t class_of(std::size_t size) {
    if (size <= 16) return 0;
    const std::size_t top = static_cast<std::size_t>(std::bit_width(size - 1)) - 1;
    const std::size_t quarter = ((size - 1) >> (top < 2 ? 0 : top - 2)) & 3;
    return (top - smallest_shift) * 4 + quarter + 1;
}

std::size_t size_of_class(std::size_t c) {
    if (c == 0) return 16;
    const std::size_t top = (c - 1) / 4 + smallest_shift;
    const std::size_t quarter = (c - 1) % 4 + 1;
    return (std::size_t{1} << top) + (quarter << (top - 2));
}

// The first two MiB are in small pages, so that a small world costs what it touches.
constexpr std::size_t huge_from = std::size_t{2} << 20;

constexpr std::size_t align_up(std::size_t v, std::size_t to) { return (v + to - 1) & ~(to - 1); }

struct FreeBlock {
    FreeBlock* next;
};

}  // namespace

struct Arena::Header {
    std::size_t used;
    std::size_t live;
    std::size_t peak;
    FreeBlock* free_blocks[class_count];
};

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
    header().used = align_up(sizeof(Header), 64);
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

void* Arena::allocate(std::size_t size) {
    if (size > capacity_) return nullptr;  // nor is there a class for every such size
    Header& h = header();
    const std::size_t c = class_of(size);
    const std::size_t block_size = size_of_class(c);
    void* block = nullptr;
    if (FreeBlock* f = h.free_blocks[c]; f != nullptr) {
        h.free_blocks[c] = f->next;
        block = f;
    } else {
        const std::size_t at = align_up(h.used, block_size > 2048 ? 4096 : 16);
        if (at + block_size > capacity_) return nullptr;
        h.used = at + block_size;
        block = base_ + at;
    }
    h.live += block_size;
    if (h.live > h.peak) h.peak = h.live;
    return block;
}

void Arena::free(void* block, std::size_t size) {
    if (block == nullptr) return;
    Header& h = header();
    const std::size_t c = class_of(size);
    auto* f = static_cast<FreeBlock*>(block);
    f->next = h.free_blocks[c];
    h.free_blocks[c] = f;
    h.live -= size_of_class(c);
}

std::size_t Arena::used() const { return header().used; }
std::size_t Arena::live_bytes() const { return header().live; }
std::size_t Arena::peak_bytes() const { return header().peak; }

}  // namespace cowlab
