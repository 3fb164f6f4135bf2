// A million exceptions: loaded, merged, made in reverse order. What must not happen is that ten
// times as many cost a hundred times as much. Turns and requests are counted and asserted; time and
// memory are printed, and time is only judged where no noise of a machine could explain it.
#include <gtest/gtest.h>

#include <cstdio>
#include <ctime>
#include <vector>

#include "engine/snapshot.h"
#include "sim/sim_world_test_support.h"
#include "world/store_image_test_support.h"

namespace cowlab {
namespace {

#ifdef __OPTIMIZE__
constexpr bool optimised = true;
#else
constexpr bool optimised = false;
#endif
constexpr std::uint64_t large = under_sanitizer || !optimised ? 50'000 : 1'000'000;
constexpr std::uint64_t small = large / 10;

// Of the processor: other work on the machine does not count.
double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

struct Cost {
    double seconds = 0;
    std::uint64_t turns = 0;
    std::uint64_t requests = 0;
    std::uint64_t peak = 0;
};

class Stopwatch {
  public:
    // The host's page faults are none of the engine's costs: all memory is there before it starts.
    Stopwatch(TestWorld& w, std::uint64_t exceptions)
        : w_((w.sim().arena().populate(exceptions * bytes_at_most), w)),
          since_(cpu_seconds()),
          turns_(w.sim().sim_executor().turns()),
          requests_(w.world().requests_done()) {}
    Cost stop() const {
        return {cpu_seconds() - since_, w_.sim().sim_executor().turns() - turns_,
                w_.world().requests_done() - requests_, w_.sim().arena().peak_bytes()};
    }

