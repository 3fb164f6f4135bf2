// The N-th-fault loop reaches every request of a run, and nothing behind the last; it finds what
// only one failing request shows; and a candidate that kills its process is a finding like others.
#include "cli/fault_loop.h"

#include <gtest/gtest.h>

#include <set>

#include "scenarios/parse.h"
#include "scenarios/print.h"

namespace cowlab {
namespace {

constexpr const char* merge = R"(cowlab 1
disk orig 64 fill 1
disk cow 256 zero
create base 0 64 snapshot-origin @orig
create s 0 64 snapshot @orig @cow P 8
write s 0 8 7
write s 32 8 8
suspend base
remove s
load base 0 64 snapshot-merge @orig @cow P 8
resume base
suspend base
resume base
mergewait base
check
)";

Scenario scenario_of(std::string text, const std::string& policy) {
    if (!policy.empty()) text.insert(text.find("disk"), "policy " + policy + "\n");
    auto s = parse(text, "test");
    EXPECT_TRUE(s);
    return without_expectations(std::move(*s));
}

LoopResult loop_over(const Scenario& plain, std::uint64_t* faults = nullptr) {
    const EveryFault every = every_fault_of(plain, nullptr);
    EXPECT_FALSE(every.fault_free.verdict.failed) << every.fault_free.verdict.text;
    if (faults != nullptr) *faults = every.faults.size();
    return loop_faults(plain, every.faults, nullptr);
}

std::uint64_t delivered(const LoopResult& r, LoopKind kind) {
    std::uint64_t n = 0;
    for (const std::uint64_t c : r.delivered[static_cast<std::size_t>(kind)]) n += c;
    return n;
}

TEST(FaultLoop, every_request_of_the_run_fails_once_and_the_correct_engine_survives_it) {
    std::uint64_t faults = 0;
    const LoopResult r = loop_over(scenario_of(merge, ""), &faults);
    EXPECT_EQ(r.runs, faults);
    EXPECT_EQ(r.unmet, 0u);
    EXPECT_TRUE(r.findings.empty()) << r.findings[0].verdict.text;
    for (std::size_t k = 0; k < loop_kind_count; ++k) {
        const auto kind = static_cast<LoopKind>(k);
        if (kind == LoopKind::flush) continue;  // these disks have no cache
        EXPECT_GT(delivered(r, kind), 0u) << name_of(kind);
    }
}

TEST(FaultLoop, the_run_has_no_request_behind_the_last) {
    const Scenario plain = scenario_of(merge, "");
    const EveryFault every = every_fault_of(plain, nullptr);
    std::set<std::uint64_t> numbers;
    for (const LoopFault& f : every.faults) {
        if (f.kind != LoopKind::no_memory) numbers.insert(f.number);
    }
    // 1, 2, …: each of them with some fault.
    EXPECT_EQ(numbers.size(), every.requests);
    EXPECT_EQ(*numbers.rbegin(), every.requests);
    // The same point once more than it comes: nobody meets that fault.
    std::vector<LoopFault> behind;
    for (const LoopFault& f : every.faults) {
        std::uint64_t last = 0;
        for (const LoopFault& o : every.faults) {
            if (o.key == f.key && o.pin.pin.nth > last) last = o.pin.pin.nth;
        }
        behind.push_back(f);
        behind.back().pin.pin.nth = last + 1;
    }
    const LoopResult r = loop_faults(plain, behind, nullptr);
    EXPECT_EQ(r.unmet, behind.size());
}

TEST(FaultLoop, an_erase_that_fails_shows_what_linux_does_to_the_origin) {
    const LoopResult r = loop_over(scenario_of(merge, "kernel"));
    ASSERT_FALSE(r.findings.empty()) << "L5 needs exactly one failing area write";
    bool in_erase = false;
    for (const LoopFinding& f : r.findings)
        in_erase = in_erase || f.fault.column == static_cast<std::uint32_t>(Purpose::area_write);
    EXPECT_TRUE(in_erase);
}

TEST(FaultLoop, a_finding_is_a_scenario_that_fails_alike_alone) {
    const Scenario plain = scenario_of(merge, "kernel");
    const LoopResult r = loop_over(plain);
    ASSERT_FALSE(r.findings.empty());
    auto again = parse(print(with_fault(plain, r.findings[0].fault)), "finding");
    ASSERT_TRUE(again);
    RunSetup setup;
    const ObservedRun run = observe(*again, setup, {});
    EXPECT_TRUE(is_same_failure(run.verdict, r.findings[0].verdict)) << run.verdict.text;
    EXPECT_EQ(run.pins_met, 1u);
}

}  // namespace
}  // namespace cowlab
