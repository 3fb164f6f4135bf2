// What a world stands on: blocks never overlap, are aligned as promised, come back when freed, and
// the region can be forgotten and used again. Everything a world saves lies below used().
#include "base/arena.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "base/prng.h"

namespace cowlab {
namespace {

constexpr std::size_t megabyte = std::size_t{1} << 20;

struct Block {
    unsigned char* at;
    std::size_t size;
    unsigned char fill;
};

bool is_aligned(const void* p, std::size_t to) {
    return reinterpret_cast<std::uintptr_t>(p) % to == 0;
}

TEST(Arena, a_block_is_aligned_as_the_header_says_whatever_was_allocated_before) {
    Arena arena(64 * megabyte);
    // Odd sizes in between, so that alignment is never there by luck.
    for (std::size_t size = 1; size <= 5000; ++size) {
        void* p = arena.allocate(size);
        ASSERT_NE(p, nullptr);
        EXPECT_TRUE(is_aligned(p, size > 2048 ? 4096 : size % 512 == 0 ? 512 : 16)) << size;
        void* odd = arena.allocate(17);
        EXPECT_TRUE(is_aligned(odd, 16));
    }
}

TEST(Arena, a_block_wastes_at_most_a_fifth_of_itself) {
    Arena arena(std::size_t{1} << 32);
    for (std::size_t size = 1; size <= (std::size_t{1} << 24); size = size + 1 + size / 7) {
        const std::size_t before = arena.live_bytes();
        ASSERT_NE(arena.allocate(size), nullptr);
        const std::size_t block = arena.live_bytes() - before;
        EXPECT_GE(block, size);
        if (size > 16) {
            EXPECT_LE((block - size) * 5, block) << size;
        }
    }
}

TEST(Arena, blocks_never_overlap_and_live_bytes_follows_them) {
    Arena arena(256 * megabyte);
    Prng random(20);
    std::vector<Block> blocks;
    const std::size_t empty = arena.live_bytes();
    std::size_t most = 0;
    for (int step = 0; step < 20000; ++step) {
        if (blocks.size() < 50 || random.chance({11, 20})) {
            const std::size_t size = 1 + random.below(std::uint64_t{1} << random.between(1, 14));
            auto* p = static_cast<unsigned char*>(arena.allocate(size));
            ASSERT_NE(p, nullptr);
            const auto fill = static_cast<unsigned char>(random.next());
            std::memset(p, fill, size);
            blocks.push_back({p, size, fill});
        } else {
            const std::size_t i = random.below(blocks.size());
            const Block b = blocks[i];
            // If another block lay over this one, its bytes would have been changed by now.
            for (std::size_t k = 0; k < b.size; ++k) ASSERT_EQ(b.at[k], b.fill);
            arena.free(b.at, b.size);
            blocks[i] = blocks.back();
            blocks.pop_back();
        }
        most = std::max(most, arena.live_bytes());
        ASSERT_EQ(arena.peak_bytes(), most);
        ASSERT_LE(arena.live_bytes(), arena.used());
    }
    for (const Block& b : blocks) arena.free(b.at, b.size);
    EXPECT_EQ(arena.live_bytes(), empty);
    EXPECT_EQ(arena.peak_bytes(), most) << "what was in use at once is remembered after it is gone";
}

TEST(Arena, a_freed_block_is_the_next_of_its_class_and_the_region_does_not_grow) {
    Arena arena(megabyte);
    void* a = arena.allocate(100);
    void* b = arena.allocate(100);
    const std::size_t used = arena.used();
    arena.free(a, 100);
    arena.free(b, 100);
    EXPECT_EQ(arena.allocate(97), b) << "the one freed last is still warm";
    EXPECT_EQ(arena.allocate(112), a) << "112 is the class of 100";
    EXPECT_EQ(arena.used(), used);
    arena.free(nullptr, 100);  // allowed, as everywhere
    EXPECT_EQ(arena.used(), used);
}

TEST(Arena, reset_forgets_every_block_and_hands_the_same_memory_out_again) {
    Arena arena(megabyte);
    const std::size_t fresh = arena.used();
    void* first = arena.allocate(500);
    for (int i = 0; i < 100; ++i) static_cast<void>(arena.allocate(5000));
    arena.free(first, 500);
    arena.reset();
    EXPECT_EQ(arena.used(), fresh);
    EXPECT_EQ(arena.live_bytes(), 0u);
    EXPECT_EQ(arena.peak_bytes(), 0u);
    EXPECT_EQ(arena.allocate(500), first)
        << "worlds that do the same get the same addresses: nothing may depend on the life before";
}

TEST(Arena, a_full_region_gives_nullptr_and_goes_on_with_what_is_freed) {
    Arena arena(megabyte);
    std::vector<void*> blocks;
    for (;;) {
        void* p = arena.allocate(4096);
        if (p == nullptr) break;
        std::memset(p, 0xee, 4096);  // the last byte handed out is memory
        blocks.push_back(p);
    }
    EXPECT_GE(blocks.size(), 250u) << "of 256 pages, nearly all are for blocks";
    const std::size_t used = arena.used();
    EXPECT_EQ(arena.allocate(4096), nullptr);
    EXPECT_EQ(arena.used(), used) << "a refusal changes nothing";
    arena.free(blocks[7], 4096);
    EXPECT_EQ(arena.allocate(4096), blocks[7]);
}

TEST(Arena, a_size_beyond_any_region_is_refused_like_any_other_that_does_not_fit) {
    Arena arena(megabyte);
    // Something readable behind the book-keeping, so that a class beyond its table would be seen.
    auto* p = static_cast<unsigned char*>(arena.allocate(64 * 1024));
    std::memset(p, 0x5a, 64 * 1024);
    for (unsigned bit = 20; bit < 64; ++bit) {
        EXPECT_EQ(arena.allocate(std::size_t{1} << bit), nullptr) << bit;
        EXPECT_EQ(arena.allocate((std::size_t{1} << bit) + 1), nullptr) << bit;
    }
    volatile std::size_t most = SIZE_MAX;  // a compiler that sees it warns of what is tested here
    EXPECT_EQ(arena.allocate(most), nullptr);
}

TEST(Arena, all_state_lies_below_used_so_that_copying_it_restores_the_arena) {
    Arena arena(megabyte);
    auto* kept = static_cast<int*>(arena.allocate(sizeof(int)));
    *kept = 7;
    void* freed = arena.allocate(200);
    arena.free(freed, 200);

    std::vector<std::byte> saved(arena.used());
    std::memcpy(saved.data(), arena.base(), saved.size());
    const std::size_t live = arena.live_bytes();

    *kept = 8;
    EXPECT_EQ(arena.allocate(200), freed);
    void* next = arena.allocate(3000);

    std::memcpy(arena.base(), saved.data(), saved.size());
    EXPECT_EQ(*kept, 7);
    EXPECT_EQ(arena.live_bytes(), live);
    EXPECT_EQ(arena.used(), saved.size());
    EXPECT_EQ(arena.allocate(200), freed) << "the free lists are part of the copy";
    EXPECT_EQ(arena.allocate(3000), next);
}

TEST(Arena, trim_gives_back_only_what_is_not_used) {
    Arena arena(16 * megabyte);
    auto* kept = static_cast<unsigned char*>(arena.allocate(megabyte));
    std::memset(kept, 0x11, megabyte);
    auto* beyond = static_cast<unsigned char*>(arena.allocate(megabyte));
    std::memset(beyond, 0x22, megabyte);
    std::vector<std::byte> header(arena.used());
    // As a restore of an earlier state does: used() goes back, the bytes behind it stay dirty.
    arena.reset();
    ASSERT_EQ(arena.allocate(megabyte), kept);
    EXPECT_EQ(beyond[5000], 0x22);
    arena.trim();
    EXPECT_EQ(kept[0], 0x11);
    EXPECT_EQ(kept[megabyte - 1], 0x11);
    EXPECT_EQ(beyond[5000], 0) << "given back to the host, which hands out zeros";
}

TEST(Arena, two_arenas_do_not_share_memory) {
    Arena one(megabyte);
    Arena two(megabyte);
    EXPECT_TRUE(one.base() + megabyte <= two.base() || two.base() + megabyte <= one.base());
}

}  // namespace
}  // namespace cowlab
