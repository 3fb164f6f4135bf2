#include "cli/campaign.h"

#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "cli/files.h"
#include "cli/run_directory.h"
#include "cli/stop_signals.h"
#include "cli/story.h"
#include "scenarios/parse.h"
#include "scenarios/print.h"

namespace cowlab {
namespace {

// The same for every number of jobs: what a batch is must not depend on them.
constexpr std::uint64_t batch_places = 16;
constexpr int poll_ms = 100;
constexpr std::uint64_t state_every_ms = 10'000;

std::string group_of(const Failure& f) {
    if (!f.known.empty()) return f.known;
    const Verdict& v = f.verdict;
    std::string group = shown_word(v.word);
    if (v.invariant != 0) group += fmt::format(" INV-{}", v.invariant);
    // Rules without a number have nothing else to be told apart by.
    if (std::string_view(v.word) == "check" && v.invariant == 0)
        group += fmt::format(" `{}`", v.text);
    return fmt::format("{} at {}", group, f.event);
}

}  // namespace

Campaign::Campaign(const RunOptions& options, const Plan& plan, const Shard& shard,
                   std::uint64_t jobs)
    : options_(options),
      plan_(plan),
      shard_(shard),
      jobs_(jobs),
      task_{&plan, shard, options.seed_first, options.check_determinism},
      state_file_(options.out, plan, options.seed_first, shard) {
    if (!options.seconds) places_ = shard.seeds_in(options.seed_first, options.seed_last);
    for (std::uint64_t i = 0; i < jobs; ++i) workers_.emplace_back(task_);
    state_saved_ms_ = monotonic_ms();
}

void Campaign::go_on_from(const CampaignState& state) {
    at_ = state;
    next_place_ = state.frontier;
    // Groups that were found then were shown then.
    for (const auto& [group, count] : at_.groups) kinds_ += count > 0 ? 1 : 0;
}

// ---- Handing out ------------------------------------------------------------------------------

bool Campaign::time_is_up(const CampaignOutput& output) const {
    return options_.seconds && output.passed_ms() >= *options_.seconds * 1000;
}

bool Campaign::wants_more(const CampaignOutput& output) const {
    return !stopping_ && !enough_ && !error_ && !no_process_ && !time_is_up(output);
}

bool Campaign::next_batch(const CampaignOutput& output, Batch& batch) {
    // A stop finishes what is under way: also the question what killed a worker.
    for (auto it = again_.begin(); it != again_.end() && !enough_; ++it) {
        if (stopping_ && it->kind != Batch::Kind::suspect) continue;
        batch = *it;
        again_.erase(it);
        return true;
    }
    if (!wants_more(output) || next_place_ >= places_) return false;
    const std::uint64_t count = batch_places - next_place_ % batch_places;
    batch = {Batch::Kind::runs, next_place_, std::min(count, places_ - next_place_)};
    next_place_ += batch.count;
    return true;
}

void Campaign::feed(const CampaignOutput& output) {
    // Making a finding is work as well.
    const std::uint64_t allowed = jobs_ - (maker_.is_running() ? 1 : 0);
    std::uint64_t busy = 0;
    for (const Worker& w : workers_) busy += w.is_busy() ? 1 : 0;
    for (Worker& w : workers_) {
        if (busy >= allowed) return;
        if (w.is_busy()) continue;
        Batch batch;
        if (!next_batch(output, batch)) return;
        const bool must_be_new = batch.kind != Batch::Kind::runs;
        if ((!w.is_running() || (must_be_new && !w.is_new())) && !w.start()) {
            again_.push_front(batch);
            no_process_ = true;
            return;
        }
        w.assign(batch);
        ++busy;
    }
}

// ---- Taking back ------------------------------------------------------------------------------

void Campaign::take_result(BatchResult r) {
    const Batch asked = r.batch;
    if (asked.count == 0) return;
    if (options_.check_determinism) {
        again_.push_back({Batch::Kind::repeat, asked.first, asked.count});
        to_be_repeated_.emplace(asked.first, std::move(r));
    } else {
        finished_.emplace(asked.first, std::move(r));
    }
}

void Campaign::take_repetition(const BatchResult& repeated) {
    const auto it = to_be_repeated_.find(repeated.batch.first);
    if (it == to_be_repeated_.end()) return;
    BatchResult r = std::move(it->second);
    to_be_repeated_.erase(it);
    for (std::size_t i = 0; i < r.digests.size(); ++i) {
        const std::uint64_t place = r.batch.first + i;
        const std::uint64_t twice = i < r.digests_again.size() ? r.digests_again[i] : r.digests[i];
        const std::uint64_t elsewhere =
            i < repeated.digests.size() ? repeated.digests[i] : r.digests[i];
        if (twice == r.digests[i] && elsewhere == r.digests[i]) continue;
        Failure f;
        f.place = place;
        f.seed = task_.seed(place);
        f.event = twice == r.digests[i] ? "another process" : "the same process";
        f.verdict.fail("determinism", 0, 0,
                       fmt::format("the same run has digests {:016x}, again {:016x}, in a new "
                                   "process {:016x}",
                                   r.digests[i], twice, elsewhere));
        r.failures.push_back(f);
    }
    std::sort(r.failures.begin(), r.failures.end(),
              [](const Failure& a, const Failure& b) { return a.place < b.place; });
    finished_.emplace(r.batch.first, std::move(r));
}

// What was before and after the seed goes back; the runs before it are made again, so that a batch
// is never half counted.
void Campaign::split(const Batch& b, std::uint64_t at) {
    if (at + 1 < b.first + b.count) again_.push_front({b.kind, at + 1, b.first + b.count - at - 1});
    if (at > b.first) again_.push_front({b.kind, b.first, at - b.first});
}

void Campaign::take_death(Worker& worker, const ChildEnd& end, CampaignOutput& output) {
    if (!worker.is_busy()) return;  // it had nothing to do: another takes its place when needed
    const Batch batch = worker.batch();
    std::uint64_t place = batch.first;
    const bool known_place = worker.place_of_death(place);
    const Board board = worker.board();
    worker.retire();
    if (batch.kind == Batch::Kind::repeat) {
        // It ran in one process and dies in another.
        BatchResult nothing;
        nothing.batch = batch;
        take_repetition(nothing);
        output.note(fmt::format("seed {}: passed in one process and {} in a new one",
                                task_.seed(place), shown_word(end.word())));
        ++at_.not_deterministic;
        return;
    }
    // The watchdog of the worker itself saw it turn round: nobody else can have been that.
    const bool certain = end.kind == ChildEnd::Kind::stuck && end.code == exit_stuck && known_place;
    if (batch.kind != Batch::Kind::suspect && certain) {
        split(batch, place);
    } else if (batch.kind != Batch::Kind::suspect) {
        if (!known_place) {
            // Its board says nonsense: every seed of the batch alone.
            for (std::uint64_t i = batch.count; i > 0; --i)
                again_.push_front({Batch::Kind::suspect, batch.first + i - 1, 1});
            return;
        }
        split(batch, place);
        suspects_.emplace(place, end);
        again_.push_front({Batch::Kind::suspect, place, 1});
        return;
    }
    // Alone, in a new process, and dead again.
    suspects_.erase(place);
    BatchResult r;
    r.batch = {Batch::Kind::runs, place, 1};
    r.digests = {0};
    r.digests_again = {0};
    r.totals.add_dead_run();
    Failure f;
    f.place = place;
    f.seed = task_.seed(place);
    const GeneratedRun run = plan_.make(f.seed);
    const std::size_t step = std::min<std::size_t>(board.step, run.scenario.steps.size());
    const std::string line =
        step < run.scenario.steps.size() ? print_line(run.scenario.steps[step]) : "";
    f.verdict = verdict_of_death(end, board, step, line);
    f.event = event_of(run.scenario, step);
    r.failures.push_back(f);
    finished_.emplace(place, std::move(r));
}

void Campaign::listen(CampaignOutput& output) {
    std::vector<pollfd> fds;
    std::vector<Worker*> whose;
    for (Worker& w : workers_) {
        if (!w.is_running()) continue;
        fds.push_back({w.fd(), POLLIN, 0});
        whose.push_back(&w);
    }
    if (maker_.is_running()) fds.push_back({maker_.fd(), POLLIN, 0});
    if (poll(fds.data(), fds.size(), poll_ms) < 0) return;  // a signal: looked at by run()
    for (std::size_t i = 0; i < whose.size(); ++i) {
        Worker& w = *whose[i];
        if (fds[i].revents == 0) {
            if (w.is_silent(monotonic_ms())) w.kill_it();
            continue;
        }
        BatchResult result;
        ChildEnd end;
        switch (w.receive(result, end)) {
            case Worker::News::nothing: break;
            case Worker::News::death: take_death(w, end, output); break;
            case Worker::News::result: {
                if (result.batch.kind == Batch::Kind::repeat) {
                    take_repetition(result);
                    break;
                }
                if (result.batch.kind == Batch::Kind::suspect) {
                    result.batch.kind = Batch::Kind::runs;
                    const auto suspect = suspects_.find(result.batch.first);
                    if (suspect != suspects_.end()) {
                        const std::uint64_t seed = task_.seed(result.batch.first);
                        if (suspect->second.is_from_outside()) {
                            output.note(
                                fmt::format("worker killed from outside ({}), seed {} run again",
                                            shown_word(suspect->second.word()).substr(5), seed));
                        } else if (result.failures.empty() && result.batch.count > 0) {
                            Failure f;
                            f.place = result.batch.first;
                            f.seed = seed;
                            f.event = "after other runs";
                            f.verdict = verdict_of_death(suspect->second, Board{}, 0, "");
                            result.failures.push_back(f);
                        }
                        suspects_.erase(suspect);
                    }
                }
                take_result(std::move(result));
                break;
            }
        }
    }
    if (maker_.is_running() && fds.back().revents != 0) end_finding(output);
}

// ---- In the order of seeds --------------------------------------------------------------------

void Campaign::advance(CampaignOutput& output, bool over_gaps) {
    while (!finished_.empty() && !enough_) {
        const auto it = finished_.begin();
        if (it->first != at_.frontier && !over_gaps) return;
        const BatchResult& r = it->second;
        at_.totals.add(r.totals);
        for (std::size_t i = 0; i < r.digests.size(); ++i)
            output.digest(task_.seed(it->first + i), r.digests[i]);
        for (const Failure& f : r.failures) consider(f);
        at_.frontier = it->first + r.batch.count;
        finished_.erase(it);
    }
}

void Campaign::consider(const Failure& f) {
    if (enough_) return;
    if (std::string_view(f.verdict.word) == "determinism") ++at_.not_deterministic;
    const bool is_new = (f.known.empty() ? at_.groups : at_.known)[group_of(f)]++ == 0;
    if (!is_new) return;
    // More could not be kept; they are counted.
    if (shown_++ < run_directories_max) new_kinds_.push_back(f);
    if (f.known.empty()) ++kinds_;
    const bool limit = options_.max_findings != 0 && kinds_ >= options_.max_findings;
    if (limit || (!f.known.empty() && options_.stop_on_known)) enough_ = true;
}

void Campaign::start_finding(CampaignOutput& output) {
    if (maker_.is_running() || new_kinds_.empty() || options_.digests || error_) return;
    making_ = new_kinds_.front();
    new_kinds_.pop_front();
    FindingRequest request;
    request.plan = &plan_;
    request.failure = *making_;
    request.out = options_.out;
    request.shrink_seconds = options_.shrink_seconds;
    request.stop = &*stop_findings_;
    request.colours = output.colours();
    made_.clear();
    maker_ = Child::start([&](Child::Line& line) {
        nlohmann::json j = make_finding(request);
        line.send(j.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    });
    if (!maker_.is_running()) no_process_ = true;
}

void Campaign::end_finding(CampaignOutput& output) {
    if (maker_.receive(false)) {
        std::string packet;
        if (maker_.next(packet)) made_ = packet;
        return;
    }
    const ChildEnd end = maker_.end();
    nlohmann::json j = nlohmann::json::parse(made_, nullptr, false);
    if (j.is_discarded() || !j.is_object()) {
        const Verdict& v = making_->verdict;
        j = {{"seed", making_->seed},
             {"word", shown_word(v.word)},
             {"invariant", v.invariant},
             {"text", v.text},
             {"reproduced", false},
             {"story", fmt::format("{}\n\n  it could not be made a scenario: the process that does "
                                   "this {} ({}); run it alone with --seed {}\n",
                                   headline(v, false), shown_word(end.word()),
                                   end.said.substr(0, end.said.find('\n')), making_->seed)}};
    }
    output.finding(j);
    if (j.contains("error")) {
        error_ =
            Error{static_cast<Error::Kind>(j["error"]["kind"].get<int>()),
                  j["error"]["where"].get<std::string>(), j["error"]["text"].get<std::string>()};
    }
}

// ---- The whole --------------------------------------------------------------------------------

int Campaign::exit_code() const {
    if (!at_.groups.empty() || at_.not_deterministic > 0 || stored_failing_ > 0) return 1;
    if (options_.stop_on_known && !at_.known.empty()) return 1;
    return stopping_ ? 4 : 0;
}

CampaignOutput::Summary Campaign::summary_of(int code) const {
    CampaignOutput::Summary s;
    s.groups = at_.groups;
    s.known = at_.known;
    s.stored_failing = stored_failing_;
    s.not_deterministic = at_.not_deterministic;
    s.determinism_checked = options_.check_determinism;
    s.stopped = stopping_;
    s.exit_code = code;
    return s;
}

void Campaign::keep_state(bool now) {
    if (options_.digests || error_) return;
    if (!now && monotonic_ms() - state_saved_ms_ < state_every_ms) return;
    state_saved_ms_ = monotonic_ms();
    if (auto r = state_file_.save(at_); !r) error_ = r.error();
}

// A campaign that came to its end has nothing to go on with.
void Campaign::end_state() {
    const bool at_its_end = !stopping_ && !enough_ && !options_.seconds;
    if (!at_its_end) return keep_state(true);
    std::error_code ec;
    if (!options_.digests && !error_) std::filesystem::remove(state_file_.path, ec);
}

Result<int> Campaign::run(CampaignOutput& output) {
    bool closed = false;
    for (;;) {
        if (stop_requested() && !stopping_) {
            stopping_ = true;
            *stop_findings_ = 1;
        }
        if (stopping_ || enough_ || error_ || time_is_up(output)) {
            for (Worker& w : workers_) {
                if (w.is_busy() && w.batch().kind == Batch::Kind::runs) w.ask_to_stop();
            }
        }
        start_finding(output);
        feed(output);
        const bool working = std::any_of(workers_.begin(), workers_.end(),
                                         [](const Worker& w) { return w.is_busy(); });
        if (working || maker_.is_running()) {
            listen(output);
        } else if (closed || error_) {
            break;
        } else {
            // What was done beyond a place that was not is shown, but made again after --resume.
            closed = true;
            end_state();
            for (auto& [place, result] : to_be_repeated_)
                finished_.emplace(place, std::move(result));
            to_be_repeated_.clear();
            advance(output, true);
            continue;
        }
        advance(output, false);
        keep_state(false);
        const std::uint64_t seen = std::max(next_place_, std::uint64_t{1}) - 1;
        output.progress(at_.totals, task_.seed(seen), at_.frontier, options_.seconds ? 0 : places_,
                        false);
    }
    if (no_process_ && !error_) {
        error_ = Error{Error::Kind::refused, "",
                       "the host has no process left for a worker: give fewer --jobs, or raise "
                       "`ulimit -u`"};
    }
    const std::uint64_t seen = std::max(next_place_, std::uint64_t{1}) - 1;
    output.progress(at_.totals, task_.seed(seen), at_.frontier, places_, true);
    const int code = exit_code();
    if (auto r = output.summary(at_.totals, summary_of(code)); !r && !error_) error_ = r.error();
    if (error_) return failure(*error_);
    return code;
}

namespace {

// Findings of before, under the policy of this run: what fails still, and what passes now.
std::uint64_t replay_stored(const RunOptions& options, const Plan& plan, CampaignOutput& output) {
    std::uint64_t failing = 0;
    for (const std::string& directory : stored_findings({options.out, &plan})) {
        if (stop_requested()) break;
        const std::string path = directory + "/shrunk.scn";
        auto text = read_text_file(path);
        if (!text) continue;
        auto scenario = parse(*text, path);
        if (!scenario) {
            output.note(fmt::format("{}: {}: it is not replayed", scenario.error().where,
                                    scenario.error().text));
            continue;
        }
        scenario->header.policy = plan.header.policy;
        scenario->header.without = plan.header.without;
        DirectoryImages images(directory);
        RunSetup setup;
        setup.images = &images;
        setup.terse_answers = true;
        setup.turns_max = campaign_turns_max;
        Observation how;
        how.patience = patience_for(*scenario, how.patience);
        const ObservedRun run = observe(*scenario, setup, how);
        const Verdict& v = run.verdict;
        std::string what;
        if (v.failed) {
            ++failing;
            what = shown_word(v.word);
            if (v.invariant != 0) what += fmt::format(" INV-{}", v.invariant);
        }
        output.stored(path, what);
    }
    return failing;
}

std::uint64_t cores() {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return static_cast<std::uint64_t>(std::max(CPU_COUNT(&set), 1));
}

}  // namespace

Result<int> run_campaign(const RunOptions& options) {
    auto plan = plan_of(options);
    if (!plan) return failure(std::move(plan).error());
    auto shard = find_shard(options.shard, [](const char* name) { return std::getenv(name); });
    if (!shard) return failure(std::move(shard).error());
    const std::uint64_t jobs = options.jobs == 0 ? cores() : options.jobs;
    if (!options.junit.empty()) {
        // Not after hours of work.
        std::filesystem::path folder = std::filesystem::path(options.junit).parent_path();
        if (folder.empty()) folder = ".";
        if (access(folder.c_str(), W_OK | X_OK) != 0)
            return failure(errno_error(options.junit, "cannot write", errno));
    }
    stop_on_signals();

    std::optional<CampaignState> before;
    if (options.resume) {
        auto state = StateFile(options.out, *plan, options.seed_first, *shard).load();
        if (!state) return failure(std::move(state).error());
        before = std::move(*state);
    }
    CampaignOutput output(options, *plan);
    output.start(*shard, jobs);
    Campaign campaign(options, *plan, *shard, jobs);
    if (before) {
        output.resumed(before->totals);
        campaign.go_on_from(*before);
    }
    if (!options.digests) {
        const std::uint64_t failing = replay_stored(options, *plan, output);
        campaign.note_stored_failures(failing);
    }
    return campaign.run(output);
}

}  // namespace cowlab
