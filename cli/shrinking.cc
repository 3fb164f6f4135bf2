#include "cli/shrinking.h"

#include <fmt/format.h>

#include <chrono>

#include "cli/child_process.h"
#include "cli/watchdog.h"

namespace cowlab {
namespace {

// The answers so far. A child that has lost its mind may write here too; what comes out is run
// once more, by whoever asked.
struct Log {
    static constexpr std::uint32_t answers_max = 1u << 20;
    std::uint32_t known = 0;
    std::uint32_t in_time = 0;
    std::uint8_t answers[answers_max] = {};  // 1: fails alike
    // Of other failures that were met: which answer, and how many steps the candidate had.
    struct Other {
        Verdict verdict;
        std::uint32_t answer = 0;
        std::uint32_t steps = 0;
    };
    std::uint32_t other_count = 0;
    Other others[other_failures_max];

    void met(const Verdict& v, std::uint32_t answer, std::size_t steps) {
        std::uint32_t i = 0;
        while (i < other_count && !is_same_failure(others[i].verdict, v)) ++i;
        if (i == other_failures_max) return;
        if (i < other_count && others[i].steps <= steps) return;
        others[i] = {v, answer, static_cast<std::uint32_t>(steps)};
        if (i == other_count) ++other_count;
    }
};

std::uint64_t turns_for(const Scenario& s) { return 20'000 + 2'000 * s.steps.size(); }

// In the child: answers from the log, then by running.
class LoggingJudge final : public ShrinkJudge {
  public:
    LoggingJudge(SimHost& host, const Verdict& verdict, const Shrinking& how, Log& log,
                 Board& board, std::uint64_t deadline)
        : host_(host),
          verdict_(verdict),
          how_(how),
          log_(log),
          board_(board),
          deadline_(deadline) {}

    std::optional<bool> known_answer() override {
        if (next_ < log_.known) return log_.answers[next_++] == 1;
        return {};
    }
    bool fails_alike(const Scenario& candidate) override {
        ++next_;
        RunSetup setup;
        setup.images = how_.images;
        setup.terse_answers = true;
        setup.pins_if_passed = false;
        setup.turns_max = turns_for(candidate);
        setup.step_now = &board_.step;
        setup.at_start = [](SimWorld& world) { watch_world(&world); };
        const RunResult r = run_scenario(host_, candidate, setup);
        watch_world(nullptr);
        const bool alike = is_same_failure(r.verdict, verdict_);
        if (r.verdict.failed && !alike) log_.met(r.verdict, log_.known, candidate.steps.size());
        log_.answers[log_.known] = alike ? 1 : 0;
        log_.known = log_.known + 1;
        return alike;
    }
    bool is_out_of_time() override {
        if (next_ < log_.known) return false;
        return monotonic_ms() >= deadline_ || (how_.stop != nullptr && *how_.stop != 0) ||
               log_.known + 1 >= Log::answers_max;
    }

  private:
    SimHost& host_;
    const Verdict& verdict_;
    const Shrinking& how_;
    Log& log_;
    Board& board_;
    std::uint64_t deadline_;
    std::uint32_t next_ = 0;
};

// In this process: the same decisions again, from the log alone.
class ReadingJudge final : public ShrinkJudge {
  public:
    explicit ReadingJudge(const Log& log, std::uint32_t from) : log_(log), next_(from) {}
    std::optional<bool> known_answer() override {
        if (next_ >= log_.known) return false;
        if (log_.answers[next_] != 1 && other_at(next_) < log_.other_count) return {};
        return log_.answers[next_++] == 1;
    }
    // Asked only for a candidate that failed otherwise: it is built, and kept.
    bool fails_alike(const Scenario& candidate) override {
        OtherFailure o{log_.others[other_at(next_)].verdict, candidate};
        ExpectedVerdict& expected = o.scenario.header.verdict;
        expected.kind = ExpectedVerdict::Kind::fail;
        expected.word = o.verdict.word;
        expected.invariant = o.verdict.invariant;
        others.push_back(std::move(o));
        ++next_;
        return false;
    }
    bool is_out_of_time() override { return next_ >= log_.known; }

    std::vector<OtherFailure> others;

  private:
    std::uint32_t other_at(std::uint32_t answer) const {
        std::uint32_t i = 0;
        while (i < log_.other_count && log_.others[i].answer != answer) ++i;
        return i;
    }
    const Log& log_;
    std::uint32_t next_;
};

}  // namespace

std::string name_of_failure(const Verdict& v) {
    return v.invariant == 0 ? std::string(shown_word(v.word))
                            : fmt::format("{} INV-{}", shown_word(v.word), v.invariant);
}

std::string name_of_other(std::size_t i) { return fmt::format("other-{}.scn", i + 1); }

std::string minimal_text(const ShrinkResult& result) {
    return fmt::format("no line, fault or pin can go, nor any two of them ({} candidates tried)",
                       result.tried);
}

std::uint64_t monotonic_ms() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

Shrunk shrink_in_children(const Scenario& scenario, const Verdict& verdict, const Shrinking& how) {
    Shared<Log> log;
    SimHost host;  // children inherit it: made once
    const std::uint64_t deadline = monotonic_ms() + how.seconds * 1000;
    const std::size_t failing_step = verdict.step < scenario.steps.size() ? verdict.step : SIZE_MAX;
    for (;;) {
        Shared<Board> board;
        const std::uint32_t known_before = log->known;
        const ChildEnd end = run_in_child(
            [&](Child::Line&) {
                watch_this_process(*board, &host.stacks(), how.patience);
                LoggingJudge judge(host, verdict, how, *log, *board, deadline);
                // Answer 0 is the scenario itself.
                const std::optional<bool> known = judge.known_answer();
                if (!(known ? *known : judge.fails_alike(scenario))) return;
                log->in_time = shrink(scenario, judge, failing_step).minimal ? 1 : 0;
            },
            [](std::string&) {}, static_cast<unsigned>(how.seconds) + 30);
        if (end.is_clean() || log->known + 1 >= Log::answers_max || log->known < known_before)
            break;
        Verdict death;
        death.fail(end.word(), end.kind == ChildEnd::Kind::stuck ? 34 : 0, 0, "");
        const bool alike = death.is_like(verdict);
        const bool first_of_its_child = log->known == known_before;
        const bool may_be_anothers = alike && end.kind != ChildEnd::Kind::stuck;
        if (!first_of_its_child && may_be_anothers) continue;
        log->answers[log->known] = alike ? 1 : 0;
        // How long that candidate was, the dead cannot say.
        if (!alike) log->met(death, log->known, UINT32_MAX);
        ++log->known;
    }
    Shrunk shrunk;
    shrunk.reproduced = log->known > 0 && log->answers[0] == 1;
    if (!shrunk.reproduced) {
        shrunk.result.scenario = scenario;
        shrunk.result.operations = shrunk.result.operations_before = count_operations(scenario);
        return shrunk;
    }
    ReadingJudge judge(*log, 1);
    shrunk.result = shrink(scenario, judge, failing_step);
    shrunk.result.minimal = log->in_time == 1;
    shrunk.others = std::move(judge.others);
    return shrunk;
}

}  // namespace cowlab
