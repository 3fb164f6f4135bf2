#include "world/world.h"

#include <new>

#include "base/names.h"

namespace cowlab {
namespace {

template <class T, class... Args>
T* place(Arena& arena, Args&&... args) {
    void* p = arena.allocate(sizeof(T));
    CHECK(p != nullptr, "a world's arena has room for its engine");
    return new (p) T(std::forward<Args>(args)...);
}

}  // namespace

World::World(Platform& platform, const WorldOptions& options)
    : platform_(platform),
      options_(options),
      recorder_(platform.arena(), options.recorder_capacity),
      events_(platform.arena(), recorder_, platform.executor()),
      logs_(platform.arena(), platform.cells()) {
    build_engine();
}

void World::build_engine() {
    Arena& arena = platform_.arena();
    const EnginePorts ports{platform_.executor(), platform_.memory(), platform_.cells(), events_};
    engine_ = place<Engine>(arena, ports, options_.policy, options_.limits);
    mapper_ = place<DeviceMapper>(arena, *engine_);
    engine_types_ = place<EngineTargetTypes>(arena);
    lab_types_ = place<LabTargetTypes>(arena);
    engine_types_->add_to(*mapper_);
    lab_types_->add_to(*mapper_, logs_);
}

// ---- One step ---------------------------------------------------------------------------------

Answer World::run(const Step& step) {
    events_.forget_log_lines();
    recorder_.add({.time_us = platform_.now_us(),
                   .a = steps_run_,
                   .kind = static_cast<std::uint16_t>(RecordType::verb_begins)});
    Answer answer = answer_to(step);
    if (!stuck_ && stop_cause_ != StopCause::check) {
        // Lanes go on by themselves; everything else is quiet before the next line.
        if (step.verb != Verb::lane && step.verb != Verb::power_loss)
            settle(platform_.run_until_quiet());
    }
    std::uint64_t digest = 0;
    for (const std::string& line : answer) digest = hash64(line.data(), line.size(), digest);
    recorder_.add({.time_us = platform_.now_us(),
                   .a = steps_run_,
                   .b = digest,
                   .kind = static_cast<std::uint16_t>(RecordType::verb_ends)});
    ++steps_run_;
    return answer;
}

Answer World::answer_to(const Step& step) {
    if (step.malformed) return {cowlab::answer_of(Errc::einval)};
    switch (step.verb) {
        case Verb::nosave: return {};
        case Verb::disk: return disk(step);
        case Verb::create:
        case Verb::create_ro:
        case Verb::new_:
        case Verb::load:
        case Verb::suspend:
        case Verb::resume:
        case Verb::clear:
        case Verb::remove:
        case Verb::rename:
        case Verb::message: return device_verb(step);
        case Verb::inactive: return status_text(step, StatusKind::table, true);
        case Verb::status: return status_text(step, StatusKind::info, false);
        case Verb::table: return status_text(step, StatusKind::table, false);
        case Verb::info: return info(step);
        case Verb::write:
        case Verb::read:
        case Verb::flush:
        case Verb::discard:
        case Verb::zeroout:
        case Verb::limits:
        case Verb::hex:
        case Verb::writebytes: return run_job(step, &World::io_body);
        case Verb::rawread: return rawread(step);
        case Verb::fault: return fault(step);
        case Verb::bg: return background(step);
        case Verb::poll:
        case Verb::wait: return wait_for(step);
        case Verb::mergewait: return mergewait(step);
        case Verb::loglist: return loglist(step);
        case Verb::logreplay: return logreplay(step);
        case Verb::sleep: {
            const bool never = false;
            settle(platform_.run_for(*step.ms, never));
            return {cowlab::answer_of(Errc::ok)};
        }
        case Verb::say:
        case Verb::save: return {cowlab::answer_of(Errc::ok)};
        case Verb::lane: return lane(step);
        case Verb::join: return join(step);
        case Verb::inject: return inject(step);
        case Verb::power_loss: return power_loss(step);
        case Verb::reload: return reload(step);
        case Verb::pin:
            platform_.add_pin(step.pin, actor_id_of(step.name));
            return {cowlab::answer_of(Errc::ok)};
        case Verb::check: return {cowlab::answer_of(Errc::ok)};
        case Verb::unknown:
        case Verb::sys:
        case Verb::crash: break;
    }
    return {cowlab::answer_of(Errc::enosys)};
}

// A verb that waits runs on a fiber; the line is answered when it has ended.
Answer World::run_job(const Step& step, void (*body)(Job&)) {
    Job& job = new_job(step, step.verb);
    job.body = body;
    platform_.executor().spawn(job);
    const Platform::Ran ran = settle(platform_.run_until(job.done));
    if (stop_cause_ == StopCause::check) return {answer_text("lost")};
    if (ran == Platform::Ran::stuck) return stuck_answer();
    Answer answer = answer_of(job);
    destroy_job(job);
    return answer;
}

Answer World::stuck_answer() {
    stuck_ = true;
    return {answer_text("hangs")};
}

void World::job_entry(Task& task) {
    Job& job = static_cast<Job&>(task);
    job.body(job);
    job.done = true;
}

World::Job& World::new_job(const Step& step, Verb verb) {
    Job& job = *place<Job>(platform_.arena());
    job.world = this;
    job.step = &step;
    job.verb = verb;
    job.run = &World::job_entry;
    jobs_.push_back(job);
    return job;
}

void World::destroy_job(Job& job) {
    free_buffer(job);
    static_cast<ListNode<Job>&>(job).unlink();
    platform_.arena().free(&job, sizeof(Job));
}

World::Job* World::find_job(std::string_view id) {
    for (Job& job : jobs_) {
        if (job.step->verb == Verb::bg && job.step->job == id) return &job;
    }
    return nullptr;
}

bool World::has_unfinished_work() const {
    for (const Job& job : jobs_) {
        if (!job.done) return true;
    }
    return false;
}

BaseDisk* World::find_disk(std::string_view name) {
    for (BaseDisk& d : disks_) {
        if (same_name(d.name_view(), name)) return &d;
    }
    return nullptr;
}

std::string_view World::keep_text(std::string_view text) {
    auto* p = static_cast<char*>(platform_.arena().allocate(text.size() + 1));
    CHECK(p != nullptr, "a world's arena has room for its texts");
    for (std::size_t i = 0; i < text.size(); ++i) p[i] = text[i];
    return {p, text.size()};
}

// ---- Observing the disks ----------------------------------------------------------------------

void World::request_issued(std::uint32_t actor, const Bio& bio) {
    ++issued_[static_cast<int>(bio.purpose)];
    recorder_.add({.time_us = platform_.now_us(),
                   .a = bio.start.value,
                   .b = bio.length.value,
                   .c = (bio.preflush ? 1u : 0u) | (bio.fua ? 2u : 0u),
                   .actor = actor,
                   .kind = static_cast<std::uint16_t>(RecordType::request_issued),
                   .detail = static_cast<std::uint16_t>(static_cast<unsigned>(bio.purpose) << 2 |
                                                        static_cast<unsigned>(bio.op))});
    if (judge_ != nullptr) judge_->request_issued(actor, bio);
    if (onlooker_ != nullptr) onlooker_->request_issued(actor, bio);
    watch_for_loss(actor, bio, Moment::issued);
}

void World::request_done(std::uint32_t actor, const Bio& bio) {
    ++requests_done_;
    if (bio.status != Errc::ok) {
        ++errors_[static_cast<int>(bio.purpose)];
        ++errors_total_;
    }
    recorder_.add({.time_us = platform_.now_us(),
                   .a = bio.start.value,
                   .b = bio.length.value,
                   .c = static_cast<std::uint64_t>(bio.status),
                   .actor = actor,
                   .kind = static_cast<std::uint16_t>(RecordType::request_done),
                   .detail = static_cast<std::uint16_t>(static_cast<unsigned>(bio.purpose) << 2 |
                                                        static_cast<unsigned>(bio.op))});
    if (judge_ != nullptr) judge_->request_done(actor, bio);
    if (onlooker_ != nullptr) onlooker_->request_done(actor, bio);
    watch_for_loss(actor, bio, Moment::done);
}

std::uint64_t World::digest() {
    Digest d;
    d.add(recorder_.digest());
    for (BaseDisk& disk : disks_) d.add(disk.medium->content_digest());
    d.add(platform_.now_us());
    return d.value();
}

// ---- The end of a case ------------------------------------------------------------------------

bool World::finish() {
    if (stuck_ || stop_cause_ == StopCause::check) return false;
    Step step;
    for (BaseDisk& d : disks_) {
        MappedDevice* device = mapper_->find(d.name_view());
        if (device == nullptr || !device->is_suspended() || device->live() == nullptr) continue;
        step.verb = Verb::resume;
        step.name = std::string(d.name_view());
        device_verb(step);
    }
    for (Job& job : jobs_) {
        if (settle(platform_.run_until(job.done)) == Platform::Ran::stuck) {
            stuck_ = true;
            return false;
        }
    }
    // A lane may rest behind a delay, or in a device its user left suspended: then it stays.
    for (Lane& lane : lanes_) {
        while (lane.running && settle(platform_.run_turns(1)) == Platform::Ran::done) {
        }
    }
    for (;;) {
        MappedDevice* newest = nullptr;
        for (MappedDevice& d : mapper_->devices()) {
            if (find_disk(d.name()) == nullptr && mapper_->open_count(d) == 0) newest = &d;
        }
        if (newest == nullptr) break;
        step.verb = Verb::remove;
        step.name = std::string(newest->name());
        device_verb(step);
        if (stuck_ || stop_cause_ == StopCause::check) return false;
    }
    settle(platform_.run_until_quiet());
    return stop_cause_ != StopCause::check;
}

// ---- Events -----------------------------------------------------------------------------------

void WorldEvents::event(const Event& e) {
    if (e.kind == EventKind::deviation && e.a < 32) deviations_ |= 1u << e.a;
    if (judge_ != nullptr) judge_->engine_event(e);
    recorder_.add(
        {.time_us = executor_.now().value * 1000,
         .a = e.a,
         .b = e.b,
         .c = e.c,
         .actor = e.device.minor,
         .kind = static_cast<std::uint16_t>(static_cast<unsigned>(RecordType::engine_event) +
                                            static_cast<unsigned>(e.kind))});
}

void WorldEvents::log(std::string_view line) {
    void* p = arena_.allocate(sizeof(LogLine) + line.size());
    CHECK(p != nullptr, "a world's arena has room for its log");
    auto* entry = new (p) LogLine();
    char* text = reinterpret_cast<char*>(entry + 1);
    for (std::size_t i = 0; i < line.size(); ++i) text[i] = line[i];
    entry->text = {text, line.size()};
    lines_.push_back(*entry);
}

void WorldEvents::forget_log_lines() {
    while (!lines_.empty()) {
        LogLine& l = lines_.pop_front();
        arena_.free(&l, sizeof(LogLine) + l.text.size());
    }
}

}  // namespace cowlab
