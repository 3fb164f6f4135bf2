#include "engine/copier.h"

#include "engine/sync_io.h"

namespace cowlab {

Copier::Copier(Engine& engine) : engine_(engine), throttle_(engine) {
    worker_task_.copier = callback_task_.copier = this;
    worker_task_.run = &Copier::run_worker;
    callback_task_.run = &Copier::run_callbacks;
}

Copier::~Copier() { CHECK(jobs_ == 0, "INV-5: a copier is destroyed only when its jobs are done"); }

void Copier::copy(CopyJob& job) {
    CHECK(job.done != nullptr, "a copy tells somebody when it ends");
    ++jobs_;
    job.read_error = job.write_error = false;
    job.next_piece = {0};
    job.pieces_in_flight = 0;
    if (job.length.value == 0) {
        completed(job);
        return;
    }
    if (job.length.value > engine_.limits.copy_piece_sectors) engine_.mark(Mark::copy_split);
    waiting_.push_back(job);
    start_worker();
}

// One spawn at a time; a worker that starts work spawns the next while there is more to do.
void Copier::start_worker() {
    if (worker_task_.is_linked() || !work_left() || workers_ >= engine_.limits.copy_workers_max)
        return;
    ++workers_;
    engine_.executor.spawn(worker_task_);
}

void Copier::run_worker(Task& task) {
    Copier& self = *static_cast<OwnedTask&>(task).copier;
    while (self.work_left()) {
        CopyJob& job = self.waiting_.front();
        const Sectors offset = job.next_piece;
        const Sectors length =
            min(Sectors{self.engine_.limits.copy_piece_sectors}, job.length - offset);
        job.next_piece += length;
        ++job.pieces_in_flight;
        if (job.next_piece == job.length) self.waiting_.pop_front();
        self.start_worker();
        self.copy_piece(job, offset, length);
        --job.pieces_in_flight;
        if (job.failed() && job.is_linked() && job.next_piece < job.length) {
            job.next_piece = job.length;  // nothing more of this job is started
            job.unlink();
        }
        if (job.pieces_in_flight == 0 && job.next_piece == job.length) self.completed(job);
    }
    --self.workers_;
    if (self.jobs_ == 0 && self.workers_ == 0) self.drained_.wake_all(self.engine_.executor);
}

void Copier::copy_piece(CopyJob& job, Sectors offset, Sectors length) {
    Payload buffer = Payload::zeros();
    if (job.source != nullptr) {
        acquire_buffer(length);
        for (;;) {
            buffer = engine_.cells.allocate_cells(length);
            if (buffer.kind() != Payload::Kind::none) break;
            engine_.executor.sleep({1});  // out of buffers is not an error (spec §11)
        }
        throttle_.begin();
        const Errc e = sync_io(engine_, *job.source,
                               {.op = Op::read,
                                .purpose = Purpose::copy_read,
                                .start = job.source_start + offset,
                                .length = length,
                                .payload = buffer});
        throttle_.ended();
        if (e != Errc::ok) job.read_error = true;
    }
    if (!job.failed()) {
        throttle_.begin();
        const Errc e = sync_io(engine_, *job.destination,
                               {.op = Op::write,
                                .purpose = job.write_purpose,
                                .start = job.destination_start + offset,
                                .length = length,
                                .payload = buffer});
        throttle_.ended();
        if (e != Errc::ok) job.write_error = true;
    }
    if (job.source != nullptr) {
        engine_.cells.free_cells(buffer, length);
        release_buffer(length);
    }
}

void Copier::acquire_buffer(Sectors length) {
    // The first always gets one, however small the bound: somebody must make progress.
    while (buffer_sectors_ > 0 &&
           buffer_sectors_ + length.value > engine_.limits.copy_buffer_sectors_max) {
        buffer_free_.wait(engine_.executor);
    }
    buffer_sectors_ += length.value;
}

void Copier::release_buffer(Sectors length) {
    buffer_sectors_ -= length.value;
    buffer_free_.wake_all(engine_.executor);
}

void Copier::completed(CopyJob& job) {
    finished_.push_back(job);
    if (!callbacks_running_) {
        callbacks_running_ = true;
        engine_.executor.spawn(callback_task_);
    }
}

void Copier::run_callbacks(Task& task) {
    Copier& self = *static_cast<OwnedTask&>(task).copier;
    while (!self.finished_.empty()) {
        CopyJob& job = self.finished_.pop_front();
        job.done(job);
        --self.jobs_;
    }
    self.callbacks_running_ = false;
    if (self.jobs_ == 0 && self.workers_ == 0) self.drained_.wake_all(self.engine_.executor);
}

void Copier::drain() {
    while (jobs_ > 0 || workers_ > 0 || callbacks_running_) drained_.wait(engine_.executor);
}

}  // namespace cowlab
