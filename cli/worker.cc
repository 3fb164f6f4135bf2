#include "cli/worker.h"

#include <algorithm>
#include <optional>

#include "cli/finding.h"
#include "cli/known_defects.h"
#include "cli/packet.h"
#include "cli/shrinking.h"
#include "cli/watchdog.h"

namespace cowlab {
namespace {

constexpr std::uint64_t silence_ms_max = 120'000;

// ---- In the child -----------------------------------------------------------------------------

class Working {
  public:
    Working(const WorkerTask& task, Board& board)
        : task_(task), board_(board), images_(task.plan->from) {}

    void work(Child::Line& line) {
        const bool has_images = !task_.plan->from.empty();
        watch_this_process(board_, &host_.stacks(),
                           has_images ? patience_with_images : patience_of_a_campaign);
        std::string packet;
        while (line.receive(packet)) {
            PacketReader p(packet);
            Batch b;
            b.kind = static_cast<Batch::Kind>(p.number());
            b.first = p.number();
            b.count = p.number();
            if (!p.ok()) return;
            line.send(result_of(b));
        }
    }

  private:
    RunResult run(std::uint64_t seed, const GeneratedRun& generated) {
        RunSetup setup = task_.plan->setup(seed, generated, images_);
        be_watched(setup);
        std::optional<CrashExplorer> explorer;
        if (task_.plan->crash_states > 0) {
            explorer.emplace(host_, task_.plan->crash_options(seed));
            setup.watcher = &*explorer;
        }
        RunResult r = run_scenario(host_, generated.scenario, setup);
        watch_world(nullptr);
        if (!explorer) return r;
        const CrashReport& crashes = explorer->report();
        r.crash_states = crashes.total().checked;
        if (!r.verdict.failed && !crashes.findings.empty()) {
            r.verdict = crashes.findings.front().verdict;
            r.verdict.step = SIZE_MAX;  // at no line of the scenario
        }
        return r;
    }

    void be_watched(RunSetup& setup) {
        setup.step_now = &board_.step;
        setup.at_start = [](SimWorld& world) { watch_world(&world); };
    }

    // A whole run may meet other trouble once its policy is another, since its pins force faults
    // where nothing would have failed; a small one has no room for that.
    std::string known_cause(const Scenario& whole, Verdict verdict, std::size_t pins) {
        constexpr std::uint64_t shrink_seconds = 20;
        RunSetup how;
        how.images = &images_;
        be_watched(how);
        std::string known = known_defect(host_, how, whole);
        watch_world(nullptr);
        if (!known.empty()) return known;
        verdict.step += pins;
        const Shrunk shrunk = shrink_in_children(whole, verdict, {&images_, shrink_seconds});
        if (shrunk.reproduced) known = known_defect(host_, how, shrunk.result.scenario);
        watch_world(nullptr);
        return known;
    }

    std::string result_of(const Batch& b) {
        PacketWriter digests;
        PacketWriter failures;
        Totals totals;
        std::uint64_t done = 0;
        std::uint64_t failed = 0;
        for (; done < b.count && board_.stop == 0; ++done) {
            const std::uint64_t place =
                b.first + (b.kind == Batch::Kind::repeat ? b.count - 1 - done : done);
            const std::uint64_t seed = task_.seed(place);
            board_.seed = seed;
            ++board_.beats;
            const GeneratedRun generated = task_.plan->make(seed);
            const RunResult r = run(seed, generated);
            digests.number(r.digest);
            if (b.kind == Batch::Kind::repeat) continue;
            if (task_.twice) digests.number(run(seed, generated).digest);
            totals.add(generated, r);
            if (!r.verdict.failed) continue;
            ++failed;
            failures.number(place);
            failures.text({reinterpret_cast<const char*>(&r.verdict), sizeof r.verdict});
            const bool in_a_crash = r.verdict.step == SIZE_MAX;
            failures.text(in_a_crash ? "crash" : event_of(generated.scenario, r.verdict.step));
            std::string known;
            if (generated.scenario.header.policy == Policy::kernel && !in_a_crash) {
                known = known_cause(complete_scenario(generated.scenario, r.pins, r.verdict),
                                    r.verdict, r.pins.size());
            }
            failures.text(known);
        }
        PacketWriter all;
        all.number(static_cast<std::uint64_t>(b.kind));
        all.number(b.first);
        all.number(done);
        all.number(totals.values().size());
        for (const std::uint64_t v : totals.values()) all.number(v);
        all.text(digests.bytes());
        all.number(failed);
        all.text(failures.bytes());
        return all.bytes();
    }

