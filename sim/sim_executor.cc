#include "sim/sim_executor.h"

#include <algorithm>
#include <cstring>

namespace cowlab {
namespace {

constexpr std::uint32_t rest_max_us = 1u << 20;

ChoiceKey key_of_rest(std::uint64_t kind) { return {ChoiceKind::rest, 0, kind}; }

}  // namespace

void SimExecutor::yield(YieldPoint point) {
    const ChoiceKey key{ChoiceKind::yield, 0, static_cast<std::uint64_t>(point)};
    const std::uint32_t delay_us = chooser_.choose(key, rest_max_us);
    if (recording_ != nullptr) recording_->add_yield(delay_us);
    if (scheduler_ == nullptr || delay_us > 0 || line_size_ == 0) return yield_for(delay_us);
    const std::uint32_t nth = chooser_.last_nth();
    ++counted_.steps;
    if (!scheduler_->rests(chain_, line_, line_size_)) return yield_for(0);
    ++counted_.deviations;
    Candidate c;
    c.kind = Candidate::Kind::rested_fiber;
    c.key = key;
    c.nth = nth;
    c.fiber = this_fiber();
    make_late(c);
    add(c);
    suspend_this_fiber();
}

// ---- The line ---------------------------------------------------------------------------------

// A turn's first consequence goes on with its chain. From outside of turns, the first after
// everything was quiet begins to count anew: all that was comes before it.
std::uint32_t SimExecutor::next_chain() {
    if (in_turn_ && chain_ != no_chain && !chain_goes_on_) {
        chain_goes_on_ = true;
        return chain_;
    }
    if (!in_turn_ && is_quiet()) chains_ = 0;
    const std::uint32_t chain = chains_++;
    counted_.chains = std::max(counted_.chains, chains_);
    return chain;
}

// Ready work before completions, those before whoever was passed over; in each, as they came.
void SimExecutor::add(const Candidate& candidate) {
    if (line_size_ == line_capacity_) {
        const std::uint32_t capacity = line_capacity_ == 0 ? 64 : line_capacity_ * 2;
        auto* line = static_cast<Candidate*>(arena().allocate(capacity * sizeof(Candidate)));
        CHECK(line != nullptr, "a world's arena has room for what can happen next");
        for (std::uint32_t i = 0; i < line_size_; ++i) line[i] = line_[i];
        arena().free(line_, line_capacity_ * sizeof(Candidate));
        line_ = line;
        line_capacity_ = capacity;
    }
    const auto rank = [](const Candidate& c) {
        return c.late ? 2 : c.kind == Candidate::Kind::completion ? 1 : 0;
    };
    std::uint32_t at = line_size_;
    while (at > 0 && rank(line_[at - 1]) > rank(candidate)) --at;
    for (std::uint32_t i = line_size_; i > at; --i) line_[i] = line_[i - 1];
    line_[at] = candidate;
    line_[at].since_us = clock_us();
    line_[at].chain = next_chain();
    ++line_size_;
}

void SimExecutor::add_ready(const ReadyEntry& entry) {
    const auto kind = static_cast<std::size_t>(entry.kind);
    const ChoiceKey key = key_of_rest(kind);
    const std::uint32_t nth = ready_seen_[kind];
    const std::uint32_t pinned = chooser_.pinned(key, nth, rest_max_us);
    if (entry.task != nullptr) link(*entry.task);
    if (pinned > 0) {
        auto* p = static_cast<Resting*>(arena().allocate(sizeof(Resting)));
        CHECK(p != nullptr, "a world's arena has room for what rests");
        auto& resting = *new (p) Resting();
        resting.run = &SimExecutor::rested;
        resting.executor = this;
        resting.entry = entry;
        return FiberExecutor::post_after(resting, pinned);
    }
    if (scheduler_ == nullptr) return push_ready(entry);
    Candidate c;
    c.kind = entry.kind == ReadyKind::main_task    ? Candidate::Kind::task
             : entry.kind == ReadyKind::fiber_task ? Candidate::Kind::new_fiber
                                                   : Candidate::Kind::woken_fiber;
    c.key = key;
    c.nth = nth;
    c.task = entry.task;
    c.fiber = entry.fiber;
    add(c);
}

void SimExecutor::rested(Task& task) {
    auto& resting = static_cast<Resting&>(task);
    SimExecutor& executor = *resting.executor;
    const ReadyEntry entry = resting.entry;
    executor.arena().free(&resting, sizeof(Resting));
    executor.run_entry(entry);
}

void SimExecutor::add_completion(Task& task) {
    Candidate c;
    c.kind = Candidate::Kind::completion;
    c.key = chooser_.last_key();
    c.nth = chooser_.last_nth();
    c.task = &task;
    add(c);
}

// ---- Turns ------------------------------------------------------------------------------------

bool SimExecutor::turn_by_choice(Until until) {
    count_turn();
    if (line_size_ > 0) return choose(UINT64_MAX);
    if (!has_event() || (until == Until::quiet && !has_device_event())) return false;
    return pass_time(UINT64_MAX);
}

bool SimExecutor::turn_by_choice_before(std::uint64_t us) {
    count_turn();
    if (line_size_ > 0) return choose(us);
    return pass_time(us);
}

// The next event that had to wait for its time.
bool SimExecutor::pass_time(std::uint64_t until_us) {
    if (!has_event() || next_due_us() > until_us) return false;
    if (line_size_ == 0) chains_ = 0;
    chain_ = next_chain();
    in_turn_ = true;
    chain_goes_on_ = false;
    fire_next();
    in_turn_ = false;
    return true;
}

// Until it goes it is not known how long it waits; if the power goes first, or the run ends, it is
// for ever.
void SimExecutor::make_late(Candidate& candidate) {
    if (candidate.late) return;
    candidate.late = true;
    candidate.pin = chooser_.note_taken({candidate.key, candidate.nth, rest_max_us - 1});
}

// They let others go before them: in the plain world that is a delay.
void SimExecutor::pass_over(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) make_late(line_[i]);
    std::rotate(line_, line_ + count, line_ + line_size_);
}

