// A world is its bytes (decision 1): saved between any two turns and put back, it goes on as if
// nothing had been, whatever was under way.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "sim/sim_world_test_support.h"

namespace cowlab {
namespace {

struct Situation {
    const char* name;
    const char* set_up;  // runs line by line
    const char* lanes;   // queued, and then under way together
    const char* look;    // at the end: the answers count
    bool random = false;
    const char* release = nullptr;  // what lets the lanes go on to their end
};

const Situation situations[] = {
    {"copies under way, each with its own latency",
     "disk orig 256 fill 1 nocache\ndisk cow 512 zero cache\ndisk cow2 512 zero\n"
     "create base 0 256 snapshot-origin @orig\nsuspend base\n"
     "create s 0 256 snapshot @orig @cow P 8\ncreate t 0 256 snapshot @orig @cow2 PO 16\nresume "
     "base",
     "lane A write base 0 40 2\nlane A read s 0 64\nlane A write base 100 30 3\n"
     "lane B write s 16 8 4\nlane B write s 3 2 5\nlane B read base 0 64\nlane B flush s\n"
     "lane C write t 8 30 6\nlane C read t 0 100\nlane D zeroout base 60 20\nlane D read s 60 40",
     "read base 0 256\nread s 0 256\nread t 0 256\nstatus s\nstatus t\nhex cow 4096 64", true},
    {"a merge under way, written to meanwhile",
     "disk orig 128 fill 1\ndisk cow 256 zero\ncreate base 0 128 snapshot-origin @orig\nsuspend "
     "base\n"
     "create s 0 128 snapshot @orig @cow P 8\nresume base\n"
     "write s 0 8 2\nwrite s 8 8 3\nwrite s 40 8 4\nwrite s 120 3 5\nwrite base 64 8 6\n"
     "suspend base\nsuspend s\nload base 0 128 snapshot-merge @orig @cow P 8\n"
     "fault cow delay 3 3\nfault orig delay 2 2\nresume base\nremove s",
     "lane A write base 120 4 7\nlane A read base 0 128\nlane B write base 8 2 8\nlane B read base "
     "8 8\n"
     "lane C write base 64 16 9\nlane C flush base",
     "mergewait base\nread base 0 128\nstatus base\nread orig 0 128"},
    {"completions out of order, with faults and an overflow",
     "disk orig 128 fill 1\ndisk cow 80 zero cache\ncreate base 0 128 snapshot-origin "
     "@orig\nsuspend base\n"
     "create s 0 128 snapshot @orig @cow PO 4\nresume base\npin cow copy-write 1 90\npin cow "
     "full-write 1 70\n"
     "inject cow copy-write any eio nth 9\ninject orig copy-read any slow 1 nth 3",
     "lane A write base 0 64 2\nlane B write s 4 12 3\nlane B write s 33 2 4\nlane C read s 0 128\n"
     "lane D write s 64 60 5\nlane D read s 0 128",
     "status s\nread base 0 128\nread s 0 128\ninfo s", true},
    {"the power goes while all of that is under way",
     "disk orig 128 fill 1 cache\ndisk cow 256 zero cache\ncreate base 0 128 snapshot-origin "
     "@orig\n"
     "suspend base\ncreate s 0 128 snapshot @orig @cow P 8\nresume base\n"
     "power-loss after cow copy-write 5 issued losing everything",
     "lane A write base 0 64 2\nlane B write s 72 8 3\nlane C write s 90 4 4\nlane C flush s",
     "reload\nread base 0 128\nread s 0 128\nstatus s", true},
    {"held by a suspended device, and sleeping",
     "disk orig 64 fill 1\ndisk cow 128 zero\ncreate s 0 64 snapshot @orig @cow N 8\ncreate z 0 64 "
     "linear @s 0\n"
     "suspend z\nfault orig delay 5 5",
     "lane A write z 0 8 2\nlane B write z 10 4 3\nlane C write s 20 4 4\nlane C read s 0 64",
     "read z 0 64\nread s 0 64\nstatus s", false, "resume z"},
};

void PrintTo(const Situation& s, std::ostream* os) { *os << s.name; }

struct Fate {
    std::uint64_t digest = 0;
    std::uint64_t held = 0;
    std::uint64_t draws = 0;
    bool operator==(const Fate&) const = default;
};
void PrintTo(const Fate& f, std::ostream* os) {
    *os << "digest " << std::hex << f.digest << std::dec << ", " << f.held << " bytes held, "
        << f.draws << " draws";
}

// Prints, and leaves the world where it was saved.
void print_cost(const char* name, SavedWorld& saved, TestWorld& w) {
    constexpr int rounds = 201;
    std::vector<std::int64_t> save_ns;
    std::vector<std::int64_t> restore_ns;
    using Clock = std::chrono::steady_clock;
    const auto ns = [](Clock::time_point from) {
        return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - from).count();
    };
    for (int i = 0; i < rounds; ++i) {
        auto t = Clock::now();
        saved.restore(test_host(), w.sim());
        restore_ns.push_back(ns(t));
        t = Clock::now();
        saved.save(test_host(), w.sim());
        save_ns.push_back(ns(t));
    }
    std::nth_element(save_ns.begin(), save_ns.begin() + rounds / 2, save_ns.end());
    std::nth_element(restore_ns.begin(), restore_ns.begin() + rounds / 2, restore_ns.end());
    std::printf("%-55s %7zu bytes, save %6ld ns, restore %6ld ns (median)\n", name, saved.bytes(),
                static_cast<long>(save_ns[rounds / 2]), static_cast<long>(restore_ns[rounds / 2]));
}

class SavedWorldTest : public testing::TestWithParam<std::tuple<Situation, CellMode>> {
  protected:
    static SimOptions options() {
        SimOptions o;
        o.cells = std::get<CellMode>(GetParam());
        return o;
    }
    const Situation& situation() const { return std::get<0>(storage_); }
    TestWorld w{options()};

