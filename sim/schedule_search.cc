#include "sim/schedule_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/hash.h"

namespace cowlab {
namespace {

struct KeyHash {
    std::size_t operator()(const StateKey& k) const { return static_cast<std::size_t>(k.a); }
};

// Bytes that nobody has written yet hold what the last world left there. It makes no difference to
// a world, but equal states would not be equal.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
__attribute__((no_sanitize("address")))
#endif
#elif defined(__SANITIZE_ADDRESS__)
__attribute__((no_sanitize_address))
#endif
void clear(std::byte* from, const std::byte* to) {
    for (auto* p = reinterpret_cast<volatile std::uint64_t*>(from);
         p < reinterpret_cast<const volatile std::uint64_t*>(to); ++p)
        *p = 0;
}

void forget_what_was(SimHost& host) {
    Arena& arena = host.arena();
    clear(arena.base() + arena.bookkeeping_bytes(), arena.base() + arena.used());
    constexpr std::size_t deep = 8192;  // most frames lie in the top of their stack
    const std::uint32_t stacks = host.stacks().count() < 16 ? host.stacks().count() : 16;
    for (std::uint32_t n = 0; n < stacks; ++n)
        clear(host.stacks().top(n) - deep, host.stacks().top(n));
}

class Search final : private Scheduler {
  public:
    Search(SimHost& host, const Scenario& scenario, const RunSetup& setup,
           const SearchOptions& options)
        : host_(host), scenario_(scenario), setup_(setup), options_(options) {}

    SearchResult run() {
        for (bool more = true; more;) {
            if (result_.runs == options_.runs_max) return std::move(result_);
            ++result_.runs;
            if (!run_once()) return std::move(result_);
            more = to_next();
        }
        result_.complete = true;
        return std::move(result_);
    }

  private:
    // A choice on the present path.
    struct Node {
        StateKey state;
        std::uint32_t options = 0;
        std::uint32_t taken = 0;
        std::uint32_t spent = 0;    // deviations before it
        bool remembered = false;    // its state may be recognized
        bool left = false;          // nothing below it is chosen
        long double schedules = 0;  // below, so far
    };
    // Below a state: how many schedules; < 0: it lies on the present path.
    static constexpr long double on_the_path = -1;

    bool run_once();
    bool to_next();
    std::uint32_t pick(const Candidate* line, std::uint32_t count) override;
    bool rests(std::uint32_t chain, const Candidate* line, std::uint32_t count) override;
    std::uint32_t choose(std::uint32_t options, bool yields);

    SimHost& host_;
    const Scenario& scenario_;
    const RunSetup& setup_;
    const SearchOptions& options_;
    SearchResult result_;
    std::vector<Node> path_;
    std::unordered_map<StateKey, long double, KeyHash> known_;

