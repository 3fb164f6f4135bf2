// Protects `store read` by the kernel's own answers: where a golden case reads a persistent
// snapshot and changes nothing any more after that, the images of the case's end must give the same
// bytes.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "base/hash.h"
#include "cli/store/examination.h"
#include "cli/store/snapshot_image.h"
#include "cli/store/store_test_support.h"

namespace cowlab::store {
namespace {

using namespace test;
namespace fs = std::filesystem;

struct KernelRead {
    std::string origin, cow;
    std::uint64_t sectors = 0;  // of the snapshot
    std::uint64_t start = 0, length = 0;
    std::uint64_t fnv = 0;
};

// The reads of `out` behind its last line that could have changed a disk.
std::vector<KernelRead> final_reads(const std::string& out) {
    static const char* const changing[] = {"write", "zeroout", "discard",   "writebytes", "disk",
                                           "fault", "bg",      "logreplay", "mergewait"};
    std::map<std::string, KernelRead> snapshots;
    std::vector<KernelRead> reads;
    std::ifstream file(out);
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with("> ")) continue;
        std::istringstream words(line.substr(2));
        std::string verb, name, target, origin, cow, store;
        std::uint64_t start = 0, length = 0;
        words >> verb >> name;
        if (std::find(std::begin(changing), std::end(changing), verb) != std::end(changing) ||
            line.find("snapshot-merge") != std::string::npos) {
            reads.clear();
        } else if (verb == "create") {
            words >> start >> length >> target >> origin >> cow >> store;
            const bool persistent = target == "snapshot" && start == 0 && store.starts_with("P");
            snapshots.erase(name);
            if (persistent && line.find(';') == std::string::npos) {
                snapshots[name] = {origin.substr(1), cow.substr(1), length, 0, 0, 0};
            }
        } else if (verb == "read" && snapshots.contains(name) && std::getline(file, line) &&
                   line.starts_with("= ok fnv=")) {
            KernelRead r = snapshots[name];
            words >> r.start >> r.length;
            r.fnv = std::stoull(line.substr(9, 16), nullptr, 16);
            reads.push_back(r);
        }
    }
    return reads;
}

TEST(StoreGolden, TheImagesGiveWhatTheKernelReadLast) {
    const TempDir dir;
    std::uint64_t compared = 0, sectors = 0;
    for (const auto& entry : fs::directory_iterator(golden)) {
        const std::string out = entry.path().string();
        if (!out.ends_with(".out")) continue;
        const std::string images = out.substr(0, out.size() - 4) + "/";
        for (const KernelRead& r : final_reads(out)) {
            SCOPED_TRACE(fmt::format("{} read {}+{}", out, r.start, r.length));
            // A volume over another, or a disk the case did not keep.
            if (!fs::exists(images + r.origin + ".img.zst") ||
                !fs::exists(images + r.cow + ".img.zst"))
                continue;
            const auto origin_bytes =
                bytes_of(unpack(images + r.origin + ".img.zst", dir / "origin"));
            const auto cow_bytes = bytes_of(unpack(images + r.cow + ".img.zst", dir / "cow"));
            const MemoryImage origin("origin", origin_bytes);
            const MemoryImage cow("cow", cow_bytes);
            auto e = examine(cow, {exact_sectors(origin.bytes()), {}});
            ASSERT_TRUE(e) << e.error().text;
            // That case ends with a record for a chunk the origin does not have; salvage skips it.
            EXPECT_EQ(e->servable(), out.find("fmt-odd-exceptions") == std::string::npos);
            const SnapshotImage snapshot(origin, cow, *e->layout, e->records.map, {r.sectors});
            std::vector<std::byte> content(Sectors{r.length}.bytes());
            ASSERT_TRUE(snapshot.read(Sectors{r.start}.bytes(), content));
            Fnv1a64 fnv;
            fnv.add(content.data(), content.size());
            EXPECT_EQ(fnv.value(), r.fnv);
            ++compared;
            sectors += r.length;
        }
    }
    std::printf("%llu reads of the kernel reproduced, %llu sectors\n",
                static_cast<unsigned long long>(compared),
                static_cast<unsigned long long>(sectors));
    EXPECT_GE(compared, 50u) << "golden/ lost most of its reads?";
}

}  // namespace
}  // namespace cowlab::store
