// Protects what `store check` and `store dump` print, and the line check draws between damage and
// what an older kernel or a power loss explains.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

#include "base/prng.h"
#include "cli/store/examination.h"
#include "cli/store/plain_store.h"
#include "cli/store/serving_map.h"
#include "cli/store/snapshot_image.h"
#include "cli/store/store.h"
#include "cli/store/store_test_support.h"

namespace cowlab::store {
namespace {

using namespace test;
using Records = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

// "kind@offset …" of a store with chunks of one sector on a device of 200.
std::string findings_of(const Records& records, std::optional<Sectors> origin = {}) {
    const auto bytes = make_store(1, 200, records);
    auto e = examine(MemoryImage("cow", bytes), {origin, {}});
    if (!e) return e.error().text;
    std::string all;
    for (const Finding& f : e->findings.kept()) {
        all += fmt::format("{}{}@{}", all.empty() ? "" : " ", name_of(f.kind), f.offset);
    }
    return all;
}

Records in_order(std::uint64_t n) {
    Records records;
    for (std::uint64_t i = 0; i < n; ++i) records.emplace_back(10 * i, 2 + i + i / 32);
    return records;
}

TEST(StoreCheck, OneRecordOutOfItsPlaceIsDamageManyAreAnOlderKernel) {
    EXPECT_EQ(findings_of(in_order(70)), "");

    Records one = in_order(10);
    one[4].second = 50;
    EXPECT_EQ(findings_of(one), "record-new-out-of-place@576");
    one = in_order(10);
    one[9].second = 60;  // the last one: its neighbour is enough
    EXPECT_EQ(findings_of(one), "record-new-out-of-place@656");
    one = in_order(1);
    one[0].second = 3;
    EXPECT_EQ(findings_of(one), "record-new-out-of-place@512");

    // Before 3.14 records were committed as copies ended …
    Records swapped = in_order(10);
    std::swap(swapped[4].second, swapped[5].second);
    EXPECT_EQ(findings_of(swapped), "not-in-allocation-order@576");
    // … and a crash leaked what was not: everything behind moves on by as much.
    Records leaked = in_order(10);
    for (std::size_t i = 6; i < leaked.size(); ++i) leaked[i].second += 2;
    EXPECT_EQ(findings_of(leaked), "not-in-allocation-order@608");
}

TEST(StoreCheck, LostChunksBehindTheLastGoodRecordAreAnOlderKernelToo) {
    Records leaked = in_order(10);
    leaked[8].second += 20;
    leaked[9].second += 20;
    EXPECT_EQ(findings_of(leaked), "not-in-allocation-order@640");
}

// Without the gap for the area the numbers just go on, which must not hide them.
TEST(StoreCheck, ARunThatGoesOnOverTheNextAreaIsSeen) {
    Records records;
    for (std::uint64_t i = 0; i < 33; ++i) records.emplace_back(i, 2 + i);
    EXPECT_EQ(findings_of(records), fmt::format("record-new-on-metadata@{}", 34 * 512));
}

std::string header_findings_of(std::vector<std::byte> bytes, std::uint64_t at,
                               std::uint32_t value) {
    std::memcpy(bytes.data() + at, &value, 4);
    auto e = examine(MemoryImage("cow", bytes), {});
    std::string all;
    for (const Finding& f : e->findings.kept()) {
        all += fmt::format("{}@{}: {}\n", name_of(f.kind), f.offset, f.what);
    }
    return all;
}

TEST(StoreCheck, TheHeaderIsFollowedByZerosFromItsFirstByteOn) {
    const auto store = make_store(8, 6, {{1, 2}});
    EXPECT_EQ(header_findings_of(store, 16, 9).substr(0, 18), "header-not-zero@16");
    EXPECT_EQ(header_findings_of(store, 4092, 9).substr(0, 20), "header-not-zero@4092");
}

TEST(StoreCheck, AZeroMagicIsALostHeaderOnlyIfAHeaderFollows) {
    auto store = make_store(8, 6, {{1, 2}});
    EXPECT_EQ(header_findings_of(store, 0, 0).substr(0, 14), "magic-zeroed@0");
    store[8] = std::byte{7};  // the version
    EXPECT_EQ(header_findings_of(store, 0, 0).substr(0, 11), "bad-magic@0");
}

TEST(StoreCheck, TheChunkSizeOfALostHeaderIsFoundUpToTheLargest) {
    for (const std::uint32_t size : {1u, 8u, 4096u, 16384u}) {
        const std::string said = header_findings_of(make_store(size, 3, {{0, 2}}), 0, 1);
        EXPECT_NE(said.find(fmt::format("as if the chunk size were {} sectors", size)),
                  std::string::npos)
            << said;
    }
}

TEST(StoreCheck, OfTwoUsersOfADataChunkTheOneOutOfPlaceIsNamed) {
    Records early = in_order(10);
    early[2].second = early[7].second;
    EXPECT_EQ(findings_of(early), "duplicate-new@544");
    Records late = in_order(10);
    late[7].second = late[2].second;
    EXPECT_EQ(findings_of(late), "duplicate-new@624");
    Records neither = in_order(10);  // chunk 40 twice: the later one is named, the first is alone
    neither[2].second = neither[7].second = 40;
    EXPECT_EQ(findings_of(neither), "record-new-out-of-place@544 duplicate-new@624");
}

TEST(StoreCheck, OldChunksAreBoundedByTheOriginOrByAnyDevice) {
    const Records records = {{7, 2}, {8, 3}, {std::uint64_t{1} << 54, 4}};
    EXPECT_EQ(findings_of(records), "record-old-out-of-range@544");
    EXPECT_EQ(findings_of(records, Sectors{9}), "record-old-out-of-range@544");
    EXPECT_EQ(findings_of(records, Sectors{8}),
              "record-old-out-of-range@528 record-old-out-of-range@544");
}

TEST(StoreCheck, AChunkSizeBelowTheDevicesBlockIsSaid) {
    class FourKilobyteBlocks final : public Image {
      public:
        explicit FourKilobyteBlocks(const MemoryImage& m) : Image("cow", m.bytes()), memory_(m) {
            logical_block_ = Sectors{8};
        }
        Result<void> read(std::uint64_t offset, std::span<std::byte> to) const override {
            return memory_.read(offset, to);
        }

      private:
        const MemoryImage& memory_;
    };
    const auto bytes = make_store(4, 64, {{1, 2}});
    const MemoryImage memory("cow", bytes);
    auto e = examine(FourKilobyteBlocks(memory), {});
    ASSERT_TRUE(e);
    ASSERT_EQ(e->findings.kept().size(), 1u);
    EXPECT_EQ(e->findings.kept()[0].kind, Kind::chunk_size_not_multiple);
    EXPECT_TRUE(e->servable());
}

TEST(StoreCheck, AnUnreadablePartOfTheMetadataIsAnErrorWhereverItIs) {
    class BadSector final : public Image {
      public:
        BadSector(const MemoryImage& m, std::uint64_t bad)
            : Image("cow", m.bytes()), memory_(m), bad_(bad) {}
        Result<void> read(std::uint64_t offset, std::span<std::byte> to) const override {
            if (offset < bad_ + 512 && bad_ < offset + to.size())
                return refuse("cow", "bad sector");
            return memory_.read(offset, to);
        }

      private:
        const MemoryImage& memory_;
        std::uint64_t bad_;
    };
    Records records;
    for (std::uint64_t i = 0; i < 300; ++i) records.emplace_back(2 * i, 2 + i + i / 256);
    const auto bytes = make_store(8, 400, records);
    const MemoryImage memory("cow", bytes);
    for (const std::uint64_t sector : {0, 1, 7, 8, 15, 258 * 8, 258 * 8 + 2, 258 * 8 + 7}) {
        auto e = examine(BadSector(memory, sector * 512), {});
        ASSERT_FALSE(e) << sector;
        EXPECT_EQ(e.error().text, "bad sector");
    }
    EXPECT_TRUE(examine(BadSector(memory, 16 * 512), {})) << "data is not looked at";
    auto e = examine(memory, {});
    const std::vector<std::byte> zeros(600 * 4096);
    const MemoryImage origin("origin", zeros);
    const BadSector bad_data(memory, 16 * 512);
    const SnapshotImage snapshot(origin, bad_data, *e->layout, e->records.map,
                                 exact_sectors(zeros.size()));
    std::vector<std::byte> content(512);
    EXPECT_FALSE(snapshot.read(0, content));
    EXPECT_TRUE(snapshot.read(512, content));
}

TEST(StoreCheck, PrintsALineAFindingAndAVerdict) {
    const TempDir dir;
    const std::string cow = dir / "cow";
    const auto ran = [&](const Records& records, std::uint32_t valid, bool json = false) {
        write_file(cow, make_store(1, 40, records, valid));
        return run([&](std::FILE* out, std::FILE*) { return check({cow, {}, json}, out); });
    };
    const Ran clean = ran({{3, 2}, {4, 3}}, 1);
    EXPECT_EQ(clean.exit, 0);
    EXPECT_EQ(clean.out, cow + ": clean: 2 exceptions in 1 area, chunk size 1 sector\n");

    const Ran damaged = ran({{3, 2}, {4, 77}}, 1);
    EXPECT_EQ(damaged.exit, 1);
    EXPECT_EQ(damaged.out,
              "byte 528          damaged     record-new-out-of-range   record 1 of area 0 maps old "
              "chunk 4 to new "
              "chunk 77, the image has 40 whole chunks: reads of the old chunk fail with EIO: "
              "damaged, or the image "
              "was cut off\n" +
                  cow + ": damaged: 2 exceptions in 1 area, chunk size 1 sector, 1 finding\n");

    const Ran invalidated = ran({{3, 2}}, 0);
    EXPECT_EQ(invalidated.exit, 1);
    EXPECT_EQ(invalidated.out,
              "byte 4            state       invalidated               the snapshot was "
              "invalidated (it overflowed or "
              "a device failed): origin writes after that were not copied: reads fail with EIO, "
              "and `store read "
              "--salvage` mixes old data with new\n" +
                  cow + ": invalidated: 1 exception in 1 area, chunk size 1 sector, 1 finding\n");

    const auto j = nlohmann::json::parse(ran({{3, 2}, {3, 3}}, 1, true).out);
    EXPECT_EQ(j["verdict"], "damaged");
    EXPECT_EQ(j["header"]["chunk_size"], 1);
    EXPECT_EQ(j["exceptions"], 2);
    EXPECT_EQ(j["findings_total"], 1);
    EXPECT_EQ(j["findings"][0]["kind"], "duplicate-old");
    EXPECT_EQ(j["findings"][0]["severity"], "damaged");
    EXPECT_EQ(j["findings"][0]["offset"], 528);
    EXPECT_EQ(j["findings"][0]["other_offset"], 512);
    EXPECT_FALSE(j["findings"][0]["consequence"].get<std::string>().empty());
}

TEST(StoreCheck, OfAStoreOfGarbageTheFirstFindingsArePrintedAndAllAreCounted) {
    const TempDir dir;
    std::vector<std::byte> bytes = make_store(1, 2000, {});
    for (std::size_t i = 512; i < bytes.size(); ++i) bytes[i] = std::byte{0xa5};
    write_file(dir / "cow", bytes);
    const Ran ran = run([&](std::FILE* out, std::FILE*) {
        return check({dir / "cow", {}, false}, out);
    });
    EXPECT_EQ(ran.exit, 1);
    EXPECT_EQ(std::count(ran.out.begin(), ran.out.end(), '\n'), 1002);
    // 61 areas of 32 records, and the end of the list that is not there.
    EXPECT_NE(ran.out.find("… and 953 findings more\n"), std::string::npos)
        << ran.out.substr(ran.out.size() - 200);
    EXPECT_NE(ran.out.find("1953 findings\n"), std::string::npos);
}

TEST(StoreDump, PrintsATableAndJoinsRunsInJson) {
    const TempDir dir;
    const std::string cow = dir / "cow";
    write_file(cow, make_store(1, 200, {{3, 2}, {4, 3}, {9, 4}, {8, 5}}));
    const Ran table = run([&](std::FILE* out, std::FILE*) { return dump({cow, false}, out); });
    EXPECT_EQ(table.exit, 0);
    EXPECT_EQ(
        table.out,
        "store       " + cow +
            "\n"
            "header      magic 0x70416e53, valid 1, version 1, chunk size 1 sectors (512 bytes)\n"
            "usage       6/200 2   sectors allocated/total metadata\n"
            "next free   chunk 6\n"
            "areas           area        chunk             byte   records\n"
            "                   0            1              512   4 of 32\n"
            "exceptions  4 in 3 runs\n"
            "                         old              new      count\n"
            "                           3                2          2\n"
            "                           9                4          1\n"
            "                           8                5          1\n");
    const Ran json = run([&](std::FILE* out, std::FILE*) { return dump({cow, true}, out); });
    EXPECT_EQ(json.out,
              "{\"header\":{\"magic\":1883336275,\"valid\":1,\"version\":1,\"chunk_size\":1},\n"
              "\"areas\":[\n"
              "{\"index\":0,\"chunk\":1,\"offset_bytes\":512,\"records\":4,\"full\":false}],\n"
              "\"exceptions\":[\n"
              "{\"old\":3,\"new\":2,\"count\":2},\n"
              "{\"old\":9,\"new\":4,\"count\":1},\n"
              "{\"old\":8,\"new\":5,\"count\":1}]}\n");

    // As the kernel does, never on the next metadata area …
    write_file(cow, make_store(1, 200, in_order(32)));
    EXPECT_NE(run([&](std::FILE* out, std::FILE*) {
                  return dump({cow, false}, out);
              }).out.find("usage       35/200 3 "),
              std::string::npos);
    // … and a number beyond everything does not become a small one.
    write_file(cow, make_store(1, 200, {{1, UINT64_MAX}}));
    EXPECT_NE(run([&](std::FILE* out, std::FILE*) {
                  return dump({cow, false}, out);
              }).out.find(fmt::format("next free   chunk {}\n", UINT64_MAX)),
              std::string::npos);

    // 40 records whose numbers all go on, across the end of the first area: one run.
    Records across;
    for (std::uint64_t i = 0; i < 40; ++i) across.emplace_back(i, 100 + i);
    write_file(cow, make_store(1, 200, across));
    const auto j = nlohmann::json::parse(run([&](std::FILE* out, std::FILE*) {
                                             return dump({cow, true}, out);
                                         }).out);
    EXPECT_EQ(j["exceptions"].size(), 1u) << j.dump();
    EXPECT_EQ(j["exceptions"][0]["count"], 40);
    EXPECT_EQ(j["areas"].size(), 2u);
}

// Against a map that remembers the first record of each chunk.
TEST(ServingMap, TheFirstRecordOfAChunkWinsWhateverOverlaps) {
    for (std::uint64_t s = 0; s < 2000; ++s) {
        Prng prng(1, s);
        std::vector<store::Run> runs;
        std::vector<std::uint64_t> lost;
        std::map<std::uint64_t, std::uint64_t> expected;  // old -> new
        std::uint64_t index = 0, duplicates = 0;
        for (std::uint64_t n = prng.between(1, 12); n > 0; --n) {
            const store::Run r{{prng.below(60)}, {1000 + index}, prng.between(1, 9), index};
            for (std::uint64_t i = 0; i < r.count; ++i) {
                if (prng.below(10) == 0) {
                    lost.push_back(index + i);
                } else if (!expected.emplace(r.old_chunk.value + i, r.new_chunk.value + i).second) {
                    ++duplicates;
                }
            }
            index += r.count;
            runs.push_back(r);
        }
        std::uint64_t told = 0;
        const auto map = serving_map(runs, lost, [&](std::uint64_t later, std::uint64_t first) {
            EXPECT_GT(later, first);
            ++told;
        });
        std::map<std::uint64_t, std::uint64_t> served;
        std::uint64_t end = 0;
        for (const store::Run& r : map) {
            EXPECT_GE(r.old_chunk.value, end) << "sorted, without overlap";
            end = r.old_chunk.value + r.count;
            for (std::uint64_t i = 0; i < r.count; ++i)
                served[r.old_chunk.value + i] = r.new_chunk.value + i;
        }
        ASSERT_EQ(served, expected) << "stream " << s;
        ASSERT_EQ(told, duplicates) << "stream " << s;
    }
}

}  // namespace
}  // namespace cowlab::store
