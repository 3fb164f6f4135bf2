// What a person at a terminal does not have: faults, background jobs, write logs, lanes, power
// loss.
#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <vector>

#include "base/names.h"
#include "scenarios/runs.h"
#include "world/world.h"

namespace cowlab {
namespace {
constexpr Milliseconds poll_ms{30};
constexpr Milliseconds wait_ms{10000};
constexpr Milliseconds mergewait_ms{20000};
constexpr Milliseconds mergewait_step_ms{2};

// Whether one of the devices that a table names by @name is such.
template <class F>
bool any_device_in(std::string_view table, const F& is_such) {
    for (std::size_t at = table.find('@'); at != std::string_view::npos;
         at = table.find('@', at + 1)) {
        if (is_such(table.substr(at + 1, table.find(' ', at) - at - 1))) return true;
    }
    return false;
}
}  // namespace

// ---- fault: another table over the medium (golden/README.md) ----------------------------------

Answer World::fault(const Step& step) {
    BaseDisk* d = find_disk(step.name);
    if (d == nullptr || mapper_->find(step.name) == nullptr)
        return {cowlab::answer_of(Errc::enxio)};
    if (judge_ != nullptr) judge_->disk_tampered(step.name);
    return run_job(step, &World::fault_body);
}

void World::fault_body(Job& job) {
    World& w = *job.world;
    const Step& s = *job.step;
    const BaseDisk& d = *w.find_disk(s.name);
    const std::uint64_t size = d.spec.size.value;
    Text<64> medium;
    medium << d.medium->number().major << ":" << d.medium->number().minor;
    if (s.fault.table != FaultTable::linear && s.fault.table != FaultTable::delay)
        ++w.failing_tables_;
    Text<512> table;
    switch (s.fault.table) {
        case FaultTable::linear:
            table << "0 " << size << " linear " << medium.view() << " 0";
            break;
        case FaultTable::error: table << "0 " << size << " error"; break;
        case FaultTable::bad: {
            const std::uint64_t start = s.start.value;
            const std::uint64_t end = start + s.count.value;
            if (s.count.value == 0 || end > size || end < start) {
                job.outcome.code = Errc::einval;
                return;
            }
            if (start > 0) table << "0 " << start << " linear " << medium.view() << " 0 ; ";
            table << start << " " << s.count.value << " error";
            if (end < size) {
                table << " ; " << end << " " << size - end << " linear " << medium.view() << " "
                      << end;
            }
            break;
        }
        case FaultTable::flakey:
            table << "0 " << size << " flakey " << medium.view() << " 0 " << s.fault.up_seconds
                  << " " << s.fault.down_seconds << " " << s.text;
            break;
        case FaultTable::delay:
            table << "0 " << size << " delay " << medium.view() << " 0 " << s.fault.read_delay.value
                  << " " << medium.view() << " 0 " << s.fault.write_delay.value;
            break;
    }
    Errc e = w.load_text(s.name, table.view(), false);
    const bool was_suspended = w.mapper_->find(s.name)->is_suspended();
    if (e == Errc::ok && !was_suspended) e = w.mapper_->suspend(s.name);
    if (e == Errc::ok) e = w.mapper_->resume(s.name);
    job.outcome.code = e;
}

// ---- bg, poll, wait ---------------------------------------------------------------------------

Answer World::background(const Step& step) {
    if (find_job(step.job) != nullptr) return {cowlab::answer_of(Errc::ebusy)};
    Job& job = new_job(step, step.io_verb);
    job.body = &World::io_body;
    platform_.executor().spawn(job);
    return {cowlab::answer_of(Errc::ok)};
}

Answer World::wait_for(const Step& step) {
    Job* job = find_job(step.job);
    if (job == nullptr) return {cowlab::answer_of(Errc::enoent)};
    const Milliseconds limit = step.verb == Verb::poll ? poll_ms : step.ms.value_or(wait_ms);
    settle(platform_.run_for(limit, job->done));
    if (!job->done) return {answer_text("pending")};
    Answer answer = answer_of(*job);
    destroy_job(*job);
    return answer;
}

// ---- mergewait --------------------------------------------------------------------------------

namespace {
// `A/T M` with A != M: there is something left to merge.
bool merge_goes_on(std::string_view status) {
    for (int word = 0; word < 3; ++word) {
        const std::size_t blank = status.find(' ');
        if (blank == std::string_view::npos) return false;
        status.remove_prefix(blank + 1);
    }
    const std::size_t slash = status.find('/');
    const std::size_t blank = status.find(' ');
    if (slash == std::string_view::npos || blank == std::string_view::npos || slash > blank)
        return false;
    std::string_view metadata = status.substr(blank + 1);
    metadata = metadata.substr(0, metadata.find(' '));
    return status.substr(0, slash) != metadata;
}
}  // namespace

Answer World::mergewait(const Step& step) {
    const bool never = false;
    const Milliseconds limit = step.ms.value_or(mergewait_ms);
    for (Milliseconds waited;; waited = waited + mergewait_step_ms) {
        Answer answer = status_text(step, StatusKind::info, false);
        const std::string_view text = answer.front();
        if (text.substr(0, 6) == "= err " || !merge_goes_on(text.substr(2))) return answer;
        if (waited >= limit) return {answer.front() + " (timeout)"};
        settle(platform_.run_for(mergewait_step_ms, never));
        if (stop_cause_ == StopCause::check) return answer;
    }
}

// ---- rawread, loglist, logreplay --------------------------------------------------------------

Answer World::rawread(const Step& step) {
    BaseDisk* d = find_disk(step.name);
    if (d == nullptr) return {answer_open_failed(Errc::enoent)};
    const Sectors size = d->spec.size;
    if (!is_multiple_of(step.start, d->spec.logical_block) ||
        !is_multiple_of(step.count, d->spec.logical_block)) {
        return {cowlab::answer_of(Errc::einval)};
    }
    const Sectors count = step.start >= size ? Sectors{0} : min(step.count, size - step.start);
    const Payload data = platform_.cells().allocate_cells(count);
    for (std::uint64_t i = 0; i < count.value; ++i) {
        platform_.cells().set_content(data, i, d->medium->raw_read(step.start + Sectors{i}));
    }
    const std::string text = data_text(data, count);
    platform_.cells().free_cells(data, count);
    return {answer_text((count < step.count ? "short " : "ok ") + text)};
}

Answer World::loglist(const Step& step) {
    const MappedDevice* device = mapper_->find(step.name);
    if (device == nullptr) return {answer_open_failed(Errc::enoent)};
    const WriteLog& log = logs_.on(device->number());
    Answer answer{answer_text(fmt::format("ok entries {}", log.entries().count()))};
    std::uint64_t i = 0;
    for (const LogEntry& e : log.entries()) {
        std::string line = fmt::format("| {} sector {} n {}", i++, e.sector.value, e.length.value);
        if (e.flush) line += " FLUSH";
        if (e.fua) line += " FUA";
        if (e.discard) line += " DISCARD";
        if (e.mark) line += fmt::format(" MARK {}", std::string_view(e.word, e.word_size));
        if (e.has_data()) {
            Runs runs;
            for (std::uint64_t s = 0; s < e.length.value; ++s) {
                runs.add(platform_.cells().describe(platform_.cells().content(e.data, s)));
            }
            line += " " + runs.text();
        }
        answer.push_back(std::move(line));
    }
    return answer;
}

Answer World::logreplay(const Step& step) {
    const MappedDevice* device = mapper_->find(step.name);
    BaseDisk* target = find_disk(step.other);
    if (device == nullptr || target == nullptr) return {answer_open_failed(Errc::enoent)};
    if (judge_ != nullptr) judge_->disk_tampered(step.other);
    const WriteLog& log = logs_.on(device->number());
    std::uint64_t last_flush = 0;
    std::uint64_t i = 0;
    for (const LogEntry& e : log.entries()) {
        if (i >= step.entries) break;
        if (e.flush) last_flush = i;
        ++i;
    }
    std::uint64_t x = 2 * step.seed + 1;
    i = 0;
    for (const LogEntry& e : log.entries()) {
        if (i >= step.entries) break;
        const std::uint64_t at = i++;
        if (!e.has_data()) continue;
        if (step.lossy && at > last_flush && !e.fua) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            if (x & 1) continue;
        }
        if (e.sector + e.length > target->spec.size) continue;
        for (std::uint64_t s = 0; s < e.length.value; ++s) {
            target->medium->raw_write(e.sector + Sectors{s}, platform_.cells().content(e.data, s));
        }
    }
    return {answer_text(fmt::format("ok entries {}", log.entries().count()))};
}