    const WorkerTask& task_;
    Board& board_;
    DirectoryImages images_;
    SimHost host_;
};

// ---- In the parent ----------------------------------------------------------------------------

bool read_result(const std::string& packet, const Batch& asked, const WorkerTask& task,
                 BatchResult& out) {
    PacketReader p(packet);
    out = {};
    out.batch.kind = static_cast<Batch::Kind>(p.number());
    out.batch.first = p.number();
    out.batch.count = p.number();
    if (out.batch.kind != asked.kind || out.batch.first != asked.first ||
        out.batch.count > asked.count)
        return false;
    std::vector<std::uint64_t> values(p.count());
    for (std::uint64_t& v : values) v = p.number();
    if (!p.ok() || !out.totals.set(values)) return false;
    const std::string digest_bytes = p.text();
    PacketReader digests(digest_bytes);
    const bool twice = task.twice && asked.kind != Batch::Kind::repeat;
    for (std::uint64_t i = 0; i < out.batch.count; ++i) {
        out.digests.push_back(digests.number());
        if (twice) out.digests_again.push_back(digests.number());
    }
    if (asked.kind == Batch::Kind::repeat) std::reverse(out.digests.begin(), out.digests.end());
    std::uint64_t failed = p.number();
    const std::string failure_bytes = p.text();
    PacketReader failures(failure_bytes);
    for (; failed > 0 && failures.ok(); --failed) {
        Failure f;
        f.place = failures.number();
        f.seed = task.seed(f.place);
        const std::string verdict = failures.text();
        if (verdict.size() != sizeof f.verdict) return false;
        std::memcpy(static_cast<void*>(&f.verdict), verdict.data(), sizeof f.verdict);
        f.verdict.word[sizeof f.verdict.word - 1] = 0;
        f.verdict.text[sizeof f.verdict.text - 1] = 0;
        f.event = failures.text();
        f.known = failures.text();
        if (f.place - asked.first >= asked.count) return false;
        out.failures.push_back(std::move(f));
    }
    return p.ok() && digests.ok() && failures.ok();
}

}  // namespace

std::string event_of(const Scenario& scenario, std::uint64_t step) {
    if (step >= scenario.steps.size()) return "end";
    const Step& s = scenario.steps[step];
    const Verb verb = s.verb == Verb::lane || s.verb == Verb::bg ? s.io_verb : s.verb;
    switch (verb) {
        // All of these look at what is there; which of them was first says nothing.
        case Verb::read:
        case Verb::hex:
        case Verb::rawread:
        case Verb::check:
        case Verb::reload:
        case Verb::join: return "read";
        default: return std::string(name_of(verb));
    }
}

bool Worker::start() {
    retire();
    board_->stop = 0;
    board_->address = 0;
    board_->in_guard_page = 0;
    board_->frame_count = 0;
    is_new_ = true;
    was_killed_ = false;
    child_ = Child::start([this](Child::Line& line) { Working(task_, *board_).work(line); });
    return child_.is_running();
}

void Worker::retire() {
    is_busy_ = false;
    if (!child_.is_running()) return;
    child_.kill_it();  // it holds nothing that anybody misses
    child_.end();
}

void Worker::assign(const Batch& batch) {
    batch_ = batch;
    is_busy_ = true;
    board_->stop = 0;
    last_beat_ms_ = monotonic_ms();
    PacketWriter p;
    p.number(static_cast<std::uint64_t>(batch.kind));
    p.number(batch.first);
    p.number(batch.count);
    board_->seed = task_.seed(batch.first);
    child_.send(p.bytes());
}

Worker::News Worker::receive(BatchResult& result, ChildEnd& end) {
    const bool open = child_.receive(false);
    std::string packet;
    if (child_.next(packet)) {
        if (is_busy_ && read_result(packet, batch_, task_, result)) {
            is_busy_ = false;
            is_new_ = false;
            return News::result;
        }
        child_.kill_it();  // it talks nonsense: its memory is not what it was
        end = child_.end();
        end.kind = ChildEnd::Kind::signalled;
        end.code = 6;
        end.said = "the worker answered nonsense";
        return News::death;
    }
    if (open) return News::nothing;
    end = child_.end();
    if (was_killed_) end.kind = ChildEnd::Kind::stuck;
    if (end.is_clean()) {  // it left in the middle of a batch
        end.kind = ChildEnd::Kind::exited;
    }
    return News::death;
}

bool Worker::place_of_death(std::uint64_t& place) const {
    for (place = batch_.first; place < batch_.first + batch_.count; ++place) {
        if (task_.seed(place) == board_->seed) return true;
    }
    return false;
}

bool Worker::is_silent(std::uint64_t now_ms) {
    if (!is_busy_) return false;
    const std::uint64_t beat = board_->beats + board_->step;
    if (beat != last_beat_) {
        last_beat_ = beat;
        last_beat_ms_ = now_ms;
    }
    return now_ms - last_beat_ms_ > silence_ms_max;
}

void Worker::kill_it() {
    was_killed_ = true;
    child_.kill_it();
}

}  // namespace cowlab
