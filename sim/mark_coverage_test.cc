// Every coverage mark of engine/marks.h is reached by something that explains it: a recorded case
// of a real kernel, a scenario of the library, or, where neither can say what is needed (a failed
// allocation, another pace of the copier), a test in this file. The table of who reaches what is
// printed; a mark that nobody reaches is a rule that nobody shows, and fails.
//
// docs/rules.md has the rule behind each mark; ci/check-rules holds that page against the marks.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "scenarios/parse.h"
#include "sim/image_test_support.h"
#include "sim/scenario_library_test_support.h"
#include "sim/scenario_run.h"
#include "sim/sim_world_test_support.h"

namespace cowlab {
namespace {

// ---- What a scenario cannot say ---------------------------------------------------------------

constexpr const char* one_snapshot =
    "disk orig 4096 fill 1\n"
    "disk cow 8192 zero\n"
    "create s 0 4096 snapshot @orig @cow P 8\n"
    "create base 0 4096 snapshot-origin @orig\n";

// A snapshot may be written to although memory is out: by as many writers as it has exceptions in
// reserve; the next one waits until one of them has ended, and does not fail.
void wait_for_the_pool(TestWorld& w) {
    w.ok(one_snapshot);
    w.sim().sim_memory().fail_nth(1, SimMemory::Fail::from_there_on, MemoryUse::pending_exception);
    w.ok(
        "fault orig delay 50 0\n"
        "bg a write s 0 4 7\n"
        "bg b write s 8 4 8\n"
        "bg c write base 16 4 9");
    EXPECT_EQ(w.run("status s"), "= 0 4096 snapshot 24/8192 16")
        << "one is under way, nothing is allocated for others";
    EXPECT_EQ(w.run("poll b"), "= pending");
    w.ok("wait a\nwait b\nwait c\nfault orig linear");
    EXPECT_EQ(w.contents("read s 0 24"), "7@0+4 1@4+4 8@8+4 1@12+12");
    EXPECT_EQ(w.contents("read base 16 8"), "9@16+4 1@20+4");
}
SimOptions with_one_in_reserve() {
    SimOptions options;
    options.world.limits.pending_reserve = 1;
    return options;
}

// A copy that ended well is of no use if there is no memory to remember it: the snapshot is
// invalid, its writer gets EIO, an origin write goes on.
void finish_without_memory(TestWorld& w) {
    w.ok(one_snapshot);
    w.ok(
        "fault orig delay 50 0\n"
        "bg a write s 0 4 7\n"
        "bg b write base 8 4 8");
    w.sim().sim_memory().fail_nth(1, SimMemory::Fail::from_there_on,
                                  MemoryUse::completed_exception);
    EXPECT_EQ(w.run("wait a"), "= err EIO");
    w.ok("wait b\nfault orig linear");
    EXPECT_EQ(w.run("status s"), "= 0 4096 snapshot Invalid");
    EXPECT_EQ(w.contents("read base 8 8"), "8@8+4 1@12+4");
    EXPECT_EQ(w.run("hex cow 0 8"), "= ok\n| 00000000  53 6e 41 70 00 00 00 00")
        << "and its header says so";
}

// A throttle of 50 % leaves the disks to others half of the time: twenty copies one after the
// other, 10 ms each, take about as long again.
void throttle_the_copier(TestWorld& w) {
    w.ok(one_snapshot);
    w.ok("fault orig delay 10 0");
    const std::uint64_t begin = w.sim().now_us();
    for (int i = 0; i < 20; ++i) {
        w.ok("bg a write s " + std::to_string(8 * i) + " 4 7");
        w.ok("wait a");
    }
    const std::uint64_t took_ms = (w.sim().now_us() - begin) / 1000;
    EXPECT_GE(took_ms, 360u);
    EXPECT_LE(took_ms, 500u);
}
SimOptions with_a_throttle() {
    SimOptions options;
    options.world.limits.copy_throttle_percent = 50;
    return options;
}

struct InCode {
    const char* name;
    SimOptions (*options)();
    void (*run)(TestWorld& world);
};
constexpr InCode in_code[] = {
    {"pool_waits", &with_one_in_reserve, &wait_for_the_pool},
    {"finish_no_memory", [] { return SimOptions{}; }, &finish_without_memory},
    {"copy_throttled", &with_a_throttle, &throttle_the_copier},
};

TEST(MarkInCode, pool_waits) {
    TestWorld w(with_one_in_reserve());
    wait_for_the_pool(w);
    EXPECT_GT(w.world().events().marked(Mark::pool_waits), 0u);
}

TEST(MarkInCode, finish_no_memory) {
    TestWorld w;
    finish_without_memory(w);
    EXPECT_GT(w.world().events().marked(Mark::finish_no_memory), 0u);
}

TEST(MarkInCode, copy_throttled) {
    TestWorld w(with_a_throttle());
    throttle_the_copier(w);
    EXPECT_GT(w.world().events().marked(Mark::copy_throttled), 0u);
}

// ---- The table --------------------------------------------------------------------------------

struct Reached {
    std::uint64_t golden = 0;   // times, under both policies
    std::uint64_t library = 0;  // … by scenarios
    std::uint64_t code = 0;     // … by the tests above
    std::string first;
    bool at_all() const { return golden + library + code > 0; }
};

class Coverage {
  public:
    void add_golden(const std::filesystem::path& trace) {
        Result<Scenario> scenario = parse(read_file(trace), trace.string());
        ASSERT_TRUE(scenario) << scenario.error().text;
        // The recording machine had 256 MiB, and one case shows it.
        scenario->header.limits.push_back({"memory", std::uint64_t{256} << 20});
        TestImages images(trace.parent_path());
        for (const EnginePolicy* policy : {&policy_kernel, &policy_default}) {
            RunSetup setup;
            setup.images = &images;
            setup.policy = policy;
            setup.judge = false;  // Linux breaks our rules in some of them
            setup.terse_answers = true;
            add(run_scenario(test_host(), *scenario, setup), "golden/" + trace.stem().string(),
                &Reached::golden);
        }
    }
    void add_scenario(const std::string& file) {
        const Result<Scenario> scenario = parse(read_file(scenarios_root() / file), file);
        ASSERT_TRUE(scenario) << scenario.error().text;
        TestImages images((scenarios_root() / file).parent_path());
        RunSetup setup;
        setup.images = &images;
        add(run_scenario(test_host(), *scenario, setup), file, &Reached::library);
    }
    void add_code(const InCode& test) {
        TestWorld w(test.options());
        test.run(w);
        RunResult run;
        for (std::size_t m = 0; m < mark_count; ++m)
            run.marks[m] = w.world().events().marked(static_cast<Mark>(m));
        add(run, std::string("MarkInCode.") + test.name, &Reached::code);
    }

