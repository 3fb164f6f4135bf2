// What the bench measures is the file that people can explore themselves.
#include "cli/crash_bench.h"

#include <gtest/gtest.h>

#include "cli/files.h"
#include "scenarios/parse.h"

namespace cowlab {
namespace {

TEST(CrashReference, IsTheFileInBench) {
    auto text = read_text_file(COWLAB_SOURCE_DIR "/bench/crash-reference.scn");
    ASSERT_TRUE(text);
    auto file = parse(*text, "crash-reference.scn");
    ASSERT_TRUE(file);
    std::size_t before = 0;
    const Scenario built = crash_reference(before);
    ASSERT_EQ(file->steps.size(), built.steps.size());
    for (std::size_t i = 0; i < built.steps.size(); ++i) {
        Step a = file->steps[i];
        Step b = built.steps[i];
        a.comments = b.comments = {};
        a.source = b.source = {};
        EXPECT_TRUE(a == b) << "line " << i;
    }
    EXPECT_EQ(built.steps.size() - before, 100u);
}

TEST(CrashRates, AreOfStatesThatTheCorrectEngineSurvives) {
    SimHost host;
    const CrashRates rates = measure_crash_rates(host, 0.05);
    EXPECT_EQ(rates.refused, 0u);
    EXPECT_GT(rates.moments, 0u);
    EXPECT_GT(rates.checked_per_second, rates.loaded_per_second);
    EXPECT_GT(rates.generated_per_second, 0);
}

}  // namespace
}  // namespace cowlab