// ---- Lanes ------------------------------------------------------------------------------------

Answer World::lane(const Step& step) {
    Lane* lane = nullptr;
    for (Lane& l : lanes_) {
        if (same_name(l.name, step.job)) lane = &l;
    }
    if (lane == nullptr) {
        void* p = platform_.arena().allocate(sizeof(Lane));
        CHECK(p != nullptr, "a world's arena has room for a lane");
        lane = new (p) Lane();
        lane->world = this;
        lane->name = keep_text(step.job);
        lane->run = &World::lane_body;
        lanes_.push_back(*lane);
    }
    Job& job = new_job(step, step.io_verb);
    job.body = &World::io_body;
    static_cast<ListNode<Job>&>(job).unlink();
    lane->queue.push_back(job);
    if (!lane->running) {
        lane->running = true;
        platform_.executor().spawn(*lane);
    }
    return {cowlab::answer_of(Errc::ok)};
}

void World::lane_body(Task& task) {
    Lane& lane = static_cast<Lane&>(task);
    while (!lane.queue.empty()) {
        Job& job = lane.queue.front();
        job.body(job);
        job.done = true;
        lane.world->destroy_job(job);
    }
    lane.running = false;
}

Answer World::join(const Step& step) {
    for (Lane& l : lanes_) {
        if (!step.job.empty() && l.name != step.job) continue;
        while (l.running) {
            // A lane ends in a turn of its own; what is waited for is the queue of lanes as a
            // whole.
            const Platform::Ran ran = settle(platform_.run_turns(1));
            if (ran == Platform::Ran::stuck) return stuck_answer();
            if (ran == Platform::Ran::stopped) return {answer_text("lost")};
        }
    }
    return {cowlab::answer_of(Errc::ok)};
}

