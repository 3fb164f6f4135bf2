// Protects the reading of the format: every store the kernel left in golden/ is dumped and compared
// with what a second, independent reader sees, and the kernel's own answers (status lines, sha256
// of the snapshot devices) are reproduced from the images alone.
#include <nlohmann/json.hpp>

#include <map>

#include "cli/store/plain_store.h"
#include "cli/store/store.h"
#include "cli/store/store_test_support.h"

namespace cowlab::store {
namespace {

using namespace test;
using Json = nlohmann::json;
namespace fs = std::filesystem;

std::vector<std::string> golden_images() {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(golden)) {
        if (entry.path().string().ends_with(".img.zst")) found.push_back(entry.path().string());
    }
    std::sort(found.begin(), found.end());
    return found;
}

void expect_dump_of(const std::string& path, const PlainStore& plain) {
    const Ran ran = run([&](std::FILE* out, std::FILE*) { return dump({path, true}, out); });
    ASSERT_EQ(ran.exit, 0) << ran.error;
    const Json j = Json::parse(ran.out);
    EXPECT_EQ(j["header"], (Json{{"magic", plain.magic},
                                 {"valid", plain.valid},
                                 {"version", plain.version},
                                 {"chunk_size", plain.chunk_size}}));
    const std::uint64_t chunk = std::uint64_t{plain.chunk_size} * 512;
    Json areas = Json::array();
    for (std::size_t a = 0; a < plain.area_bytes.size(); ++a) {
        areas.push_back({{"index", a},
                         {"chunk", plain.area_bytes[a] / chunk},
                         {"offset_bytes", plain.area_bytes[a]},
                         {"records", plain.area_records[a]},
                         {"full", plain.area_records[a] == chunk / 16}});
    }
    EXPECT_EQ(j["areas"], areas);

    std::vector<std::pair<std::uint64_t, std::uint64_t>> expected;
    for (const PlainStore::Record& r : plain.records)
        expected.emplace_back(r.old_chunk, r.new_chunk);
    std::vector<std::pair<std::uint64_t, std::uint64_t>> dumped;
    for (const Json& run : j["exceptions"]) {
        const auto old_chunk = run["old"].get<std::uint64_t>();
        const auto new_chunk = run["new"].get<std::uint64_t>();
        if (!dumped.empty()) {
            EXPECT_NE(dumped.back(), std::make_pair(old_chunk - 1, new_chunk - 1))
                << "runs are joined";
        }
        for (std::uint64_t i = 0; i < run["count"].get<std::uint64_t>(); ++i) {
            dumped.emplace_back(old_chunk + i, new_chunk + i);
        }
    }
    EXPECT_EQ(dumped, expected);
}

TEST(StoreGolden, EveryStoreOfTheKernelIsDumpedAsASecondReaderSeesIt) {
    const TempDir dir;
    std::uint64_t stores = 0, records = 0, areas = 0;
    for (const std::string& packed : golden_images()) {
        SCOPED_TRACE(packed);
        const std::string path = unpack(packed, dir / "image");
        const PlainStore plain = PlainStore::of(bytes_of(path));
        if (plain.area_bytes.empty()) continue;  // an origin, a transient COW device, a blank one
        expect_dump_of(path, plain);
        ++stores;
        records += plain.records.size();
        areas += plain.area_bytes.size();
    }
    std::printf("%llu stores, %llu areas, %llu records agree\n",
                static_cast<unsigned long long>(stores), static_cast<unsigned long long>(areas),
                static_cast<unsigned long long>(records));
    EXPECT_GT(stores, 130u) << "golden/ lost most of its stores?";
}

// What a kernel wrote in peace, faults, merges and power losses included, is clean or was
// invalidated. The exceptions are the images golden/ made by hand to be odd, and what is named
// here.
TEST(StoreGolden, CheckHasNothingAgainstWhatTheKernelWrote) {
    const std::map<std::string, std::string> odd = {
        {"image-af2.in.img.zst", "area-beyond-end"},
        {"image-area-full-at-device-end/cow.img.zst", "area-beyond-end"},
        {"image-dup.in.img.zst", "duplicate-old"},
        {"image-gaps.in.img.zst", "not-in-allocation-order"},
    };
    const TempDir dir;
    std::map<std::string, int> verdicts;
    for (const std::string& packed : golden_images()) {
        SCOPED_TRACE(packed);
        const std::string path = unpack(packed, dir / "image");
        const PlainStore plain = PlainStore::of(bytes_of(path));
        if (plain.area_bytes.empty()) continue;
        const Ran ran = run([&](std::FILE* out, std::FILE*) {
            return check({path, std::nullopt, true}, out);
        });
        const Json j = Json::parse(ran.out);
        ++verdicts[j["verdict"].get<std::string>()];
        const auto expected = odd.find(packed.substr(golden.size() + 1));
        if (expected != odd.end()) {
            EXPECT_EQ(ran.exit, 1);
            EXPECT_EQ(j["findings"][0]["kind"], expected->second);
        } else if (plain.valid == 0) {
            EXPECT_EQ(ran.exit, 1);
            EXPECT_EQ(j["verdict"], "invalidated") << ran.out;
        } else {
            EXPECT_EQ(ran.exit, 0) << ran.out;
        }
    }
    for (const auto& [verdict, n] : verdicts) std::printf("%-12s %d\n", verdict.c_str(), n);
}

// The sha256 sums are what the running kernel read from the snapshot devices (kernel-log.txt).
TEST(StoreGolden, ReadGivesTheSnapshotOfAnExt4FileSystemAsTheKernelDid) {
    const TempDir dir;
    const std::string cow = unpack(golden + "/real/ext4_P8/cow.img.xz", dir / "cow.img");
    const std::string origin = unpack(golden + "/real/ext4_P8/origin.img.xz", dir / "origin.img");
    const std::string sum = "fad305798b4dcf6594b442032e940834c955eaf6588f515fd1c5a045bd547c0f";

    const Ran to_file = run([&](std::FILE* out, std::FILE* messages) {
        return read({cow, origin, dir / "s.img", {}, false, {}}, out, messages);
    });
    ASSERT_EQ(to_file.exit, 0) << to_file.error;
    EXPECT_EQ(to_file.messages, "");
    EXPECT_EQ(sha256_of(dir / "s.img"), sum);

    const Ran to_stream = run([&](std::FILE*, std::FILE* messages) {
        std::FILE* out = std::fopen((dir / "streamed").c_str(), "w");
        auto result = read({cow, origin, {}, {}, false, {}}, out, messages);
        std::fclose(out);
        return result;
    });
    ASSERT_EQ(to_stream.exit, 0) << to_stream.error;
    EXPECT_EQ(sha256_of(dir / "streamed"), sum);

    const Ran dumped = run([&](std::FILE* out, std::FILE*) { return dump({cow, false}, out); });
    EXPECT_NE(dumped.out.find("usage       2136/32768 24 "), std::string::npos) << dumped.out;
}

// Both windows lie in one image of a physical volume; where, the kernel log's `dmsetup table` says.
TEST(StoreGolden, ReadGivesAnLvmSnapshotFromWindowsOfOnePhysicalVolume) {
    const TempDir dir;
    const std::string pv = unpack(
        golden + "/real/lvm_classic_snapshot/pv-with-active-snapshot.img.xz", dir / "pv.img");
    const Ran ran = run([&](std::FILE* out, std::FILE* messages) {
        return read({pv + "@10240+2048", pv + "@0x800+0x2000", dir / "s.img", {}, false, {}}, out,
                    messages);
    });
    ASSERT_EQ(ran.exit, 0) << ran.error;
    EXPECT_EQ(sha256_of(dir / "s.img"),
              "4ff7323c204356c52cb6b26248202d780d107a50d654674bd244916def08b02f");

    const Ran dumped = run([&](std::FILE* out, std::FILE*) {
        return dump({pv + "@10240+2048", false}, out);
    });
    EXPECT_NE(dumped.out.find("usage       40/2048 16 "), std::string::npos) << dumped.out;
    const Ran checked = run([&](std::FILE* out, std::FILE*) {
        return check({pv + "@10240+2048", pv + "@2048+8192", false}, out);
    });
    EXPECT_EQ(checked.exit, 0) << checked.out;
}

}  // namespace
}  // namespace cowlab::store
