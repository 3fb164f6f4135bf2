// Every kind of fault does what its name says, by name (`inject`), and ends when the disk is
// healed; a run that was driven at random is its lines and its pins, faults included.
#include <gtest/gtest.h>

#include "scenarios/parse.h"
#include "sim/scenario_run.h"
#include "sim/sim_world_test_support.h"

namespace cowlab {
namespace {

constexpr const char* a_disk = "disk d 16 fill 1";

TEST(FaultKinds, a_latent_error_stays_until_the_sector_is_written) {
    TestWorld w;
    w.ok(a_disk);
    w.ok("inject d read 4+1 latent");
    EXPECT_EQ(w.run("read d 4 8"), "= err EIO");
    EXPECT_EQ(w.run("read d 0 8"), "= err EIO") << "it touches sector 4";
    EXPECT_EQ(w.contents("read d 5 3"), "1@5+3") << "the sectors beside it are well";
    w.ok("write d 4 1 7");
    EXPECT_EQ(w.contents("read d 0 8"), "1@0+4 7@4+1 1@5+3");
}

TEST(FaultKinds, a_write_that_is_done_in_part_leaves_the_first_or_the_last_sectors) {
    TestWorld w;
    w.ok(a_disk);
    w.ok("inject d write any eio-partly sticky");
    EXPECT_EQ(w.run("write d 0 8 7"), "= err EIO");
    EXPECT_EQ(w.contents("read d 0 8"), "7@0+1 1@1+7");
    EXPECT_EQ(w.run("write d 8 8 8"), "= err EIO");
    EXPECT_EQ(w.contents("read d 8 8"), "1@8+2 8@10+6") << "the second one: its end";
    EXPECT_EQ(w.run("write d 0 1 9"), "= err EIO");
    EXPECT_EQ(w.contents("read d 0 1"), "7@0+1") << "of one sector nothing";
}

TEST(FaultKinds, a_disk_that_is_gone_fails_everything_until_it_is_healed) {
    TestWorld w;
    w.ok(a_disk);
    w.ok("inject d write any vanish");
    EXPECT_EQ(w.contents("read d 0 8"), "1@0+8") << "nothing happened yet";
    EXPECT_EQ(w.run("write d 0 8 7"), "= err EIO");
    EXPECT_EQ(w.run("read d 0 8"), "= err EIO");
    w.ok("inject d heal");
    EXPECT_EQ(w.contents("read d 0 8"), "1@0+8");
}

TEST(FaultKinds, a_disk_that_shrank_has_its_first_sectors_only) {
    TestWorld w;
    w.ok(a_disk);
    w.ok("inject d any 12+4 shrink");
    EXPECT_EQ(w.contents("read d 0 8"), "1@0+8");
    EXPECT_EQ(w.run("read d 8 8"), "= err EIO");
    EXPECT_EQ(w.contents("read d 8 4"), "1@8+4");
    w.ok("inject d heal");
    EXPECT_EQ(w.contents("read d 8 8"), "1@8+8");
}

TEST(FaultKinds, a_lying_flush_keeps_nothing_and_says_ok) {
    TestWorld w;
    w.ok("disk d 16 fill 1 cache");
    w.ok("inject d any any lying-flush");
    w.ok("write d 0 4 7");
    w.ok("flush d");
    w.ok("write d 4 4 8");
    w.ok("power-loss losing everything");
    EXPECT_EQ(w.contents("read d 0 8"), "1@0+8");
    w.ok("write d 0 4 7");
    w.ok("flush d");
    w.ok("power-loss losing everything");
    EXPECT_EQ(w.contents("read d 0 8"), "7@0+4 1@4+4") << "it lied once";
}

TEST(FaultKinds, an_ignored_fua_leaves_the_write_in_the_cache) {
    TestWorld w;
    w.ok("disk d 16 fill 1 cache");
    w.ok("inject d any any ignored-fua");
    w.ok("write d 8 2 9");  // without FUA: nothing to lie about
    w.ok("write d 0 2 7 fua");
    w.ok("write d 2 2 8 fua");
    EXPECT_EQ(w.contents("read d 0 4"), "7@0+2 8@2+2");
    w.ok("power-loss losing everything");
    EXPECT_EQ(w.contents("read d 0 4"), "1@0+2 8@2+2");
}

TEST(FaultKinds, a_phantom_write_never_arrives) {
    TestWorld w;
    w.ok(a_disk);
    w.ok("inject d any 4+1 phantom-write");
    EXPECT_EQ(w.contents("read d 4 1"), "1@4+1") << "a read is no write";
    w.ok("write d 0 8 7");
    EXPECT_EQ(w.contents("read d 0 8"), "1@0+8");
    w.ok("write d 0 8 7");
    EXPECT_EQ(w.contents("read d 0 8"), "7@0+8");
}

TEST(FaultKinds, a_misdirected_request_meets_the_sectors_behind_its_own) {
    TestWorld w;
    w.ok(a_disk);
    w.ok("inject d any any misdirected-write");
    w.ok("write d 2 3 7");
    // What a sector holds says which sector it was written for.
    EXPECT_EQ(w.contents("read d 0 8"), "1@0+5 7@2+3");
    w.ok("inject d any any misdirected-read sticky");
    EXPECT_EQ(w.contents("read d 8 2"), "1@10+2");
    EXPECT_EQ(w.contents("read d 14 2"), "1@12+2") << "nothing is behind it: before it";
}

TEST(FaultKinds, rot_stays_until_it_is_written_and_a_flipped_bit_does_not) {
    TestWorld w;
    w.ok(a_disk);
    w.ok("inject d any any bit-flip");
    EXPECT_NE(w.contents("read d 4 2"), "1@4+2");
    EXPECT_EQ(w.contents("read d 4 2"), "1@4+2");
    w.ok("inject d any any bit-rot");
    const std::string rotten = w.contents("read d 4 2");
    EXPECT_NE(rotten, "1@4+2");
    EXPECT_EQ(w.contents("read d 4 2"), rotten);
    w.ok("write d 4 1 7");
    EXPECT_EQ(w.contents("read d 4 2"), "7@4+1 1@5+1");
}

TEST(FaultKinds, a_read_only_disk_is_read) {
    TestWorld w;
    w.ok(a_disk);
    w.ok("inject d write any read-only");
    EXPECT_EQ(w.run("write d 0 8 7"), "= err EIO");
    EXPECT_EQ(w.run("write d 0 8 7"), "= err EIO");
    EXPECT_EQ(w.contents("read d 0 8"), "1@0+8");
}

TEST(FaultKinds, a_stalled_disk_answers_when_the_episode_is_over) {
    TestWorld w;
    w.ok(a_disk);
    w.ok("inject d read any stall 20");
    const std::uint64_t begin = w.sim().now_us();
    w.ok("bg a read d 0 1\nbg b write d 8 1 7\nwait b");
    EXPECT_EQ(w.sim().now_us() - begin, 20'000u);
    const std::uint64_t after = w.sim().now_us();
    w.ok("write d 9 1 7");
    EXPECT_EQ(w.sim().now_us(), after);
}

TEST(FaultKinds, what_a_disk_loses_may_be_zeros_or_garbage) {
    for (const bool zero : {true, false}) {
        TestWorld w;
        w.ok(std::string("disk d 16 fill 1 cache lost ") + (zero ? "zero" : "garbage"));
        w.ok("write d 0 2 7\npower-loss losing everything\nreload");
        EXPECT_EQ(w.contents("read d 0 3"), zero ? "0+2 1@2+1" : "57005@0+2 1@2+1");
    }
}

TEST(FaultKinds, an_allocation_fails_by_its_use_and_by_its_number) {
    TestWorld w;
    w.ok("disk orig 64 fill 1\ndisk cow 128 zero");
    w.ok("inject engine no-memory store");
    EXPECT_EQ(w.run("create s 0 64 snapshot @orig @cow P 8"), "= err EINVAL (load)");
    w.ok("create s 0 64 snapshot @orig @cow P 8");
    w.ok("inject engine no-memory completed-exception nth 1");
    EXPECT_EQ(w.run("write s 0 4 7"), "= err EIO");
    EXPECT_EQ(w.run("status s"), "= 0 64 snapshot Invalid");
}

TEST(FaultKinds, a_loss_that_is_armed_while_the_machine_is_down_strikes_inside_the_recovery) {
    TestWorld w;
    w.ok("disk orig 64 fill 1\ndisk cow 128 zero cache\ncreate s 0 64 snapshot @orig @cow P 8");
    w.ok("write s 0 8 7\npower-loss losing everything");
    for (int nested = 1; nested <= 1000; ++nested) {
        w.ok("power-loss after cow area-read 1 issued losing everything");
        ASSERT_EQ(w.run("reload"), "= lost");
        ASSERT_EQ(w.world().losses_in_recovery(), static_cast<std::uint64_t>(nested));
    }
    w.ok("reload");
    EXPECT_EQ(w.contents("read s 0 16"), "7@0+8 1@8+8");
}

TEST(FaultKinds, what_is_delivered_is_counted_by_kind_and_purpose) {
    TestWorld w;
    w.ok(a_disk);
    w.ok("inject d write any eio nth 2\nwrite d 0 1 7");
    EXPECT_EQ(w.run("write d 0 1 8"), "= err EIO");
    const Delivered& d = w.sim().chooser().delivered();
    EXPECT_EQ(d[static_cast<int>(FaultKind::eio)][static_cast<int>(Purpose::forwarded)], 1u);
}

TEST(Atlas, every_kind_but_lies_and_a_disk_that_forgets_has_one_row_and_a_reason) {
    for (std::size_t k = 0; k < fault_kind_count; ++k) {
        const auto kind = static_cast<FaultKind>(k);
        std::uint32_t rows = 0;
        for (const AtlasRow& row : atlas) {
            if (row.kind != kind) continue;
            ++rows;
            EXPECT_NE(row.purposes, 0u) << name_of(kind);
            EXPECT_GT(std::string_view(row.why).size(), 10u) << name_of(kind);
        }
        const bool beyond = kind == FaultKind::lost_fill || kind == FaultKind::lie;
        EXPECT_EQ(rows, beyond ? 0u : 1u) << name_of(kind);
    }
}

TEST(Atlas, a_run_inside_it_delivers_nothing_that_no_row_allows) {
    // Lines of a scenario may; what is drawn may not.
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        GeneratedRun run = generate(seed, profile_quick, {});
        if (run.swarm.unlimited) continue;
        std::erase_if(run.scenario.steps, [](const Step& s) { return s.verb == Verb::inject; });
        RunSetup setup;
        setup.drive = &run;
        setup.seed = seed;
        static SimHost host;
        const RunResult r = run_scenario(host, run.scenario, setup);
        for (std::size_t k = 0; k < fault_kind_count; ++k) {
            for (std::uint32_t p = 0; p < purpose_count; ++p) {
                const auto kind = static_cast<FaultKind>(k);
                if (r.delivered[k][p] == 0 || kind == FaultKind::power_loss) continue;
                EXPECT_TRUE(atlas_allows(kind, p, 0)) << name_of(kind) << " " << p;
            }
        }
    }
}

// ---- Whole runs -------------------------------------------------------------------------------

SimHost& host() {
    static SimHost h;
    return h;
}
RunSetup driven(const GeneratedRun& run, std::uint64_t seed) {
    RunSetup setup;
    setup.drive = &run;
    setup.seed = seed;
    return setup;
}

TEST(DrivenRun, is_its_lines_and_its_pins) {
    std::uint64_t faults = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        const GeneratedRun run = generate(seed, profile_quick, {});
        const RunResult first = run_scenario(host(), run.scenario, driven(run, seed));
        Scenario complete = run.scenario;
        complete.steps.insert(complete.steps.begin(), first.pins.begin(), first.pins.end());
        const RunResult again = run_scenario(host(), complete, {});
        ASSERT_EQ(again.answers.size(), first.answers.size() + first.pins.size());
        for (std::size_t i = 0; i < first.answers.size(); ++i) {
            ASSERT_EQ(again.answers[first.pins.size() + i], first.answers[i])
                << "seed " << seed << " step " << i;
        }
        EXPECT_EQ(again.pins_met, first.pins.size()) << "seed " << seed;
        EXPECT_EQ(again.errors, first.errors) << "seed " << seed;
        faults += first.errors;
    }
    EXPECT_GT(faults, 20u);
}

TEST(DrivenRun, a_recording_of_its_choices_is_the_run_and_one_of_them_flipped_is_another) {
    std::uint64_t others = 0, tried = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const GeneratedRun run = generate(seed, profile_quick, {});
        RunSetup setup = driven(run, seed);
        setup.keep_choices = true;
        const RunResult first = run_scenario(host(), run.scenario, setup);
        RunSetup replay;
        replay.recorded = first.choices;
        if (first.choices.size() < 10) continue;
        EXPECT_EQ(run_scenario(host(), run.scenario, replay).digest, first.digest) << seed;
        std::vector<std::uint32_t> flipped = first.choices;
        flipped[2] = flipped[2] == 0 ? 777 : 0;  // the latency of the second request
        replay.recorded = flipped;
        ++tried;
        others += run_scenario(host(), run.scenario, replay).digest != first.digest ? 1 : 0;
    }
    EXPECT_GT(tried, 5u);
    EXPECT_EQ(others, tried);
}