// ---- inject, power-loss, reload ---------------------------------------------------------------

Answer World::inject(const Step& step) {
    const InjectSpec& i = step.inject;
    if (i.form == InjectSpec::Form::memory) {
        platform_.add_memory_fault(i.use, i.times, i.nth);
        return {cowlab::answer_of(Errc::ok)};
    }
    BaseDisk* d = find_disk(step.name);
    if (d == nullptr) return {cowlab::answer_of(Errc::enxio)};
    if (i.form == InjectSpec::Form::heal) {
        d->medium->heal();
        return {cowlab::answer_of(Errc::ok)};
    }
    d->medium->add_inject(
        {i.request_class, i.anywhere, step.start, step.count, i.kind, i.ms, i.times, i.nth});
    return {cowlab::answer_of(Errc::ok)};
}

Answer World::power_loss(const Step& step) {
    if (step.loss.at_once) {
        execute_power_loss(step.loss);
        return {cowlab::answer_of(Errc::ok)};
    }
    if (find_disk(step.name) == nullptr) return {cowlab::answer_of(Errc::enxio)};
    pending_loss_ = {true, &step.loss, actor_id_of(step.name), 0, false};
    return {cowlab::answer_of(Errc::ok)};
}

void World::watch_for_loss(std::uint32_t actor, const Bio& bio, Moment moment) {
    PendingLoss& p = pending_loss_;
    if (!p.armed || actor != p.actor || moment != p.spec->moment) return;
    if (!matches(p.spec->request_class, bio) || ++p.seen < p.spec->nth) return;
    p.armed = false;
    p.due = true;
    platform_.count_power_loss(bio.purpose);
    stop_cause_ = StopCause::power_loss;
    platform_.request_stop();
}

// After every time the platform ran: if the power went, it goes now, between two turns.
Platform::Ran World::settle(Platform::Ran ran) {
    if (ran == Platform::Ran::stopped && stop_cause_ == StopCause::power_loss) {
        execute_power_loss(*pending_loss_.spec);
    }
    return ran;
}

