// Sector cells: both modes say the same about any content, and bytes are kept exactly as long as
// anybody refers to them.
#include "world/cells.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <cstring>
#include <map>
#include <vector>

#include "base/bytes.h"
#include "base/prng.h"

namespace cowlab {
namespace {

using Bytes = std::array<std::uint8_t, sector_bytes>;

// Contents of every kind: zeros, patterns, and bytes nobody could guess.
Bytes some_bytes(std::uint64_t n) {
    Bytes b{};
    if (n % 3 == 0) return b;
    if (n % 3 == 1) {
        fill_pattern(b.data(), n, n * 7);
        return b;
    }
    store_le64(b.data() + (n * 8) % 512, mix64(n) | 1);
    return b;
}
// A sector as a metadata area is: nearly all zeros, and different for every n.
Bytes metadata(std::uint64_t n) {
    Bytes b{};
    store_le64(b.data(), n + 1);
    store_le64(b.data() + 8, n + 2);
    return b;
}

struct Holder final : ContentHolder {
    std::vector<ContentId> ids;
    void for_each_content(void (*visit)(void*, ContentId), void* context) override {
        for (const ContentId id : ids) visit(context, id);
    }
};

struct World {
    Arena arena{std::size_t{1} << 30};
    Cells cells;
    explicit World(CellMode mode) : cells(arena, mode) {}
};

class CellsTest : public testing::TestWithParam<CellMode> {
  protected:
    World w{GetParam()};
    Cells& cells = w.cells;
    Bytes read(Payload p, std::uint64_t i) {
        Bytes b;
        cells.read_bytes(p, i, b.data());
        return b;
    }
};
INSTANTIATE_TEST_SUITE_P(Mode, CellsTest, testing::Values(CellMode::tags, CellMode::bytes),
                         [](const auto& info) {
                             return info.param == CellMode::tags ? "tags" : "bytes";
                         });

TEST_P(CellsTest, fresh_cells_are_zeros_also_where_others_were) {
    for (int round = 0; round < 3; ++round) {
        const Payload p = cells.allocate_cells({10});
        for (std::uint64_t i = 0; i < 10; ++i) {
            EXPECT_EQ(cells.content(p, i), zero_content);
            cells.set_content(p, i, pattern_word(1, i));
        }
        cells.free_cells(p, {10});
    }
}

TEST_P(CellsTest, what_is_written_is_read_in_either_form) {
    const Payload p = cells.allocate_cells({60});
    for (std::uint64_t i = 0; i < 60; ++i) {
        const Bytes b = some_bytes(i);
        cells.write_bytes(p, i, b.data());
        EXPECT_EQ(cells.content(p, i), content_id(b.data()));
        EXPECT_EQ(read(p, i), b);
    }
    const Payload q = cells.allocate_cells({60});
    for (std::uint64_t i = 0; i < 60; ++i) cells.set_content(q, i, cells.content(p, 59 - i));
    for (std::uint64_t i = 0; i < 60; ++i) EXPECT_EQ(read(q, i), some_bytes(59 - i));
}

TEST_P(CellsTest, a_slice_is_the_same_sectors_under_other_numbers) {
    const Payload p = cells.allocate_cells({8});
    for (std::uint64_t i = 0; i < 8; ++i) cells.set_content(p, i, pattern_word(3, i));
    const Payload tail = p.from({5});
    EXPECT_EQ(cells.content(tail, 0), pattern_word(3, 5));
    cells.set_content(tail, 2, pattern_word(9, 9));
    EXPECT_EQ(cells.content(p, 7), pattern_word(9, 9));
    cells.zero_cells(p.from({2}), {3});
    for (std::uint64_t i = 0; i < 8; ++i)
        EXPECT_EQ(cells.content(p, i) == zero_content, i >= 2 && i < 5);
    cells.zero_cells(Payload::zeros(), {100});  // nothing behind it: nothing to do
    EXPECT_EQ(cells.content(Payload::zeros().from({3}), 7), zero_content);
}

TEST_P(CellsTest, metadata_bytes_and_cells_copy_into_each_other) {
    alignas(512) std::byte metadata_memory[4 * 512] = {};
    const Payload m = Payload::bytes(metadata_memory);
    const Payload p = cells.allocate_cells({4});
    for (std::uint64_t i = 0; i < 4; ++i) {
        const Bytes b = some_bytes(i + 20);
        cells.write_bytes(p, i, b.data());
        cells.set_content(m, i, cells.content(p, i));
        EXPECT_EQ(std::memcmp(metadata_memory + i * 512, b.data(), 512), 0)
            << "a tag turned into its bytes";
        EXPECT_EQ(cells.content(m, i), content_id(b.data()));
    }
}

TEST_P(CellsTest, bytes_of_other_kinds_are_described_as_golden_prints_them) {
    const Bytes b = some_bytes(2);
    const ContentId id = cells.keep(b.data());
    EXPECT_TRUE(is_other(id));
    EXPECT_EQ(cells.describe(id), recognise(b.data()));
    EXPECT_EQ(cells.describe(pattern_word(4, 5)).seed, 4u);
    EXPECT_EQ(cells.describe(zero_content).kind, SectorContent::Kind::zero);
}

TEST_P(CellsTest, a_hundred_thousand_different_sectors_of_metadata_do_not_pile_up) {
    // As an area that is written again and again: each version replaces the one before.
    Holder disk;
    disk.ids.resize(8);
    cells.add_holder(disk);
    const Payload p = cells.allocate_cells({8});
    std::uint64_t most = 0;
    for (std::uint64_t n = 0; n < 100000; ++n) {
        const Bytes b = metadata(n);
        cells.write_bytes(p, n % 8, b.data());
        disk.ids[n % 8] = cells.content(p, n % 8);
        most = std::max(most, cells.kept());
    }
    EXPECT_LE(most, 128u);
    for (std::uint64_t n = 100000 - 8; n < 100000; ++n) {
        Bytes b;
        cells.bytes_of(disk.ids[n % 8], b.data());
        EXPECT_EQ(b, metadata(n));
    }
    EXPECT_LT(w.arena.used(), 1u << 20) << "the memory of dropped bytes is used again";
}

TEST_P(CellsTest, whatever_anybody_refers_to_is_kept) {
    Holder disk;
    cells.add_holder(disk);
    std::map<ContentId, Bytes> model;
    const Payload buffer = cells.allocate_cells({500});
    for (std::uint64_t n = 0; n < 20000; ++n) {
        const Bytes b = metadata(n);
        // One in ten is on the disk, a few hundred are in a buffer only, the rest is nowhere.
        if (n % 10 == 0) {
            const ContentId id = cells.keep(b.data());
            disk.ids.push_back(id);
            model[id] = b;
        } else {
            static_cast<void>(cells.keep(b.data()));
        }
        if (n % 40 == 1) cells.write_bytes(buffer, n / 40, b.data());
    }
    Bytes b;
    for (const auto& [id, bytes] : model) {
        cells.bytes_of(id, b.data());
        ASSERT_EQ(b, bytes);
    }
    for (std::uint64_t n = 1; n < 20000; n += 40) ASSERT_EQ(read(buffer, n / 40), metadata(n));
    EXPECT_LE(cells.kept(), 4 * (2000u + 500u));

    // A buffer given back keeps nothing any more.
    cells.free_cells(buffer, {500});
    disk.ids.clear();
    for (std::uint64_t n = 0; n < 20000; ++n) {
        const Bytes other = metadata(n + 1000000);
        static_cast<void>(cells.keep(other.data()));
    }
    EXPECT_LE(cells.kept(), 64u);
}

TEST_P(CellsTest, while_somebody_collects_nothing_is_dropped) {
    std::vector<ContentId> collected;
    cells.allow_dropping(false);
    for (std::uint64_t n = 0; n < 5000; ++n) {
        const Bytes b = metadata(n);
        collected.push_back(cells.keep(b.data()));
    }
    for (std::uint64_t n = 0; n < 5000; ++n) {
        Bytes b;
        cells.bytes_of(collected[n], b.data());
        ASSERT_EQ(b, metadata(n));
    }
    cells.allow_dropping(true);
    for (std::uint64_t n = 0; n < 20000; ++n) {
        const Bytes b = metadata(n + 1000000);
        static_cast<void>(cells.keep(b.data()));
    }
    EXPECT_LE(cells.kept(), 64u);
}

TEST(Cells, a_tag_is_eight_bytes_and_real_cells_meet_the_alignment_of_a_device) {
    World tags(CellMode::tags);
    World bytes(CellMode::bytes);
    EXPECT_EQ(tags.cells.allocate_cells({4}).bytes_per_sector(), 8u);
    for (const std::uint64_t count : {1, 3, 8, 100}) {
        const Payload p = bytes.cells.allocate_cells({count});
        EXPECT_EQ(p.bytes_per_sector(), sector_bytes);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p.data()) % 4096, 0u) << count;
    }
}