TEST(DrivenRun, every_string_of_bytes_is_a_run) {
    Prng random(7);
    std::uint64_t digests = 0;
    for (std::uint64_t n = 0; n < 40; ++n) {
        const GeneratedRun run = generate(1 + n % 4, profile_quick, {});
        std::vector<std::uint8_t> bytes(random.below(600) + 1);
        for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random.next());
        RunSetup setup;
        setup.bytes = bytes;
        const RunResult r = run_scenario(host(), run.scenario, setup);
        EXPECT_FALSE(r.verdict.failed) << r.verdict.word << ": " << r.verdict.text;
        EXPECT_EQ(run_scenario(host(), run.scenario, setup).digest, r.digest);
        digests ^= r.digest;
    }
    EXPECT_NE(digests, 0u);
}

TEST(DrivenRun, priorities_find_other_schedules_than_chance_and_are_as_repeatable) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const GeneratedRun run = generate(seed, profile_quick, {});
        RunSetup setup = driven(run, seed);
        const RunResult by_chance = run_scenario(host(), run.scenario, setup);
        setup.strategy.kind = Strategy::Kind::pct;
        const RunResult first = run_scenario(host(), run.scenario, setup);
        EXPECT_FALSE(first.verdict.failed) << first.verdict.word << ": " << first.verdict.text;
        EXPECT_EQ(run_scenario(host(), run.scenario, setup).digest, first.digest);
        EXPECT_NE(first.digest, by_chance.digest);
    }
}

}  // namespace
}  // namespace cowlab