void World::execute_power_loss(const PowerLossSpec& spec) {
    stop_cause_ = StopCause::none;
    pending_loss_ = {};
    is_down_ = true;
    user_requests_ = 0;
    ++power_losses_;
    if (is_reloading_) ++losses_in_recovery_;
    is_reloading_ = false;
    if (judge_ != nullptr) judge_->power_lost();
    PowerLossCount all;
    for (BaseDisk& d : disks_) {
        const PowerLossCount c = d.medium->lose_power(spec.survival);
        all.sectors_undecided += c.sectors_undecided;
        all.sectors_newer += c.sectors_newer;
    }
    recorder_.add({.time_us = platform_.now_us(),
                   .a = all.sectors_undecided,
                   .b = all.sectors_newer,
                   .kind = static_cast<std::uint16_t>(RecordType::power_lost)});
    platform_.abandon_work();
    for (Job& job : jobs_) {
        job.done = true;
        job.outcome.kind = Outcome::Kind::lost;
    }
    for (Lane& l : lanes_) {
        while (!l.queue.empty()) l.queue.pop_front();
        l.running = false;
    }
    // The engine is not destroyed but left behind, as a machine's memory is. What it held in the
    // arena is gone for good; a world that loses power often is made anew before that matters.
    for (BaseDisk& d : disks_) static_cast<ListNode<BlockDevice>&>(*d.medium).unlink();
    build_engine();
    for (BaseDisk& d : disks_) mapper_->add_base_device(*d.medium);
    Step step;
    step.verb = Verb::disk;
    platform_.hold_back_faults(true);
    for (BaseDisk& d : disks_) {
        if (d.spec.size.value == 0) continue;
        step.name = std::string(d.name_view());
        run_job(step, &World::device_verb_body);
    }
    platform_.hold_back_faults(false);
}

// The devices as they were: last live tables, in the order the devices were created, except that a
// device comes after those its table stands on; and a merge begins as soon as it is resumed, and
// would overwrite the origin under snapshots that are not there yet, so those come last (the user's
// contract, spec §4).
std::vector<Step> World::lines_of_reload() {
    std::vector<Step> lines;
    std::vector<const LastTable*> left;
    for (const bool merges : {false, true}) {
        for (const LastTable& t : tables_) {
            const bool is_merge = t.live.find(" snapshot-merge ") != std::string_view::npos;
            if (t.live.empty() || is_merge != merges || mapper_->find(t.name) != nullptr) continue;
            left.push_back(&t);
        }
    }
    const auto is_left = [&](std::string_view name) {
        return std::any_of(left.begin(), left.end(),
                           [&](const LastTable* t) { return t->name == name; });
    };
    while (!left.empty()) {
        // If each waits for another (tables of two lives), the first goes first.
        auto next = std::find_if(left.begin(), left.end(), [&](const LastTable* t) {
            return !any_device_in(t->live, is_left);
        });
        if (next == left.end()) next = left.begin();
        Step& step = lines.emplace_back();
        step.verb = (*next)->live_read_only ? Verb::create_ro : Verb::create;
        step.name = std::string((*next)->name);
        step.text = std::string((*next)->live);
        left.erase(next);
    }
    return lines;
}

std::uint64_t World::tables_digest() const {
    Digest d;
    for (const LastTable& t : tables_) {
        if (t.live.empty()) continue;
        d.add_bytes(t.name.data(), t.name.size());
        d.add_bytes(t.live.data(), t.live.size());
        d.add(std::uint64_t{t.live_read_only});
    }
    return d.value();
}

Answer World::reload(const Step&) {
    // An armed loss whose moment never came happens now: the file goes on as it says. One that was
    // armed while the machine was down is meant for what follows: the recovery.
    if (pending_loss_.armed && !is_down_) execute_power_loss(*pending_loss_.spec);
    is_down_ = false;
    is_reloading_ = true;
    Answer answer{cowlab::answer_of(Errc::ok)};
    for (const Step& line : lines_of_reload()) {
        if (mapper_->find(line.name) != nullptr) continue;
        answer = run_job(line, &World::device_verb_body);
        if (answer.front() != "= ok") break;
    }
    is_reloading_ = false;
    return answer;
}

}  // namespace cowlab
