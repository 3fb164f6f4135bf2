// For tests: a simulated world that takes lines of the scenario language and gives their answers.
//
//     TestWorld w;
//     w.ok("disk orig 64 fill 1");
//     EXPECT_EQ(w.run("read orig 0 8"), "= ok fnv=… 1@0+8");
//
// Every line is parsed as the line of a `cowlab 1` scenario, and where that refuses it as one of a
// golden case, so that what only the kernel refuses can be asked as well. A CHECK that fails inside
// the world fails the test with its rule. One TestWorld at a time: they share the process's
// SimHost.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <string_view>

#include "scenarios/parse.h"
#include "sim/sim_world.h"

namespace cowlab {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool under_sanitizer = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool under_sanitizer = true;
#else
inline constexpr bool under_sanitizer = false;
#endif
#else
inline constexpr bool under_sanitizer = false;
#endif

inline SimHost& test_host() {
    static SimHost host;
    return host;
}

class TestWorld {
  public:
    explicit TestWorld(const SimOptions& options = {})
        : sim_(&SimWorld::create(test_host(), options)) {}
    explicit TestWorld(const EnginePolicy& policy) : TestWorld(with_policy(policy)) {}
    ~TestWorld() {
        test_host().arena().reset();
        test_host().arena().trim();
    }
    TestWorld(const TestWorld&) = delete;
    TestWorld& operator=(const TestWorld&) = delete;

    SimWorld& sim() { return *sim_; }
    World& world() { return sim_->world(); }
    DeviceMapper& mapper() { return world().mapper(); }
    Medium& medium(std::string_view disk) { return *world().find_disk(disk)->medium; }

    // The line as a step of a world; lives as long as this object.
    const Step& step(std::string_view line) {
        auto parsed = parse("cowlab 1\n" + std::string(line) + "\n", "test");
        if (!parsed) parsed = parse(line, "test");
        if (!parsed || parsed->steps.size() != 1) {
            ADD_FAILURE() << line << ": " << (parsed ? "is not one line" : parsed.error().text);
            steps_.emplace_back();
            return steps_.back();
        }
        steps_.push_back(parsed->steps.front());
        return steps_.back();
    }

    // The answer: `= …`, and further lines after a newline each.
    std::string run(std::string_view line) {
        std::string text;
        const Step& s = step(line);
        guarded([&] {
            for (const std::string& l : world().run(s)) text += (text.empty() ? "" : "\n") + l;
        });
        return text;
    }
    // What a read (or a wait for one) finds, as RUNS: "1@0+8 0+8"; another answer as it is.
    std::string contents(std::string_view line) {
        const std::string answer = run(line);
        constexpr std::size_t runs_at = sizeof("= ok fnv=0123456789abcdef ") - 1;
        return answer.substr(0, 9) == "= ok fnv=" && answer.size() > runs_at
                   ? answer.substr(runs_at)
                   : answer;
    }
    // Any number of lines, each of which must be answered `= ok`. Empty lines are fine.
    void ok(std::string_view lines) {
        while (!lines.empty()) {
            const std::size_t end = std::min(lines.find('\n'), lines.size());
            std::string_view line = lines.substr(0, end);
            lines.remove_prefix(std::min(end + 1, lines.size()));
            while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
            if (line.empty()) continue;
            const std::string answer = run(line);
            if (answer.substr(0, 4) != "= ok") ADD_FAILURE() << line << " " << answer;
        }
    }

    // Calls `body` in the main context of the world.
    template <class F>
    void guarded(F&& body) {
        if (!sim_->guarded(body)) {
            const CheckFailure& f = sim_->failed_check();
            ADD_FAILURE() << "CHECK failed at " << f.file << ":" << f.line << ": " << f.rule;
        }
    }
    // Calls `body` on a fiber and runs until it has returned; false: it never did.
    template <class F>
    bool on_fiber(F&& body) {
        struct Call : Task {
            std::remove_reference_t<F>* body = nullptr;
            bool done = false;
        } call;
        call.body = &body;
        call.run = [](Task& t) {
            auto& c = static_cast<Call&>(t);
            (*c.body)();
            c.done = true;
        };
        guarded([&] {
            sim_->executor().spawn(call);
            sim_->run_until(call.done);
        });
        return call.done;
    }
    // Turns until nothing can happen any more; how many there were.
    std::uint64_t run_out() {
        const std::uint64_t before = sim_->sim_executor().turns();
        guarded([&] { sim_->run_turns(UINT64_MAX); });
        return sim_->sim_executor().turns() - before;
    }
    bool finish() {
        bool finished = false;
        guarded([&] { finished = world().finish(); });
        return finished;
    }

  private:
    static SimOptions with_policy(const EnginePolicy& policy) {
        SimOptions options;
        options.world.policy = policy;
        return options;
    }
    SimWorld* sim_;
    std::deque<Step> steps_;
};

}  // namespace cowlab
