// Protects the reading of stores by the kernel's own answers: what a golden case reads from a
// persistent snapshot, or is told of its usage, after the last line that changes anything must
// follow from the images of the case's end.
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

struct Snapshot {
    std::string origin, cow;
    Sectors size;
};

struct Answer {
    Snapshot snapshot;
    std::string line;   // as it was asked
    std::string usage;  // of a status: "40/2048 16"; of a read it is empty
    Sectors start, length;
    std::uint64_t fnv = 0;
};

std::vector<Answer> final_answers(const std::string& out) {
    static const char* const changing[] = {"write", "zeroout", "discard",   "writebytes", "disk",
                                           "fault", "bg",      "logreplay", "mergewait"};
    std::map<std::string, Snapshot> snapshots;
    std::vector<Answer> answers;
    std::ifstream file(out);
    for (std::string line, answer; std::getline(file, line);) {
        if (!line.starts_with("> ") || !std::getline(file, answer)) continue;
        std::istringstream words(line.substr(2));
        std::string verb, name;
        words >> verb >> name;
        if (std::find(std::begin(changing), std::end(changing), verb) != std::end(changing) ||
            line.find("snapshot-merge") != std::string::npos) {
            answers.clear();
        } else if (verb == "create" && line.find(';') == std::string::npos) {
            std::string target, origin, cow, store;
            std::uint64_t start = 0;
            Sectors size;
            words >> start >> size.value >> target >> origin >> cow >> store;
            snapshots.erase(name);
            if (target == "snapshot" && start == 0 && store.starts_with("P")) {
                snapshots[name] = {origin.substr(1), cow.substr(1), size};
            }
        } else if (verb == "read" && snapshots.contains(name) && answer.starts_with("= ok fnv=")) {
            Answer a{snapshots[name], line, "", {}, {}, 0};
            words >> a.start.value >> a.length.value;
            a.fnv = std::stoull(answer.substr(9, 16), nullptr, 16);
            answers.push_back(a);
        } else if (verb == "status" && snapshots.contains(name)) {
            // "= 0 2048 snapshot 40/2048 16", unless it is in a state that has no numbers
            std::istringstream fields(answer);
            std::string skipped, target, allocated, metadata;
            fields >> skipped >> skipped >> skipped >> target >> allocated >> metadata;
            if (target == "snapshot" && !metadata.empty()) {
                answers.push_back({snapshots[name], line, allocated + " " + metadata, {}, {}, 0});
            }
        }
    }
    return answers;
}

void compare(const Answer& a, const Image& origin, const Image& cow, const Examination& e) {
    if (!a.usage.empty()) {
        const auto u = usage(cow, *e.layout, e.list);
        ASSERT_TRUE(u);
        EXPECT_EQ(fmt::format("{}/{} {}", u->allocated, u->total, u->metadata), a.usage);
        return;
    }
    const SnapshotImage snapshot(origin, cow, *e.layout, e.records.map, a.snapshot.size);
    std::vector<std::byte> content(a.length.bytes());
    ASSERT_TRUE(snapshot.read(a.start.bytes(), content));
    Fnv1a64 fnv;
    fnv.add(content.data(), content.size());
    EXPECT_EQ(fnv.value(), a.fnv);
}

TEST(StoreGolden, TheImagesGiveWhatTheKernelAnsweredLast) {
    const TempDir dir;
    std::uint64_t reads = 0, sectors = 0, statuses = 0;
    for (const auto& entry : fs::directory_iterator(golden)) {
        const std::string out = entry.path().string();
        if (!out.ends_with(".out")) continue;
        const std::string images = out.substr(0, out.size() - 4) + "/";
        for (const Answer& a : final_answers(out)) {
            SCOPED_TRACE(out + ": " + a.line);
            const std::string packed_origin = images + a.snapshot.origin + ".img.zst";
            const std::string packed_cow = images + a.snapshot.cow + ".img.zst";
            // Otherwise a volume over another, or a disk the case did not keep.
            if (!fs::exists(packed_origin) || !fs::exists(packed_cow)) continue;
            const auto origin_bytes = bytes_of(unpack(packed_origin, dir / "origin"));
            const auto cow_bytes = bytes_of(unpack(packed_cow, dir / "cow"));
            const MemoryImage origin("origin", origin_bytes);
            const MemoryImage cow("cow", cow_bytes);
            auto e = examine(cow, {exact_sectors(origin.bytes()), {}});
            ASSERT_TRUE(e) << e.error().text;
            // That case ends with a record for a chunk the origin does not have; salvage skips it.
            EXPECT_EQ(e->servable(), out.find("fmt-odd-exceptions") == std::string::npos);
            compare(a, origin, cow, *e);
            if (a.usage.empty()) {
                ++reads;
                sectors += a.length.value;
            } else {
                ++statuses;
            }
        }
    }
    fmt::print("{} reads of the kernel reproduced ({} sectors), {} status lines\n", reads, sectors,
               statuses);
    EXPECT_GE(reads, 50u) << "golden/ lost most of its reads?";
    EXPECT_GE(statuses, 30u) << "golden/ lost most of its status lines?";
}

}  // namespace
}  // namespace cowlab::store