bool SimExecutor::choose(std::uint64_t until_us) {
    // An event whose time has come stands, in the plain world, before all completions that were
    // requested since, and behind ready work.
    std::uint32_t open = line_size_;
    if (has_event() && next_due_us() <= now_us()) {
        open = 0;
        while (open < line_size_ && !line_[open].late &&
               line_[open].kind != Candidate::Kind::completion)
            ++open;
        if (open == 0) return pass_time(until_us);
    }
    std::uint32_t at = 0;
    if (open > 1) {
        ++counted_.steps;
        at = scheduler_->pick(line_, open);
        CHECK(at < open, "a scheduler picks from the line");
        counted_.deviations += at;
    }
    if (line_[at].late) {
        // It goes a moment later; nobody who was not passed over may be left behind.
        while (at < line_size_ && !line_[0].late) {
            pass_over(1);
            --at;
        }
        pass_over(at);
        if (clock_stands_) {
            ++clock_us_;
        } else {
            const std::uint64_t due = now_us() + 1;
            if (has_event() && next_due_us() <= due) return pass_time(until_us);
            if (due > until_us) return false;
            advance_to(due);
        }
    } else {
        pass_over(at);
    }
    const Candidate next = line_[0];
    for (std::uint32_t i = 1; i < line_size_; ++i) line_[i - 1] = line_[i];
    --line_size_;
    if (next.late)
        chooser_.settle_taken(next.pin, static_cast<std::uint32_t>(clock_us() - next.since_us));
    run(next);
    return true;
}

void SimExecutor::run(const Candidate& c) {
    in_turn_ = true;
    chain_ = c.chain;
    chain_goes_on_ = false;
    switch (c.kind) {
        case Candidate::Kind::task: run_entry({c.task, 0, ReadyKind::main_task}); break;
        case Candidate::Kind::new_fiber: run_entry({c.task, 0, ReadyKind::fiber_task}); break;
        case Candidate::Kind::woken_fiber:
        case Candidate::Kind::rested_fiber: run_entry({nullptr, c.fiber, ReadyKind::fiber}); break;
        case Candidate::Kind::completion: c.task->run(*c.task); break;
    }
    in_turn_ = false;
}

}  // namespace cowlab
