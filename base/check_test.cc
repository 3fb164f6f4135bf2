// A CHECK ends whatever its handler says: a world, or without a handler the process.
#include "base/check.h"

#include <gtest/gtest.h>

#include <string>

namespace cowlab {
namespace {

struct Ended {};

// As a world does it: keeps the failure, never returns.
struct Keeper final : CheckHandler {
    CheckFailure failure{};
    int count = 0;
    void check_failed(const CheckFailure& f) override {
        failure = f;
        ++count;
        throw Ended{};
    }
};

struct Installed {
    explicit Installed(CheckHandler* h) : before(set_check_handler(h)) {}
    ~Installed() { set_check_handler(before); }
    CheckHandler* before;
};

TEST(Check, the_innermost_handler_gets_rule_expression_and_place) {
    Keeper outer;
    Keeper inner;
    const Installed a(&outer);
    {
        const Installed b(&inner);
        EXPECT_EQ(b.before, &outer);
        const int chunks = 2;
        int line = 0;
        try {
            line = __LINE__ + 1;
            CHECK(chunks == 3, "INV-1: one exception per chunk");
            FAIL() << "a CHECK that fails does not go on";
        } catch (const Ended&) {
        }
        EXPECT_STREQ(inner.failure.rule, "INV-1: one exception per chunk");
        EXPECT_STREQ(inner.failure.expression, "chunks == 3");
        EXPECT_NE(std::string(inner.failure.file).find("check_test.cc"), std::string::npos);
        EXPECT_EQ(inner.failure.line, line);
    }
    EXPECT_EQ(outer.count, 0);
    EXPECT_THROW(CHECK(false, "…"), Ended);
    EXPECT_EQ(outer.count, 1) << "the one before is in force again";
}

TEST(Check, one_that_holds_is_silent_and_evaluates_its_condition_once) {
    Keeper keeper;
    const Installed installed(&keeper);
    int evaluated = 0;
    CHECK(++evaluated == 1, "");
    EXPECT_EQ(evaluated, 1);
    CHECK_IMPLIES(false, false, "nothing follows from what is not so");
    CHECK_IMPLIES(true, true, "");
    EXPECT_EQ(keeper.count, 0);
    EXPECT_THROW(CHECK_IMPLIES(true, false, ""), Ended);
}

TEST(CheckDeathTest, without_a_handler_the_process_says_where_and_why_and_aborts) {
    const Installed none(nullptr);
    EXPECT_DEATH(CHECK(1 + 1 == 3, "sums are right"),
                 "check_test.cc:[0-9]+: sums are right: .1 \\+ 1 == 3. does not hold: this is a "
                 "bug of cowlab");
}

TEST(CheckDeathTest, a_handler_that_returns_is_not_obeyed) {
    struct Returns final : CheckHandler {
        void check_failed(const CheckFailure&) override {}
    } returns;
    const Installed installed(&returns);
    EXPECT_DEATH(CHECK(false, "still an end"), "still an end");
}

}  // namespace
}  // namespace cowlab