    // The run under way
    SimWorld* world_ = nullptr;
    std::size_t at_ = 0;  // the next choice on the path
    std::uint32_t spent_ = 0;
    bool left_ = false;
    bool cut_ = false;  // it came to a state that is known
    long double below_ = 0;
    std::uint64_t step_ = 0;
    std::uint64_t answers_ = 0;
};

bool Search::run_once() {
    at_ = 0;
    spent_ = 0;
    cut_ = left_ = false;
    step_ = answers_ = 0;
    std::uint64_t images = 0;
    forget_what_was(host_);
    RunSetup setup = setup_;
    setup.drive = nullptr;
    setup.strategy.kind = Strategy::Kind::latencies;
    setup.scheduler = this;
    setup.step_now = &step_;
    setup.at_start = [&](SimWorld& world) {
        world_ = &world;
        world.chooser().reserve_taken(4096);
        if (setup_.at_start) setup_.at_start(world);
    };
    setup.after_step = [&](std::size_t step, const Answer& answer, SimWorld& world) {
        for (const std::string& line : answer)
            answers_ = hash64(line.data(), line.size(), answers_);
        return !cut_ && (!setup_.after_step || setup_.after_step(step, answer, world));
    };
    setup.at_end = [&](SimWorld& world) {
        for (const BaseDisk& d : world.world().disks())
            images = mix64(images ^ d.medium->content_digest());
        if (setup_.at_end) setup_.at_end(world);
    };
    const RunResult r = run_scenario(host_, scenario_, setup);
    if (cut_) {
        if (!path_.empty()) path_.back().schedules += below_;
        return true;
    }
    if (path_.empty()) result_.schedules = 1;
    if (!path_.empty()) path_.back().schedules += 1;
    result_.steps_max = std::max(result_.steps_max, static_cast<std::uint32_t>(path_.size()));
    const Verdict& v = r.verdict;
    Outcome outcome{v.failed ? fmt::format("{} INV-{}", v.word, v.invariant) : "passes", answers_,
                    images};
    result_.outcomes.try_emplace(std::move(outcome), r.pins);
    return !options_.after_run || options_.after_run(r);
}

// The path to the next list of choices; false: there is none.
bool Search::to_next() {
    while (!path_.empty()) {
        Node& last = path_.back();
        if (++last.taken < last.options) return true;
        const long double below = last.schedules;
        if (last.remembered) known_[last.state] = below;
        path_.pop_back();
        (path_.empty() ? result_.schedules : path_.back().schedules) += below;
    }
    return false;
}

std::uint32_t Search::pick(const Candidate*, std::uint32_t count) { return choose(count, false); }

bool Search::rests(std::uint32_t, const Candidate*, std::uint32_t) { return choose(2, true) == 1; }

std::uint32_t Search::choose(std::uint32_t options, bool yields) {
    if (cut_ || step_ < options_.window.first || step_ > options_.window.last) return 0;
    if (at_ == path_.size()) {
        Node node;
        node.spent = spent_;
        // Option i passes i candidates over.
        const std::uint32_t left = options_.delays_max - spent_;
        node.options = options_.delays_max == UINT32_MAX ? options : std::min(options, left + 1);
        // At a yield point a fiber runs: its registers are nowhere in the world's bytes. The choice
        // that follows is recognized again.
        if (options_.reduce && !yields) {
            const bool bounded = options_.delays_max != UINT32_MAX;
            node.state = state_of(host_, *world_, bounded);
            node.state.a ^= mix64(answers_ ^ mix64(step_ << 32 | (bounded ? spent_ : 0)));
            const auto [known, is_new] = known_.try_emplace(node.state, on_the_path);
            if (!is_new && known->second != on_the_path) {
                below_ = known->second;
                cut_ = true;
                world_->world().note_check_failure();  // it ends here, as if it had failed
                world_->request_stop();
                return 0;
            }
            node.remembered = is_new;
            result_.states += is_new ? 1 : 0;
        }
        node.left = left_ || (!yields && options_.at_state && !options_.at_state(*world_));
        if (node.left) node.options = 1;
        path_.push_back(node);
    }
    left_ = path_[at_].left;
    const std::uint32_t taken = path_[at_++].taken;
    spent_ += taken;
    return taken;
}

}  // namespace

Window window_of(const Scenario& scenario) {
    Window window;
    bool found = false;
    for (std::size_t i = 0; i < scenario.steps.size(); ++i) {
        const Verb verb = scenario.steps[i].verb;
        const bool begins = verb == Verb::lane || verb == Verb::bg;
        const bool waits = verb == Verb::join || verb == Verb::wait || verb == Verb::poll;
        if (begins && !found) window.first = i;
        found = found || begins;
        if (begins) window.last = i + 1;
        if (found && waits) window.last = i;
    }
    return window;
}

std::vector<std::string> SearchResult::verdicts() const {
    std::vector<std::string> all;
    for (const auto& [outcome, pins] : outcomes) {
        if (all.empty() || all.back() != outcome.verdict) all.push_back(outcome.verdict);
    }
    return all;
}

SearchResult search_schedules(SimHost& host, const Scenario& scenario, const RunSetup& setup,
                              const SearchOptions& options) {
    return Search(host, scenario, setup, options).run();
}

}  // namespace cowlab
