// What a call of the model costs. Prints numbers for people and asserts nothing about them; not
// run by default:
//
//     model_tests --gtest_also_run_disabled_tests --gtest_filter='Cost.*'      (a Release build)
#include <gtest/gtest.h>
#include <time.h>

#include <cstdint>
#include <cstdio>
#include <vector>

#include "base/arena.h"
#include "base/prng.h"
#include "model/model.h"

namespace cowlab::model {
namespace {

// Of this process: other people's work on the machine counts less.
double cpu_ns() {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

struct Setting {
    bool has_cache;
    std::uint64_t sectors;  // written and read at random, 4 KiB at a time
    int snapshots;
};

void measure(const Setting& setting) {
    constexpr int rounds = 400000;
    constexpr std::uint64_t size = 1 << 20;
    Arena arena(std::size_t{1} << 32);
    Model m(arena);
    const OriginId o = m.add_origin({size}, Content::pattern(1));
    m.volatile_cache(o, setting.has_cache);
    std::vector<SnapshotId> snapshots;
    for (int i = 0; i < setting.snapshots; ++i) snapshots.push_back(m.add_snapshot(o, {size}));
    Prng prng(1);
    std::vector<std::uint32_t> last(setting.sectors, 1);
    const auto place = [&] { return prng.below(setting.sectors / 8) * 8; };

    double begun = cpu_ns();
    for (int i = 0; i < rounds; ++i) {
        const std::uint64_t s = place();
        const auto seed = static_cast<std::uint32_t>(i & 0xffffff);
        last[s] = seed;
        m.end_write(m.begin_write(o, {s}, {8}, Content::pattern(seed)), Errc::ok);
        if (i % 64 == 63) m.end_flush(m.begin_flush(o), Errc::ok);
    }
    const double write = (cpu_ns() - begun) / rounds;

    const auto read = [&](VolumeId v, bool is_origin) {
        ContentId ids[8];
        std::uint64_t wrong = 0;
        const double at = cpu_ns();
        for (int i = 0; i < rounds; ++i) {
            const std::uint64_t s = place();
            for (std::uint64_t k = 0; k < 8; ++k) {
                ids[k] = pattern_content(is_origin ? last[s] : 1, {s + k});
            }
            if (m.end_read(m.begin_read(v, {s}, {8}), ids)) ++wrong;
        }
        EXPECT_EQ(wrong, 0u);
        return (cpu_ns() - at) / rounds;
    };
    const double read_origin = read(o, true);
    const double read_snapshot = snapshots.empty() ? 0 : read(snapshots[0], false);

    const std::uint64_t bytes = arena.live_bytes();
    begun = cpu_ns();
    std::uint64_t held = 0;
    for (int i = 0; i < rounds; ++i) held += m.may_survive(o, {place()}, 1);
    const double question = (cpu_ns() - begun) / rounds;
    EXPECT_EQ(held, 0u);
    begun = cpu_ns();
    m.power_loss();
    const double loss = (cpu_ns() - begun) / static_cast<double>(setting.sectors);
    std::printf(
        "cache %-3s %6lu sectors %d snapshots: write 8 sectors %4.0f ns, read 8 %4.0f ns, of a "
        "snapshot %4.0f ns, may_survive %3.0f ns, power loss %4.0f ns a sector, %lu B a sector\n",
        setting.has_cache ? "yes" : "no", static_cast<unsigned long>(setting.sectors),
        setting.snapshots, write, read_origin, read_snapshot, question, loss,
        static_cast<unsigned long>(bytes / setting.sectors));
}

TEST(Cost, DISABLED_OfEachCall) {
    for (const bool has_cache : {false, true}) {
        for (const std::uint64_t sectors : {std::uint64_t{256}, std::uint64_t{16384}}) {
            for (const int snapshots : {0, 2}) measure({has_cache, sectors, snapshots});
        }
    }
}

// What a world pays before its first request.
TEST(Cost, DISABLED_OfANewModel) {
    constexpr int rounds = 1000000;
    Arena arena(1 << 20);
    const double begun = cpu_ns();
    for (int i = 0; i < rounds; ++i) {
        arena.reset();
        auto* m = new (arena.allocate(sizeof(Model))) Model(arena);
        m->add_snapshot(m->add_origin({64}, Content::zeros()), {64});
    }
    std::printf("arena reset, model, origin and snapshot: %.0f ns\n", (cpu_ns() - begun) / rounds);
}

}  // namespace
}  // namespace cowlab::model
