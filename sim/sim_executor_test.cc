// The order of a simulated world: first in, first out; then by time, then by order of creation; and
// what quiet means.
#include "sim/sim_executor.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>

namespace cowlab {
namespace {

using Until = SimExecutor::Until;

struct SimExecutorTest : testing::Test {
    Arena arena{std::size_t{1} << 28};
    FiberStacks stacks{16};
    Chooser chooser{arena};
    std::unique_ptr<SimExecutor> owner = std::make_unique<SimExecutor>(arena, stacks, chooser);
    SimExecutor& executor = *owner;
    std::string log;

    struct Body : Task {
        std::function<void()> body;
    };
    std::deque<Body> bodies;
    Task& task(std::function<void()> body) {
        Body& b = bodies.emplace_back();
        b.body = std::move(body);
        b.run = [](Task& t) { static_cast<Body&>(t).body(); };
        return b;
    }
    Task& says(const std::string& text) {
        return task([this, text] { log += text; });
    }
    std::uint64_t run(Until until = Until::forever) {
        std::uint64_t turns = 0;
        while (executor.turn(until)) ++turns;
        return turns;
    }
};

TEST_F(SimExecutorTest, posted_and_spawned_tasks_and_woken_fibers_share_one_queue_in_order) {
    Waiter waiter;
    executor.spawn(task([&] {
        log += "w";
        executor.wait(waiter);
        log += "W";
    }));
    run();
    executor.post(says("1"));
    executor.wake(waiter);
    executor.spawn(says("2"));
    executor.post(says("3"));
    EXPECT_EQ(log, "w") << "nothing runs inside post, wake or spawn";
    EXPECT_EQ(run(), 4u) << "one turn each";
    EXPECT_EQ(log, "w1W23");
}

TEST_F(SimExecutorTest, main_tasks_run_in_the_main_context_and_spawned_ones_on_a_fiber) {
    bool main_on_fiber = true;
    bool spawned_on_fiber = false;
    executor.post(task([&] { main_on_fiber = executor.on_fiber(); }));
    executor.spawn(task([&] { spawned_on_fiber = executor.on_fiber(); }));
    run();
    EXPECT_FALSE(main_on_fiber);
    EXPECT_TRUE(spawned_on_fiber);
    EXPECT_FALSE(executor.on_fiber());
    EXPECT_EQ(executor.fibers_active(), 0u);
}

TEST_F(SimExecutorTest, a_task_is_linked_until_it_starts_and_may_be_posted_again_from_inside) {
    int runs = 0;
    Task* again = nullptr;
    again = &task([&] {
        EXPECT_FALSE(again->is_linked());
        if (++runs < 3) executor.post(*again);
    });
    executor.post(*again);
    EXPECT_TRUE(again->is_linked());
    run();
    EXPECT_EQ(runs, 3);
}

TEST_F(SimExecutorTest, a_wake_that_came_first_is_not_lost) {
    Waiter waiter;
    executor.wake(waiter);
    executor.wake(waiter);  // twice is once
    executor.spawn(task([&] {
        executor.wait(waiter);
        log += "on";
    }));
    EXPECT_EQ(run(), 1u);
    EXPECT_EQ(log, "on");
}

TEST_F(SimExecutorTest, events_come_by_time_and_among_equals_in_the_order_they_were_made) {
    executor.post_after(says("c"), 20);
    executor.post_after(says("a"), 10);
    executor.post_after(says("d"), 20);
    executor.post_after(says("b"), 10);
    executor.post_after(says("e"), 20);
    executor.post(says("0"));
    run();
    EXPECT_EQ(log, "0abcde") << "what is ready goes first";
    EXPECT_EQ(executor.now_us(), 20u);
}

TEST_F(SimExecutorTest, many_events_in_any_order_of_posting_come_sorted) {
    Prng random(4);
    struct Seen {
        std::uint64_t due;
        int order;
        bool operator<=(const Seen& o) const {
            return due != o.due ? due < o.due : order <= o.order;
        }
    };
    std::vector<Seen> seen;
    for (int i = 0; i < 3000; ++i) {
        const std::uint64_t due = random.below(200);
        executor.post_after(task([&seen, due, i] { seen.push_back({due, i}); }), due);
    }
    run();
    ASSERT_EQ(seen.size(), 3000u);
    for (std::size_t i = 1; i < seen.size(); ++i) ASSERT_TRUE(seen[i - 1] <= seen[i]) << i;
}

TEST_F(SimExecutorTest, time_stands_still_while_anything_is_ready) {
    executor.post_after(says("later"), 5);
    for (int i = 0; i < 100; ++i) {
        executor.post(task([&] { EXPECT_EQ(executor.now_us(), 0u); }));
    }
    run();
    EXPECT_EQ(log, "later");
    EXPECT_EQ(executor.now(), Milliseconds{0}) << "five microseconds are no millisecond";
}

TEST_F(SimExecutorTest, quiet_waits_for_devices_but_not_for_sleepers) {
    executor.spawn(task([&] {
        log += "s";
        executor.sleep({10});
        log += "S";
    }));
    executor.post_after(says("d"), 500);
    run(Until::quiet);
    EXPECT_EQ(log, "sd");
    EXPECT_EQ(executor.now_us(), 500u) << "the sleeper is not reached";
    EXPECT_TRUE(executor.is_quiet());
    run(Until::forever);
    EXPECT_EQ(log, "sdS");
    EXPECT_EQ(executor.now_us(), 10000u);
}

TEST_F(SimExecutorTest, a_sleeper_that_is_due_before_a_device_wakes_on_the_way) {
    executor.spawn(task([&] {
        executor.sleep({1});
        log += "S";
    }));
    run(Until::quiet);
    executor.post_after(says("d"), 2000);
    run(Until::quiet);
    EXPECT_EQ(log, "Sd");
}

TEST_F(SimExecutorTest, a_yield_is_no_turn_by_default_and_a_delay_where_one_is_chosen) {
    const ChoiceKey point{ChoiceKind::yield, 0, 0};
    chooser.add_pin({point, 2, 7});
    const auto yields = [&](const std::string& name) {
        return [this, name] {
            executor.yield(YieldPoint::allocate_pending_exception);
            log += name;
        };
    };
    executor.spawn(task(yields("a")));
    executor.spawn(task(yields("b")));  // the 2nd time
    executor.spawn(task(yields("c")));
    run(Until::quiet);
    EXPECT_EQ(log, "acb");
    EXPECT_EQ(executor.now_us(), 7u);
}

TEST_F(SimExecutorTest, a_cancelled_event_does_nothing_and_the_others_keep_their_order) {
    Task& b = says("b");
    executor.post_after(says("a"), 5);
    executor.post_after(b, 5);
    executor.post_after(says("c"), 5);
    executor.cancel(b);
    run(Until::quiet);
    EXPECT_EQ(log, "ac");
    EXPECT_TRUE(executor.is_quiet());
    executor.post_after(b, 1);  // it may be used again
    run();
    EXPECT_EQ(log, "acb");
}

TEST_F(SimExecutorTest, time_can_be_let_pass_up_to_a_moment) {
    executor.post_after(says("a"), 10);
    executor.post_after(says("b"), 11);
    while (executor.turn_before(10)) {
    }
    EXPECT_EQ(log, "a");
    EXPECT_EQ(executor.now_us(), 10u);
    executor.advance_to(5);
    EXPECT_EQ(executor.now_us(), 10u) << "time does not go back";
    while (executor.turn_before(11)) {
    }
    EXPECT_EQ(log, "ab");
}

TEST_F(SimExecutorTest, a_lost_power_forgets_everything_but_the_time) {
    Waiter waiter;
    executor.spawn(task([&] {
        executor.wait(waiter);
        log += "!";
    }));
    executor.spawn(task([&] {
        executor.sleep({1});
        log += "!";
    }));
    executor.post_after(says(""), 100);
    run(Until::quiet);
    Task& ready = says("!");
    executor.post_after(says("!"), 5);
    executor.post(ready);
    executor.abandon_everything();
    EXPECT_FALSE(ready.is_linked()) << "its owner may use it again";
    EXPECT_EQ(run(), 0u);
    EXPECT_EQ(executor.fibers_active(), 0u);
    EXPECT_EQ(executor.now_us(), 100u);
    executor.spawn(says("new life"));
    run();
    EXPECT_EQ(log, "new life");
}

TEST_F(SimExecutorTest, queues_of_waiters_wake_in_the_order_they_came) {
    WaitQueue queue;
    for (const char* name : {"a", "b", "c", "d"}) {
        executor.spawn(task([&, name] {
            queue.wait(executor);
            log += name;
        }));
    }
    run();
    EXPECT_FALSE(queue.empty());
    queue.wake_one(executor);
    run();
    EXPECT_EQ(log, "a");
    queue.wake_all(executor);
    EXPECT_TRUE(queue.empty());
    run();
    EXPECT_EQ(log, "abcd");
    queue.wake_one(executor);  // nobody there
    EXPECT_EQ(run(), 0u);
}

struct NoYieldDeathTest : SimExecutorTest {
    template <class F>
    void run_guarded(F wait) {
        executor.spawn(task([this, wait] {
            const NoYield no_yield(executor);
            wait();
        }));
        run();
    }
};

TEST_F(NoYieldDeathTest, whoever_waits_where_nobody_may_is_found_also_when_the_wait_was_no_switch) {
    run_guarded([&] { executor.post(says("fine")); });
    EXPECT_EQ(log, "fine");
    EXPECT_DEATH(run_guarded([&] {
                     Waiter woken;
                     executor.wake(woken);
                     executor.wait(woken);
                 }),
                 "no fiber switch while an invariant is broken");
    EXPECT_DEATH(run_guarded([&] { executor.yield(YieldPoint::allocate_pending_exception); }),
                 "no fiber switch while an invariant is broken");
    EXPECT_DEATH(run_guarded([&] { executor.sleep({1}); }),
                 "no fiber switch while an invariant is broken");
}

TEST_F(NoYieldDeathTest, only_a_fiber_may_wait) {
    Waiter waiter;
    EXPECT_DEATH(executor.wait(waiter), "only a fiber may wait");
}

TEST_F(NoYieldDeathTest, a_world_that_runs_out_of_fibers_says_so) {
    WaitQueue queue;
    for (int i = 0; i < 17; ++i) executor.spawn(task([&] { queue.wait(executor); }));
    EXPECT_DEATH(run(), "a world has enough fibers for its work");
    owner->abandon_everything();
}

}  // namespace
}  // namespace cowlab
