// Protects the reader against damaged media. 10,000 variants of stores from golden/, each made by a
// function that knows what it damaged and, from the format alone, what can be seen of it: `check`
// must name the damage by kind and offset, or say clean where nothing can be seen. The bytes lie
// between inaccessible pages, reads are counted against a bound, and what would be salvaged is
// read.
//
// One damage a variant, so that the expectation is exact; the last kind ("storm") is many random
// bytes at once and expects nothing but survival.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/prng.h"
#include "cli/store/damage_kinds.h"
#include "cli/store/examination.h"
#include "cli/store/snapshot_image.h"
#include "cli/store/store_test_support.h"

namespace cowlab::store {
namespace {

using namespace test;

constexpr std::uint64_t seed = 1;
constexpr int variants = 10'000;

class CountingImage final : public Image {
  public:
    explicit CountingImage(std::span<const std::byte> bytes)
        : Image("image", bytes.size()), memory_("image", bytes) {}
    Result<void> read(std::uint64_t offset, std::span<std::byte> to) const override {
        bytes_read += to.size();
        return memory_.read(offset, to);
    }
    mutable std::uint64_t bytes_read = 0;

  private:
    MemoryImage memory_;
};

// An origin of any size that costs nothing.
class ZeroImage final : public Image {
  public:
    explicit ZeroImage(std::uint64_t bytes) : Image("origin", bytes) {}
    Result<void> read(std::uint64_t offset, std::span<std::byte> to) const override {
        CHECK(offset + to.size() <= bytes(), "an image is read inside its window");
        std::fill(to.begin(), to.end(), std::byte{0});
        return {};
    }
};

void read_what_is_served(const Image& cow, const Examination& e, std::uint64_t origin_chunks) {
    const ZeroImage origin(origin_chunks * e.layout->chunk().bytes());
    const SnapshotImage snapshot(origin, cow, *e.layout, e.records.map,
                                 exact_sectors(origin.bytes()));
    std::vector<std::byte> buffer(512);
    for (const Run& r : e.records.map) {
        for (const std::uint64_t chunk : {r.old_chunk.value, r.old_chunk.value + r.count - 1}) {
            if (chunk >= origin_chunks) continue;
            const std::uint64_t at = chunk * e.layout->chunk().bytes();
            ASSERT_TRUE(snapshot.read(at, buffer));
            ASSERT_TRUE(snapshot.read(at + e.layout->chunk().bytes() - 512, buffer));
        }
    }
}

std::vector<Subject> subjects() {
    const TempDir dir;
    std::vector<std::string> packed = {golden + "/real/ext4_P8/cow.img.xz"};
    for (const char* name : {"area-roll-1/cow",
                             "area-roll-16/cow",
                             "area-roll-8/cow",
                             "image-three-areas/cow",
                             "image-basic.in",
                             "fmt-fresh-P-1/cow",
                             "fmt-fresh-P-2/cow",
                             "fmt-fresh-P-64/cow",
                             "fmt-chunk0-default/cow",
                             "merge-complete/cow",
                             "merge-partial-then-grow/cow",
                             "data-tail-chunk-snapshot-write/cow",
                             "rnd-000/cow0",
                             "rnd-000/cow1",
                             "rnd-004/cow0",
                             "rnd-014/cow0",
                             "rnd-016/cow2",
                             "rnd-022/cow1",
                             "rnd-026/cow0",
                             "rnd-034/cow0"}) {
        packed.push_back(golden + "/" + name + ".img.zst");
    }
    std::vector<Subject> all;
    const auto add = [&](std::string name, std::span<const std::byte> bytes) {
        const auto tight =
            all.size() % 2 == 0 ? GuardedBytes::Tight::end : GuardedBytes::Tight::start;
        all.push_back(
            {std::move(name), std::make_unique<GuardedBytes>(bytes, tight), PlainStore::of(bytes)});
    };
    for (const std::string& p : packed)
        add(p.substr(golden.size() + 1), bytes_of(unpack(p, dir / "image")));
    const auto pv = bytes_of(unpack(
        golden + "/real/lvm_classic_snapshot/pv-with-active-snapshot.img.xz", dir / "image"));
    add("real/lvm_classic_snapshot", std::span(pv).subspan(10240 * 512, 2048 * 512));
    return all;
}

bool matches(const Finding& f, const Expected& expected) {
    const auto inside = [&](std::uint64_t at) { return expected.begin <= at && at < expected.end; };
    return f.kind == expected.kind && (inside(f.offset) || (f.other && inside(*f.other)));
}

TEST(StoreDamage, TenThousandDamagedStoresAreNamedOrHarmless) {
    const std::vector<Subject> all = subjects();
    for (const Subject& s : all) {
        ASSERT_NE(s.plain.terminator, 0u) << s.name;
        auto e = examine(MemoryImage("image", s.bytes()), {});
        ASSERT_TRUE(e);
        ASSERT_EQ(e->findings.count(), 0u) << s.name << " must be clean to begin with";
    }
    struct Outcomes {
        int named = 0, named_only = 0, clean = 0, survived = 0, wrong = 0;
    };
    std::map<const Row*, Outcomes> outcomes;
    std::map<std::string, int> kinds_seen;
    for (int i = 0; i < variants; ++i) {
        Prng prng(seed, static_cast<std::uint64_t>(i));
        const Row& row = rows[static_cast<std::size_t>(i) % std::size(rows)];
        // Half of the variants are of the two stores from real use.
        const Subject* s = prng.below(2) == 0 ? (prng.below(4) == 0 ? &all.back() : &all.front())
                                              : &all[prng.below(all.size())];
        if (row.needs_records && s->plain.records.size() < 2) s = &all.front();
        SCOPED_TRACE(fmt::format("variant {} of seed {}: {} of {}", i, seed, row.name, s->name));

        Variant v(*s, prng);
        const Expected expected = row.damage(v);
        std::span<const std::byte> bytes = s->bytes();
        std::unique_ptr<GuardedBytes> shorter;
        if (v.cut_to) {
            shorter = std::make_unique<GuardedBytes>(bytes.first(*v.cut_to * 512),
                                                     GuardedBytes::Tight::end);
            bytes = shorter->bytes();
        }
        const CountingImage image(bytes);
        auto e = examine(image, {v.origin, {}});
        ASSERT_TRUE(e) << e.error().text;
        const std::uint64_t chunk = e->layout ? e->layout->chunk().bytes() : 0;
        EXPECT_LE(image.bytes_read, (e->list.area_records.size() + 4) * chunk + 65536 +
                                        (chunk == 0 ? bytes.size() : 0))
            << "work must be bounded by the metadata";
        if (e->layout)
            read_what_is_served(image, *e, std::min<std::uint64_t>(v.old_chunk_limit(), 1 << 20));

        Outcomes& o = outcomes[&row];
        const auto& found = e->findings.kept();
        for (const Finding& f : found) ++kinds_seen[std::string(name_of(f.kind))];
        bool right = true;
        if (expected.what == Expected::named) {
            right = std::any_of(found.begin(), found.end(),
                                [&](const Finding& f) { return matches(f, expected); });
            ++(found.size() == 1 ? o.named_only : o.named);
        } else if (expected.what == Expected::clean) {
            right = found.empty();
            ++o.clean;
        } else {
            ++o.survived;
        }
        if (right) continue;
        ++o.wrong;
        std::string said;
        for (const Finding& f : found) {
            said += fmt::format("\n  byte {} {}: {}", f.offset, name_of(f.kind), f.what);
        }
        ADD_FAILURE() << (expected.what == Expected::clean
                              ? std::string("expected nothing to be seen")
                              : fmt::format("expected {} at byte {}", name_of(expected.kind),
                                            expected.begin))
                      << ", found" << said;
    }

    fmt::print("{:<34}{:>11}{:>11}{:>11}{:>11}{:>8}\n", "damage", "named", "named+more",
               "unseeable", "no promise", "wrong");
    Outcomes sum;
    for (const Row& row : rows) {
        const Outcomes& o = outcomes[&row];
        fmt::print("{:<34}{:>11}{:>11}{:>11}{:>11}{:>8}\n", row.name, o.named_only, o.named,
                   o.clean, o.survived, o.wrong);
        sum.named += o.named;
        sum.named_only += o.named_only;
        sum.clean += o.clean;
        sum.survived += o.survived;
        sum.wrong += o.wrong;
    }
    fmt::print("{:<34}{:>11}{:>11}{:>11}{:>11}{:>8}\n",
               fmt::format("{} variants, seed {}", variants, seed), sum.named_only, sum.named,
               sum.clean, sum.survived, sum.wrong);
    for (const auto& [kind, n] : kinds_seen) fmt::print("  {:<26}{:>8} findings\n", kind, n);
    EXPECT_EQ(sum.wrong, 0);
    // Every kind there is has been seen, but the one that needs a device with large blocks.
    EXPECT_EQ(kinds_seen.size(), kind_count - 1);
    for (const Subject& s : all) {
        auto e = examine(MemoryImage("image", s.bytes()), {});
        EXPECT_EQ(e->findings.count(), 0u) << "a variant was not undone in " << s.name;
    }
}

}  // namespace
}  // namespace cowlab::store