    const Reached& of(std::size_t mark) const { return reached_[mark]; }
    void print() const {
        std::printf("%-30s %-7s %9s %9s %6s  %s\n", "mark", "rule", "golden", "library", "code",
                    "first reached by");
        for (std::size_t m = 0; m < mark_count; ++m) {
            const Reached& r = reached_[m];
            std::printf("%-30s %-7s %9llu %9llu %6llu  %s\n", mark_texts[m].name,
                        mark_texts[m].rule, static_cast<unsigned long long>(r.golden),
                        static_cast<unsigned long long>(r.library),
                        static_cast<unsigned long long>(r.code), r.first.c_str());
        }
    }

  private:
    void add(const RunResult& run, const std::string& who, std::uint64_t Reached::*column) {
        for (std::size_t m = 0; m < mark_count; ++m) {
            if (run.marks[m] > 0 && reached_[m].first.empty()) reached_[m].first = who;
            reached_[m].*column += run.marks[m];
        }
    }
    Reached reached_[mark_count];
};

// Marks that nothing reaches yet, and why that is all right. As short as possible.
struct Excused {
    Mark mark;
    const char* reason;
};
constexpr std::array<Excused, 0> excused{};

TEST(MarkCoverage, every_mark_is_reached_by_a_case_a_scenario_or_a_test) {
    Coverage coverage;
    for (const std::filesystem::path& trace : golden_files(".trace")) coverage.add_golden(trace);
    for (const std::string& file : library_files()) coverage.add_scenario(file);
    for (const InCode& test : in_code) coverage.add_code(test);
    coverage.print();
    std::size_t by_golden = 0;
    for (std::size_t m = 0; m < mark_count; ++m) {
        by_golden += coverage.of(m).golden > 0 ? 1 : 0;
        const auto excuse = std::find_if(excused.begin(), excused.end(), [m](const Excused& e) {
            return static_cast<std::size_t>(e.mark) == m;
        });
        if (excuse == excused.end()) {
            EXPECT_TRUE(coverage.of(m).at_all())
                << mark_texts[m].name << " (" << mark_texts[m].text
                << ") is reached by nothing: write scenarios/rules/";
        } else {
            EXPECT_FALSE(coverage.of(m).at_all())
                << mark_texts[m].name << " is reached by " << coverage.of(m).first
                << ": it needs no excuse (" << excuse->reason << ")";
        }
    }
    std::printf("%zu marks, %zu of them reached by recorded cases of a real kernel\n", mark_count,
                by_golden);
    test_host().arena().reset();
    test_host().arena().trim();
}

}  // namespace
}  // namespace cowlab