  private:
    static constexpr std::uint64_t bytes_at_most = 640;  // the peaks printed stay below it
    TestWorld& w_;
    double since_;
    std::uint64_t turns_;
    std::uint64_t requests_;
};

void compare(const char* what, const Cost& at_small, const Cost& at_large) {
    const double time_ratio = at_large.seconds / at_small.seconds;
    const double turns_ratio =
        static_cast<double>(at_large.turns) / static_cast<double>(at_small.turns);
    const double requests_ratio =
        static_cast<double>(at_large.requests) / static_cast<double>(at_small.requests);
    std::printf(
        "%-34s %7lu: %6.3f s, %lu turns, %lu requests, peak %4lu MiB; x10 costs: time x%.1f turns "
        "x%.1f requests "
        "x%.1f\n",
        what, large, at_large.seconds, at_large.turns, at_large.requests, at_large.peak >> 20,
        time_ratio, turns_ratio, requests_ratio);
    EXPECT_LE(turns_ratio, 12.0);
    EXPECT_LE(requests_ratio, 12.0);
    // A million scattered entries are no longer in any cache, and the machine is not ours alone.
    EXPECT_LE(time_ratio, 80.0) << "a factor of 100 is a loop in a loop";
}

SimOptions without_limits() {
    SimOptions options;
    options.world.limits.copies_per_snapshot_max = UINT32_MAX;
    options.world.terse_answers = true;
    return options;
}

const Snapshot& snapshot_of(TestWorld& w, std::string_view name) {
    return static_cast<const Snapshot&>(*w.mapper().find(name)->live()->find({0}));
}

std::string number(std::uint64_t n) { return std::to_string(n); }

// ---- Load and merge ----------------------------------------------------------------------------

constexpr ChunkSize chunk(Sectors{8});
constexpr std::uint64_t origin_chunks = std::uint64_t{1} << 30;  // 4 TiB

struct Shape {
    const char* name;
    std::uint64_t (*old_of)(std::uint64_t i);
};
// Odd multipliers are one to one modulo a power of two.
const Shape shapes[] = {
    {"scattered", [](std::uint64_t i) { return i * 2654435761u % origin_chunks; }},
    {"consecutive", [](std::uint64_t i) { return i; }},
    {"consecutive backwards", [](std::uint64_t i) { return origin_chunks - 1 - i; }},
    {"every second chunk", [](std::uint64_t i) { return i * 2; }},
};

class ScaleTest : public testing::TestWithParam<Shape> {
  protected:
    // A world with a store of `count` exceptions on cow, whose data is `fill 2`.
    static void make_store(TestWorld& w, std::uint64_t count) {
        w.ok("disk orig " + number(origin_chunks * 8) + " fill 1");
        w.ok("disk cow " + number(store_size(chunk, count).value) + " fill 2");
        write_store(w.sim().cells(), w.medium("cow"), chunk, count, GetParam().old_of);
    }
    // That some chunks of the device hold what the shape says; `merged`: from the origin itself.
    static void look(TestWorld& w, const char* device, std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; i += 1 + count / 50) {
            const std::uint64_t at = GetParam().old_of(i) * 8;
            const ContentId expected = pattern_word(2, nth_data_chunk(chunk, i).value * 8 + 3);
            std::uint64_t id = 0;
            const auto read = [&] {
                const Payload p = w.sim().cells().allocate_cells({8});
                struct Read : Bio {
                    Waiter waiter;
                    Executor* executor = nullptr;
                } bio;
                bio.executor = &w.sim().executor();
                bio.op = Op::read;
                bio.start = {at};
                bio.length = {8};
                bio.payload = p;
                bio.done = [](Bio& b) {
                    auto& r = static_cast<Read&>(b);
                    r.executor->wake(r.waiter);
                };
                w.mapper().find(device)->submit(bio);
                w.sim().executor().wait(bio.waiter);
                EXPECT_EQ(bio.status, Errc::ok);
                id = w.sim().cells().content(p, 3);
                w.sim().cells().free_cells(p, {8});
            };
            ASSERT_TRUE(w.on_fiber(read));
            ASSERT_EQ(id, expected) << "exception " << i;
        }
    }
    static Cost load(std::uint64_t count) {
        TestWorld w(without_limits());
        make_store(w, count);
        const Stopwatch watch(w, count);
        w.ok("create s 0 " + number(origin_chunks * 8) + " snapshot @orig @cow P 8");
        const Cost cost = watch.stop();
        EXPECT_EQ(snapshot_of(w, "s").completed().exception_count(), count);
        if (count == large) {
            std::printf("  table: %lu runs, %.2f bytes an exception\n",
                        snapshot_of(w, "s").completed().run_count(),
                        static_cast<double>(snapshot_of(w, "s").completed().bytes()) /
                            static_cast<double>(count));
        }
        look(w, "s", count);
        return cost;
    }
    static Cost merge(std::uint64_t count) {
        TestWorld w(without_limits());
        make_store(w, count);
        const Stopwatch watch(w, count);
        w.ok("create m 0 " + number(origin_chunks * 8) + " snapshot-merge @orig @cow P 8");
        const Cost cost = watch.stop();
        EXPECT_EQ(w.run("status m"), "= 0 " + number(origin_chunks * 8) + " snapshot-merge 16/" +
                                         number(store_size(chunk, count).value) + " 16");
        EXPECT_EQ(snapshot_of(w, "m").completed().exception_count(), 0u);
        look(w, "orig", count);
        if (count == large)
            std::printf("  bytes of metadata kept at the end: %lu sectors\n",
                        w.sim().cells().kept());
        return cost;
    }
};

TEST_P(ScaleTest, loading_ten_times_as_many_exceptions_costs_about_ten_times_as_much) {
    compare((std::string("load, ") + GetParam().name).c_str(), load(small), load(large));
}

TEST_P(ScaleTest, merging_ten_times_as_many_exceptions_costs_about_ten_times_as_much) {
    compare((std::string("merge, ") + GetParam().name).c_str(), merge(small), merge(large));
}

INSTANTIATE_TEST_SUITE_P(Of, ScaleTest, testing::ValuesIn(shapes), [](const auto& info) {
    std::string name = info.param.name;
    for (char& c : name) c = c == ' ' ? '_' : c;
    return name;
});

// ---- Completions in reverse order --------------------------------------------------------------

// A COW device that keeps requests back until it is told, and then lets them go last first: the
// most out of order that a device can be.
class ReversingDevice final : public BlockDevice {
  public:
    ReversingDevice(BlockDevice& below, Purpose purpose, std::uint64_t hold_max)
        : below_(below), purpose_(purpose), hold_max_(hold_max) {}
    void submit(Bio& bio) override {
        if (bio.purpose == purpose_ && held_.size() < hold_max_ && !released_) {
            held_.push_back(&bio);
        } else {
            below_.submit(bio);
        }
    }
    Sectors capacity() const override { return below_.capacity(); }
    const DeviceLimits& limits() const override { return below_.limits(); }
    DeviceNumber number() const override { return {9, 0}; }

    std::size_t held() const { return held_.size(); }
    void release() {
        released_ = true;
        for (; !held_.empty(); held_.pop_back()) below_.submit(*held_.back());
    }