TEST(Cells, an_exhausted_pool_says_so_and_is_not_broken) {
    Arena arena(1 << 20);
    Cells cells(arena, CellMode::bytes);
    std::vector<Payload> got;
    for (;;) {
        const Payload p = cells.allocate_cells({64});
        if (p.kind() == Payload::Kind::none) break;
        got.push_back(p);
    }
    EXPECT_GE(got.size(), 20u);
    cells.free_cells(got.back(), {64});
    EXPECT_EQ(cells.allocate_cells({64}).kind(), Payload::Kind::cells);
    cells.free_cells({}, {64});  // what none gave back is nothing to free
}

RC_GTEST_PROP(Cells, both_modes_say_the_same_about_any_history_of_sectors, ()) {
    World tags(CellMode::tags);
    World bytes(CellMode::bytes);
    constexpr std::uint64_t size = 12;
    const Payload t = tags.cells.allocate_cells({size});
    const Payload b = bytes.cells.allocate_cells({size});
    const int steps = *rc::gen::inRange(0, 200);
    for (int i = 0; i < steps; ++i) {
        const std::uint64_t at = *rc::gen::inRange<std::uint64_t>(0, size);
        switch (*rc::gen::inRange(0, 4)) {
            case 0: {
                const Bytes content = some_bytes(*rc::gen::inRange<std::uint64_t>(0, 1000));
                tags.cells.write_bytes(t, at, content.data());
                bytes.cells.write_bytes(b, at, content.data());
                break;
            }
            case 1: {
                const std::uint64_t from = *rc::gen::inRange<std::uint64_t>(0, size);
                tags.cells.set_content(t, at, tags.cells.content(t, from));
                bytes.cells.set_content(b, at, bytes.cells.content(b, from));
                break;
            }
            case 2:
                tags.cells.zero_cells(t.from({at}), {1});
                bytes.cells.zero_cells(b.from({at}), {1});
                break;
            default: {
                const ContentId id =
                    pattern_word(*rc::gen::inRange<std::uint64_t>(0, 1u << 24), at);
                tags.cells.set_content(t, at, id);
                bytes.cells.set_content(b, at, id);
            }
        }
        for (std::uint64_t k = 0; k < size; ++k) {
            RC_ASSERT(tags.cells.content(t, k) == bytes.cells.content(b, k));
        }
    }
}

}  // namespace
}  // namespace cowlab