    void start() {
        if (situation().random) {
            Swarm swarm;
            swarm.latency_max_us = 40;
            swarm.yield_max_us = 20;
            w.sim().chooser().drive_randomly(11, swarm);
        }
        w.ok(situation().set_up);
        w.ok(situation().lanes);
    }
    // From wherever the world stands to its end.
    Fate run_on() {
        w.run_out();  // until nothing happens by itself, or the power goes
        if (situation().release != nullptr) w.ok(situation().release);
        w.run("join");
        w.run_out();
        Digest answers;
        std::string_view lines = situation().look;
        while (!lines.empty()) {
            const std::size_t end = std::min(lines.find('\n'), lines.size());
            const std::string answer = w.run(lines.substr(0, end));
            answers.add_bytes(answer.data(), answer.size());
            lines.remove_prefix(std::min(end + 1, lines.size()));
        }
        EXPECT_TRUE(w.finish());
        answers.add(w.world().digest());
        return {answers.value(), w.sim().sim_memory().held(), w.sim().chooser().draws()};
    }

  private:
    const std::tuple<Situation, CellMode> storage_ = GetParam();
};

TEST_P(SavedWorldTest, put_back_at_any_turn_it_goes_the_same_way) {
    start();
    SavedWorld begin;
    begin.save(test_host(), w.sim());
    const std::uint64_t turns_at_begin = w.sim().sim_executor().turns();
    const Fate fate = run_on();
    const std::uint64_t turns = w.sim().sim_executor().turns() - turns_at_begin;
    ASSERT_GE(turns, 25u) << "something is under way";

    const std::uint64_t step = under_sanitizer ? 7 : 1;
    std::uint64_t places = 0;
    std::size_t most = 0;
    for (std::uint64_t k = 0; k < turns; k += step) {
        SavedWorld here;
        begin.restore(test_host(), w.sim());
        bool going = true;
        w.guarded([&] { going = w.sim().run_turns(k) == Platform::Ran::done; });
        here.save(test_host(), w.sim());
        most = std::max(most, here.bytes());
        ASSERT_EQ(run_on(), fate) << "saving changed it, after " << k << " turns";
        here.restore(test_host(), w.sim());
        ASSERT_EQ(run_on(), fate) << "put back after " << k << " turns";
        here.restore(test_host(), w.sim());
        ASSERT_EQ(run_on(), fate) << "put back a second time after " << k << " turns";
        ++places;
        if (!going) break;  // nothing happens any more, or the power is about to go
    }
    EXPECT_GE(places, under_sanitizer ? 4u : 25u);
    std::printf("%-55s %4lu places, at most %zu bytes\n", situation().name, places, most);
}

TEST_P(SavedWorldTest, one_choice_more_and_it_goes_another_way) {
    // Otherwise the digests above would prove nothing.
    start();
    SavedWorld begin;
    begin.save(test_host(), w.sim());
    const Fate fate = run_on();
    begin.restore(test_host(), w.sim());
    const std::uint32_t actor = actor_id_of("orig");
    for (const Purpose p : {Purpose::forwarded, Purpose::copy_read}) {
        for (const Op op : {Op::read, Op::write}) {
            const auto point = static_cast<std::uint64_t>(p) << 2 | static_cast<std::uint64_t>(op);
            for (std::uint32_t nth = 1; nth < 40; ++nth) {
                w.sim().chooser().add_pin({{ChoiceKind::latency, actor, point}, nth, 1777});
            }
        }
    }
    EXPECT_NE(run_on().digest, fate.digest);
}

TEST_P(SavedWorldTest, information_what_saving_and_restoring_costs) {
    start();
    w.guarded([&] { w.sim().run_turns(25); });
    SavedWorld saved;
    saved.save(test_host(), w.sim());
    const std::uint64_t digest = w.world().digest();
    print_cost(situation().name, saved, w);
    EXPECT_EQ(w.world().digest(), digest) << "saved and restored two hundred times";
    run_on();
}

TEST(SavedWorld, information_what_the_smallest_world_with_a_snapshot_costs) {
    SimOptions options;
    options.world.limits.pending_reserve = 8;
    TestWorld w(options);
    w.ok(
        "disk orig 64 fill 1\ndisk cow 128 zero\ncreate base 0 64 snapshot-origin @orig\nsuspend "
        "base\n"
        "create s 0 64 snapshot @orig @cow P 8\nresume base\nlane A write base 0 8 2");
    w.guarded([&] { w.sim().run_turns(5); });
    SavedWorld saved;
    saved.save(test_host(), w.sim());
    print_cost("the smallest with a snapshot, a reserve of 8", saved, w);
    w.run_out();
    EXPECT_EQ(w.contents("read s 0 8"), "1@0+8") << "after so many times, it still goes on";
}

INSTANTIATE_TEST_SUITE_P(While, SavedWorldTest,
                         testing::Combine(testing::ValuesIn(situations),
                                          testing::Values(CellMode::tags, CellMode::bytes)),
                         [](const auto& info) {
                             const auto* at = std::get<0>(info.param).name;
                             std::string name;
                             for (; *at != 0; ++at) name += *at == ' ' || *at == ',' ? '_' : *at;
                             return name + (std::get<1>(info.param) == CellMode::tags ? "_tags"
                                                                                      : "_bytes");
                         });

TEST(SavedWorld, a_finished_fiber_and_a_new_one_on_its_stack_are_told_apart) {
    // After a restore a stack holds what it held, not what ran on it later.
    TestWorld w;
    w.ok("disk d 64 fill 1\nfault d delay 5 5\nlane A write d 0 8 2");
    w.guarded([&] { w.sim().run_turns(3); });
    SavedWorld saved;
    saved.save(test_host(), w.sim());
    w.ok("lane B write d 8 8 3\nlane C write d 16 8 4\njoin");
    w.run_out();
    EXPECT_EQ(w.contents("read d 0 24"), "2@0+8 3@8+8 4@16+8");
    saved.restore(test_host(), w.sim());
    w.ok("join");
    w.run_out();
    EXPECT_EQ(w.contents("read d 0 24"), "2@0+8 1@8+16") << "B and C have never been";
}

}  // namespace
}  // namespace cowlab