  private:
    BlockDevice& below_;
    Purpose purpose_;
    std::uint64_t hold_max_;
    bool released_ = false;
    std::vector<Bio*> held_;
};

constexpr ChunkSize tiny(Sectors{1});

// `count` whole-chunk writes to a snapshot, all in flight at once, ending last first.
Cost full_writes_in_reverse(std::uint64_t count) {
    TestWorld w(without_limits());
    w.ok("disk orig " + number(count) + " fill 1\ndisk cow " +
         number(store_size(tiny, count).value) + " zero");
    ReversingDevice reversing(w.medium("cow"), Purpose::full_write, UINT64_MAX);
    w.mapper().add_base_device(reversing);
    w.ok("create s 0 " + number(count) + " snapshot @orig 9:0 P 1");
    const Stopwatch watch(w, count);
    w.ok("lane L write s 0 " + number(count) + " 7");
    w.run_out();
    EXPECT_EQ(reversing.held(), count);
    EXPECT_EQ(snapshot_of(w, "s").pending().size(), count);
    w.guarded([&] { reversing.release(); });
    w.ok("join");
    const Cost cost = watch.stop();
    EXPECT_EQ(snapshot_of(w, "s").completed().exception_count(), count);
    EXPECT_EQ(snapshot_of(w, "s").pending().size(), 0u);
    EXPECT_EQ(w.world().events().marked(Mark::parked_out_of_order), count - 1)
        << "all but the first";
    EXPECT_EQ(w.world().errors_at_the_disks(), 0u);
    for (std::uint64_t i = 0; i < count; i += 1 + count / 50) {
        const ContentId id = w.medium("cow").raw_read(tiny.start_of(nth_data_chunk(tiny, i)));
        EXPECT_EQ(id, pattern_word(7, i))
            << "allocated in the order of the writes, not of their ends";
    }
    EXPECT_TRUE(w.finish());
    w.mapper().remove_base_device(reversing);
    return cost;
}

TEST(ScaleInReverse,
     whole_chunk_writes_that_end_last_first_are_committed_without_a_quadratic_wait) {
    compare("full writes, reverse completion", full_writes_in_reverse(small),
            full_writes_in_reverse(large));
}

// `count` copies for one origin write; the first copy ends after all the others, which are parked.
Cost copies_behind_the_first(std::uint64_t count) {
    TestWorld w(without_limits());
    w.ok("disk orig " + number(count) + " fill 1\ndisk cow " +
         number(store_size(tiny, count).value) + " zero");
    ReversingDevice reversing(w.medium("cow"), Purpose::copy_write, 1);
    w.mapper().add_base_device(reversing);
    w.ok("create base 0 " + number(count) + " snapshot-origin @orig\nsuspend base");
    w.ok("create s 0 " + number(count) + " snapshot @orig 9:0 P 1\nresume base");
    const Stopwatch watch(w, count);
    w.ok("lane L write base 0 " + number(count) + " 7");
    w.run_out();
    EXPECT_EQ(reversing.held(), 1u);
    EXPECT_EQ(snapshot_of(w, "s").completed().exception_count(), 0u)
        << "INV-6: nobody overtakes the first";
    EXPECT_EQ(w.medium("orig").raw_read({count - 1}), pattern_word(1, count - 1));
    w.guarded([&] { reversing.release(); });
    w.ok("join");
    const Cost cost = watch.stop();
    EXPECT_EQ(snapshot_of(w, "s").completed().exception_count(), count);
    EXPECT_EQ(w.medium("orig").raw_read({count - 1}), pattern_word(7, count - 1));
    EXPECT_EQ(w.medium("cow").raw_read(tiny.start_of(nth_data_chunk(tiny, count - 1))),
              pattern_word(1, count - 1));
    EXPECT_TRUE(w.finish());
    w.mapper().remove_base_device(reversing);
    return cost;
}

TEST(ScaleInReverse, copies_that_wait_for_the_first_one_are_committed_without_a_quadratic_wait) {
    compare("copies, the first one ends last", copies_behind_the_first(small),
            copies_behind_the_first(large));
}

// As many copies at once as there are fibers for, each with a latency of its own.
Cost copies_in_random_order(std::uint64_t count) {
    SimOptions options = without_limits();
    options.world.limits.copy_workers_max = 900;
    TestWorld w(options);
    w.ok("disk orig " + number(count) + " fill 1\ndisk cow " +
         number(store_size(tiny, count).value) + " zero");
    w.ok("create base 0 " + number(count) + " snapshot-origin @orig\nsuspend base");
    w.ok("create s 0 " + number(count) + " snapshot @orig @cow P 1\nresume base");
    Swarm swarm;
    swarm.latency_max_us = 900;
    w.sim().chooser().drive_randomly(5, swarm);
    const Stopwatch watch(w, count);
    w.ok("lane L write base 0 " + number(count) + " 7\njoin");
    const Cost cost = watch.stop();
    EXPECT_EQ(snapshot_of(w, "s").completed().exception_count(), count);
    EXPECT_GT(w.world().events().marked(Mark::parked_out_of_order), count / 2);
    return cost;
}

TEST(ScaleInReverse, copies_that_end_in_any_order_cost_what_they_cost_in_order) {
    compare("copies, random completion", copies_in_random_order(small),
            copies_in_random_order(large));
}

}  // namespace
}  // namespace cowlab
