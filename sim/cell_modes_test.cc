// Sector cells as tags and as bytes are one engine and one world (decision 2): the same answers,
// the same requests, the same contents, so the same digest.
#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "scenarios/generate.h"
#include "scenarios/golden_test_files.h"
#include "sim/scenario_run.h"
#include "sim/sim_world_test_support.h"

namespace cowlab {
namespace {

// The images a golden case names, from beside it.
class GoldenImages final : public ImageSource {
  public:
    bool open(std::string_view member, Sectors& size) override {
        const std::string packed =
            read_file(COWLAB_SOURCE_DIR "/scenarios/golden/" + std::string(member) + ".zst");
        const unsigned long long whole = ZSTD_getFrameContentSize(packed.data(), packed.size());
        if (packed.empty() || whole > (1u << 30)) return false;
        bytes_.resize(whole);
        if (ZSTD_decompress(bytes_.data(), whole, packed.data(), packed.size()) != whole)
            return false;
        size = sectors_ceil(whole);
        return true;
    }
    void read(Sectors sector, std::uint8_t* bytes) override {
        std::memset(bytes, 0, sector_bytes);
        const std::size_t at = sector.bytes();
        if (at >= bytes_.size()) return;
        std::memcpy(bytes, bytes_.data() + at,
                    std::min<std::size_t>(sector_bytes, bytes_.size() - at));
    }

  private:
    std::string bytes_;
};

struct Outcome {
    std::uint64_t digest = 0;
    std::vector<Answer> answers;
    bool operator==(const Outcome&) const = default;
};

Outcome run(const Scenario& scenario, CellMode mode, const EnginePolicy& policy) {
    GoldenImages images;
    SimOptions options;
    options.world.policy = policy;
    options.world.images = &images;
    options.cells = mode;
    options.memory_limit = std::uint64_t{256} << 20;
    TestWorld w(options);
    Outcome out;
    w.guarded([&] {
        for (const Step& s : scenario.steps) out.answers.push_back(w.world().run(s));
        w.world().finish();
        out.digest = w.world().digest();
    });
    return out;
}

TEST(CellModes, every_golden_case_has_the_same_digest_and_answers_in_both) {
    std::size_t cases = 0;
    std::size_t steps = 0;
    const auto files = golden_files(".trace");
    for (std::size_t i = 0; i < files.size(); i += under_sanitizer ? 5 : 1) {
        const auto scenario = parse(read_file(files[i]), files[i].string());
        ASSERT_TRUE(scenario.has_value()) << files[i];
        for (const EnginePolicy& policy : {policy_kernel, policy_default}) {
            const Outcome tags = run(*scenario, CellMode::tags, policy);
            const Outcome bytes = run(*scenario, CellMode::bytes, policy);
            EXPECT_EQ(tags.digest, bytes.digest) << files[i].stem();
            EXPECT_EQ(tags.answers, bytes.answers) << files[i].stem();
        }
        ++cases;
        steps += scenario->steps.size();
    }
    std::printf("%zu golden cases, %zu steps, two policies: equal digests\n", cases, steps);
    EXPECT_GE(cases, under_sanitizer ? 20u : 100u);
}

TEST(CellModes, random_runs_with_lanes_faults_and_power_losses_have_the_same_digest_in_both) {
    std::uint64_t requests = 0;
    std::uint64_t losses = 0;
    std::uint64_t errors = 0;
    const std::uint64_t seeds = under_sanitizer ? 12 : 150;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        const GeneratedRun generated = generate(seed, profile_quick, {});
        RunResult results[2];
        for (const CellMode mode : {CellMode::tags, CellMode::bytes}) {
            RunSetup setup;
            setup.cells = mode;
            setup.drive = &generated;
            setup.seed = seed;
            results[mode == CellMode::bytes] = run_scenario(test_host(), generated.scenario, setup);
        }
        EXPECT_EQ(results[0].digest, results[1].digest) << "seed " << seed;
        EXPECT_EQ(results[0].answers, results[1].answers) << "seed " << seed;
        EXPECT_EQ(results[0].pins, results[1].pins) << "seed " << seed;
        EXPECT_FALSE(results[0].verdict.failed) << "seed " << seed << results[0].verdict.text;
        EXPECT_TRUE(results[0].verdict.is_like(results[1].verdict)) << "seed " << seed;
        // The judge of the one saw what the judge of the other saw.
        for (std::uint32_t i = 0; i < model::rule_count; ++i)
            EXPECT_EQ(results[0].model.evaluated[i], results[1].model.evaluated[i])
                << "seed " << seed;
        requests += results[0].requests;
        losses += results[0].power_losses;
        errors += results[0].errors;
    }
    std::printf("%lu random runs, %lu requests, %lu failed, %lu power losses: equal digests\n",
                seeds, requests, errors, losses);
    EXPECT_GT(requests, seeds * 50);
    EXPECT_GT(losses, 0u);
    EXPECT_GT(errors, 0u);
}

TEST(CellModes, bytes_that_are_no_pattern_travel_the_same_ways) {
    // Copied to a snapshot, overwritten in part, merged back, lost and found again.
    const char* lines =
        "disk o 128 fill 1 cache\ndisk c 256 zero cache\ncreate b 0 128 snapshot-origin "
        "@o\nsuspend b\n"
        "create s 0 128 snapshot @o @c P 8\nresume b\nwritebytes s 700 0102030405\nwritebytes b "
        "5000 ffeedd\n"
        "writebytes b 700 aabb\nwritebytes s 9000 77\nflush b\nflush s\npower-loss losing "
        "everything\nreload\n"
        "writebytes s 701 99\nsuspend b\nsuspend s\nload b 0 128 snapshot-merge @o @c P 8\nresume "
        "b";
    std::string text[2];
    std::uint64_t digest[2];
    for (const CellMode mode : {CellMode::tags, CellMode::bytes}) {
        SimOptions options;
        options.cells = mode;
        TestWorld w(options);
        w.ok(lines);
        EXPECT_EQ(w.run("mergewait b"), "= 0 128 snapshot-merge 16/256 16");
        text[mode == CellMode::bytes] =
            w.run("hex o 690 32") + w.run("hex o 4990 32") + w.run("hex o 8990 32");
        digest[mode == CellMode::bytes] = w.world().digest();
    }
    EXPECT_EQ(text[0], text[1]);
    EXPECT_EQ(digest[0], digest[1]);
    EXPECT_NE(text[0].find("01 99 03 04 05"), std::string::npos) << text[0];
}

}  // namespace
}  // namespace cowlab
