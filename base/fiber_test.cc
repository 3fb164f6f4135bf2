// What a fiber may rely on: its stack is its own and bounded, exceptions stay with it across a
// switch, and a world may forget it or put it back by copying bytes.
#include "base/fiber.h"

#include <gtest/gtest.h>

#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/check.h"

namespace cowlab {
namespace {

// Fibers take a plain function and a pointer; a test wants to write the body where it is read.
template <class F>
std::uint32_t create(Fibers& fibers, F& body) {
    return fibers.create([](void* p) { (*static_cast<F*>(p))(); }, &body);
}

struct FiberTest : testing::Test {
    FiberStacks stacks{8};
    // Big and flat: on the heap, as in a world it is in the arena.
    std::unique_ptr<Fibers> owner = std::make_unique<Fibers>(stacks);
    Fibers& fibers = *owner;
};

TEST_F(FiberTest, control_goes_back_and_forth_and_nothing_runs_before_the_first_resume) {
    std::string log;
    auto body = [&] {
        log += "a";
        fibers.suspend();
        log += "b";
        fibers.suspend();
        log += "c";
    };
    const std::uint32_t f = create(fibers, body);
    EXPECT_EQ(log, "");
    EXPECT_EQ(fibers.active(), 1u);
    EXPECT_FALSE(fibers.resume(f));
    log += "1";
    EXPECT_EQ(fibers.current(), Fibers::none) << "back in the main context";
    EXPECT_FALSE(fibers.resume(f));
    log += "2";
    EXPECT_TRUE(fibers.resume(f)) << "the entry has returned";
    EXPECT_EQ(log, "a1b2c");
    EXPECT_EQ(fibers.active(), 0u);
}

TEST_F(FiberTest, current_names_the_fiber_that_runs) {
    std::uint32_t seen = Fibers::none;
    auto body = [&] { seen = fibers.current(); };
    const std::uint32_t f = create(fibers, body);
    ASSERT_TRUE(fibers.resume(f));
    EXPECT_EQ(seen, f);
}

TEST(Fibers, a_thousand_of_them_keep_their_own_stacks) {
    constexpr std::uint32_t count = 1000;
    FiberStacks stacks(count);
    auto owner = std::make_unique<Fibers>(stacks);
    Fibers& fibers = *owner;
    struct Body {
        Fibers& fibers;
        std::uint32_t number;
        std::uint64_t sum = 0;
        void operator()() {
            // A page of locals each: a stack that another one overlaps would show here.
            volatile std::uint32_t mine[1024];
            for (volatile std::uint32_t& m : mine) m = number;
            for (int round = 0; round < 3; ++round) {
                fibers.suspend();
                for (volatile std::uint32_t& m : mine) sum += m == number ? 1 : 0;
            }
        }
    };
    std::vector<Body> bodies;
    for (std::uint32_t i = 0; i < count; ++i) bodies.push_back({fibers, i});
    std::vector<std::uint32_t> ids;
    for (Body& b : bodies) ids.push_back(create(fibers, b));
    for (int round = 0; round < 3; ++round) {
        for (std::uint32_t i = 0; i < count; ++i) {
            ASSERT_FALSE(fibers.resume(ids[round % 2 == 0 ? i : count - 1 - i]));
        }
    }
    EXPECT_EQ(fibers.active(), count);
    for (const std::uint32_t id : ids) ASSERT_TRUE(fibers.resume(id));
    for (const Body& b : bodies) ASSERT_EQ(b.sum, 3u * 1024) << b.number;
}

TEST_F(FiberTest, when_all_stacks_are_taken_create_says_so_and_a_finished_one_is_reused) {
    auto waits = [&] { fibers.suspend(); };
    std::vector<std::uint32_t> ids;
    for (std::uint32_t i = 0; i < stacks.count(); ++i) ids.push_back(create(fibers, waits));
    EXPECT_EQ(create(fibers, waits), Fibers::none);
    for (const std::uint32_t id : ids) fibers.resume(id);
    EXPECT_EQ(create(fibers, waits), Fibers::none) << "suspended is not finished";
    ASSERT_TRUE(fibers.resume(ids[3]));
    EXPECT_EQ(create(fibers, waits), ids[3]);
    EXPECT_EQ(create(fibers, waits), Fibers::none);
}

TEST_F(FiberTest, one_stack_serves_any_number_of_fibers_one_after_the_other) {
    std::uint64_t runs = 0;
    auto body = [&] { ++runs; };
    for (int i = 0; i < 10000; ++i) {
        const std::uint32_t f = create(fibers, body);
        ASSERT_EQ(f, 0u);
        ASSERT_TRUE(fibers.resume(f));
    }
    EXPECT_EQ(runs, 10000u);
}

TEST_F(FiberTest, an_exception_being_handled_stays_with_its_fiber_across_switches) {
    // Without its own exception globals the second handler would end the first one's exception.
    struct Body {
        Fibers& fibers;
        const char* text;
        std::string caught = {};
        std::string rethrown = {};
        bool still_current = false;
        void operator()() {
            try {
                try {
                    throw std::runtime_error(text);
                } catch (const std::runtime_error& e) {
                    fibers.suspend();  // in the catch block: the exception is alive
                    caught = e.what();
                    still_current = std::current_exception() != nullptr;
                    throw;
                }
            } catch (const std::exception& e) {
                fibers.suspend();
                rethrown = e.what();
            }
        }
    };
    Body a{fibers, "of a"};
    Body b{fibers, "of b"};
    const std::uint32_t fa = create(fibers, a);
    const std::uint32_t fb = create(fibers, b);
    const auto main_throws_too = [] {
        EXPECT_EQ(std::current_exception(), nullptr) << "the main context handles nothing";
        EXPECT_THROW(throw std::logic_error("main"), std::logic_error);
    };
    for (int round = 0; round < 2; ++round) {
        fibers.resume(fa);
        main_throws_too();
        fibers.resume(fb);
        main_throws_too();
    }
    EXPECT_TRUE(fibers.resume(fa));
    EXPECT_TRUE(fibers.resume(fb));
    EXPECT_EQ(a.caught, "of a");
    EXPECT_EQ(a.rethrown, "of a");
    EXPECT_EQ(b.caught, "of b");
    EXPECT_EQ(b.rethrown, "of b");
    EXPECT_TRUE(a.still_current);
    EXPECT_TRUE(b.still_current);
    EXPECT_EQ(std::uncaught_exceptions(), 0);
}

TEST_F(FiberTest, a_main_context_inside_a_handler_may_resume_a_fiber_that_throws) {
    bool fiber_caught = false;
    auto body = [&] {
        EXPECT_EQ(std::current_exception(), nullptr) << "main's exception is not the fiber's";
        try {
            throw 1;
        } catch (int) {
            fiber_caught = true;
        }
    };
    const std::uint32_t f = create(fibers, body);
    try {
        throw std::runtime_error("main");
    } catch (const std::runtime_error& e) {
        EXPECT_TRUE(fibers.resume(f));
        EXPECT_STREQ(e.what(), "main");
    }
    EXPECT_TRUE(fiber_caught);
}

TEST_F(FiberTest, one_that_leaves_for_good_never_comes_back_and_keeps_its_stack_to_itself) {
    struct Noticed {
        bool& flag;
        ~Noticed() { flag = true; }
    };
    bool unwound = false;
    bool went_on = false;
    auto leaves = [&] {
        const Noticed noticed{unwound};
        fibers.leave_for_good();
        went_on = true;
    };
    auto ends = [] {};
    const std::uint32_t f = create(fibers, leaves);
    EXPECT_TRUE(fibers.resume(f)) << "for the scheduler it has ended";
    EXPECT_EQ(fibers.active(), 0u);
    EXPECT_FALSE(went_on);
    EXPECT_FALSE(unwound) << "its frames are left as they are, for whoever looks at the wreck";
    for (std::uint32_t i = 0; i + 1 < stacks.count(); ++i) {
        const std::uint32_t other = create(fibers, ends);
        ASSERT_NE(other, Fibers::none);
        EXPECT_NE(other, f);
    }
    EXPECT_EQ(create(fibers, ends), Fibers::none);
    fibers.abandon_all();
    EXPECT_NE(create(fibers, ends), Fibers::none) << "forgotten, all stacks are there again";
}

TEST_F(FiberTest, leaving_for_good_out_of_a_handler_does_not_spoil_the_others) {
    // Nobody will ever end this handler; kept, so that it is not lost memory.
    static std::exception_ptr broken;
    auto leaves = [&] {
        try {
            throw std::runtime_error("broken");
        } catch (const std::runtime_error&) {
            broken = std::current_exception();
            fibers.leave_for_good();
        }
    };
    std::string caught;
    auto throws = [&] {
        try {
            throw std::runtime_error("fine");
        } catch (const std::runtime_error& e) {
            caught = e.what();
        }
    };
    ASSERT_TRUE(fibers.resume(create(fibers, leaves)));
    EXPECT_EQ(std::current_exception(), nullptr);
    ASSERT_TRUE(fibers.resume(create(fibers, throws)));
    EXPECT_EQ(caught, "fine");
    // The stack it left on is used again after everything was forgotten; so is its handler's state.
    fibers.abandon_all();
    caught.clear();
    ASSERT_TRUE(fibers.resume(create(fibers, throws)));
    EXPECT_EQ(caught, "fine");
}

TEST_F(FiberTest, abandoned_fibers_are_forgotten_without_unwinding) {
    bool went_on = false;
    auto waits = [&] {
        fibers.suspend();
        went_on = true;
    };
    for (int life = 0; life < 100; ++life) {
        std::vector<std::uint32_t> ids;
        for (int i = 0; i < 5; ++i) {
            ids.push_back(create(fibers, waits));
            fibers.resume(ids.back());
        }
        EXPECT_EQ(fibers.active(), 5u);
        fibers.abandon_all();
        EXPECT_EQ(fibers.active(), 0u);
    }
    EXPECT_FALSE(went_on);
    std::uint64_t runs = 0;
    auto body = [&] { ++runs; };
    EXPECT_EQ(create(fibers, body), 0u)
        << "numbered from the start, so that a new life is the same";
    EXPECT_TRUE(fibers.resume(0));
    EXPECT_EQ(runs, 1u);
}

// A sanitizer guards parts of a stack; copying all of it is what is meant here.
__attribute__((no_sanitize("address"))) void copy_words(std::byte* to, const std::byte* from,
                                                        std::size_t size) {
    auto* t = reinterpret_cast<volatile std::uint64_t*>(to);
    const auto* f = reinterpret_cast<const volatile std::uint64_t*>(from);
    for (std::size_t i = 0; i < size / 8; ++i) t[i] = f[i];
}

TEST_F(FiberTest, copying_the_control_block_and_the_live_stacks_puts_a_fiber_back) {
    std::vector<int> seen;
    auto body = [&] {
        int local = 10;
        for (;;) {
            seen.push_back(local);
            ++local;
            fibers.suspend();
        }
    };
    const std::uint32_t f = create(fibers, body);
    for (int i = 0; i < 3; ++i) fibers.resume(f);

    std::vector<std::byte> control(sizeof(Fibers));
    std::memcpy(control.data(), owner.get(), sizeof(Fibers));
    std::vector<std::byte> stack;
    std::byte* low = nullptr;
    int stack_count = 0;
    fibers.for_each_live_stack([&](const Fibers::LiveStack& s) {
        ++stack_count;
        low = s.low;
        EXPECT_EQ(s.fiber, f);
        EXPECT_EQ(s.low + s.size, stacks.top(f));
        EXPECT_LT(s.size, FiberStacks::stack_bytes / 4) << "only the live part";
        stack.resize(s.size);
        copy_words(stack.data(), s.low, s.size);
    });
    ASSERT_EQ(stack_count, 1);
    for (int i = 0; i < 4; ++i) fibers.resume(f);

    std::memcpy(static_cast<void*>(owner.get()), control.data(), sizeof(Fibers));
    fibers.forget_sanitizer_state();
    std::memcpy(low, stack.data(), stack.size());
    for (int i = 0; i < 2; ++i) fibers.resume(f);
    EXPECT_EQ(seen, (std::vector<int>{10, 11, 12, 13, 14, 15, 16, 13, 14}));
}

// Digs `bytes` deep into the stack, writing as it goes; gives the depth it reached.
std::size_t dig(const volatile char* top, std::size_t bytes) {
    volatile char here[256];
    here[0] = 1;
    const auto depth = static_cast<std::size_t>(top - here);
    return depth >= bytes ? depth : dig(top, bytes) + here[0] - 1;
}

TEST_F(FiberTest, the_stack_is_as_large_as_it_says) {
    std::size_t depth = 0;
    // Nearly all of it: what is missing is one frame at the top and one at the bottom.
    auto body = [&] {
        volatile char top = 0;
        depth = dig(&top, FiberStacks::stack_bytes - 4096);
    };
    ASSERT_TRUE(fibers.resume(create(fibers, body)));
    EXPECT_GE(depth, FiberStacks::stack_bytes - 4096);
}

using FiberDeathTest = FiberTest;

TEST_F(FiberDeathTest, a_stack_that_overflows_meets_its_guard_page_and_nobody_elses_stack) {
    auto body = [] {
        volatile char top = 0;
        dig(&top, 2 * FiberStacks::stack_bytes);
    };
    // Fiber 1 lies above fiber 0: without the page between them it would run through that stack.
    auto waits = [&] { fibers.suspend(); };
    fibers.resume(create(fibers, waits));
    const std::uint32_t f = create(fibers, body);
    EXPECT_DEATH(fibers.resume(f), "");
}

TEST_F(FiberDeathTest, who_may_switch_is_checked) {
    EXPECT_DEATH(fibers.suspend(), "only a fiber can suspend");
    EXPECT_DEATH(fibers.leave_for_good(), "only a fiber can leave");
    EXPECT_DEATH(fibers.resume(3), "a fiber resumed exists");
    auto resumes = [&] { fibers.resume(0); };
    const std::uint32_t f = create(fibers, resumes);
    EXPECT_DEATH(fibers.resume(f), "only the main context resumes a fiber");
    auto abandons = [&] { fibers.abandon_all(); };
    const std::uint32_t g = create(fibers, abandons);
    EXPECT_DEATH(fibers.resume(g), "fibers are abandoned from the main context");
}

}  // namespace
}  // namespace cowlab
