#include "engine/mapped_device.h"

#include <cstring>

namespace cowlab {

MappedDevice::MappedDevice(Engine& engine, std::string_view device_name, DeviceNumber number)
    : engine_(engine), number_(number) {
    rename(device_name);
    mapping_task_.device = this;
    mapping_task_.run = &MappedDevice::map_parked;
    release_task_.device = this;
    release_task_.run = &MappedDevice::release_later;
}

void MappedDevice::rename(std::string_view device_name) {
    CHECK(device_name.size() <= name_max, "a device name fits (checked at the door)");
    std::memcpy(name_, device_name.data(), device_name.size());
    name_size_ = device_name.size();
    name_[name_size_] = 0;
}

// ---- Requests ---------------------------------------------------------------------------------

void MappedDevice::submit(Bio& bio) {
    CHECK(bio.done != nullptr, "a bio submitted has somewhere to go when it ends");
    bio.status = Errc::ok;
    if (!limits_.write_cache) {
        // Nothing below has a cache: ordering needs no flush (spec §2.9).
        bio.preflush = bio.fua = false;
        if (bio.op == Op::flush) {
            engine_.complete_later(bio, Errc::ok);
            return;
        }
    }
    // Not cut into pieces first: where one target cannot discard, none does (spec §18.9).
    if (bio.op == Op::discard && !limits_.discard) {
        engine_.complete_later(bio, Errc::eopnotsupp);
        return;
    }
    if (holds_requests()) {
        held_.push_back(bio);
        return;
    }
    start(bio);
}

void MappedDevice::start(Bio& bio) {
    const bool fits = bio.end() <= capacity_ && bio.end() >= bio.start;
    if (live_ == nullptr || (bio.op != Op::flush && !fits)) {
        engine_.complete_later(bio, Errc::eio);
        return;
    }
    ++in_flight_;
    auto* request = engine_.memory.create_reserved<Request>(MemoryUse::request);
    request->bio = &bio;
    request->device = this;
    request->next = bio.start;
    const bool flushes = bio.op == Op::flush || bio.preflush;
    request->phase = flushes ? Request::Phase::preflush : Request::Phase::data;
    request->flush_target =
        flushes && !live_->targets().empty() ? &live_->targets().front() : nullptr;
    advance(*request, MapMay::not_wait);
}

// Maps as much of the request as can be mapped now; parks it when a target has to wait.
void MappedDevice::advance(Request& request, MapMay may) {
    const bool mapped = request.phase == Request::Phase::preflush ? advance_flush(request, may)
                                                                  : advance_data(request, may);
    // This may be inside submit(), or on a fiber: the bio may not end here and now.
    if (mapped) piece_ended(request, Errc::ok, Ended::while_mapping);
}

// An empty bio with the flush flag for every target, as often as it asks for (spec §2.3).
bool MappedDevice::advance_flush(Request& request, MapMay may) {
    while (request.flush_target != nullptr) {
        Target& target = *request.flush_target;
        if (request.next_copy < target.flush_copies()) {
            TargetBio* piece = request.waiting;
            request.waiting = nullptr;
            if (piece == nullptr) {
                piece = &new_piece(request, target);
                piece->op = Op::flush;
                piece->purpose = request.bio->purpose == Purpose::forwarded ? Purpose::flush
                                                                            : request.bio->purpose;
                piece->copy_number = request.next_copy;
                piece->fua = request.bio->fua;
                piece->start = request.bio->start;
                piece->length = {0};
            }
            if (!map_piece(request, *piece, may)) return false;
            ++request.next_copy;
        } else {
            request.next_copy = 0;
            Target* next = nullptr;
            for (auto it = live_->targets().begin(); it != live_->targets().end(); ++it) {
                if (&*it == &target) {
                    if (++it != live_->targets().end()) next = &*it;
                    break;
                }
            }
            request.flush_target = next;
        }
    }
    return true;
}

bool MappedDevice::advance_data(Request& request, MapMay may) {
    const Bio& bio = *request.bio;
    while (request.next < bio.end()) {
        Target* target = live_->find(request.next);
        CHECK(target != nullptr, "a table covers its device without gaps");
        const std::uint8_t copies =
            bio.op == Op::discard ? target->discard_copies() : std::uint8_t{1};
        TargetBio* piece = request.waiting;
        request.waiting = nullptr;
        if (piece == nullptr) {
            Sectors length = min(bio.end(), target->end()) - request.next;
            CHECK(copies > 0, "a device that offers discard has no target that cannot");
            if (const Sectors most = target->max_io_length();
                most.value != 0 && bio.op != Op::discard) {
                const std::uint64_t offset = (request.next - target->begin()).value % most.value;
                length = min(length, most - Sectors{offset});
            }
            if (const Sectors most = target->discard_length_max();
                most.value != 0 && bio.op == Op::discard) {
                // Counted from the request's own first sector in Linux (L15), at chunk boundaries
                // where the deviation is on (D13).
                const Sectors from = engine_.policy.d13_discard_at_chunks ? Sectors{0} : bio.start;
                const std::uint64_t offset = (request.next - from).value % most.value;
                if (engine_.policy.d13_discard_at_chunks && (bio.start.value % most.value) != 0) {
                    engine_.deviate(number_, 13);
                }
                length = min(length, most - Sectors{offset});
            }
            piece = &new_piece(request, *target);
            piece->op = bio.op;
            piece->purpose = bio.purpose;
            piece->fua = bio.fua;
            piece->copy_number = request.next_copy;
            piece->start = request.next;
            piece->length = length;
            piece->payload = bio.payload.from(request.next - bio.start);
        }
        const Sectors wanted = piece->length;
        const Sectors before = request.next;
        request.next += wanted;  // first: a piece may end before map_piece() returns to us
        if (!map_piece(request, *piece, may)) {
            request.next = before;
            return false;
        }
        if (++request.next_copy < copies) {
            request.next = before;
        } else {
            request.next_copy = 0;
        }
    }
    return true;
}

bool MappedDevice::map_piece(Request& request, TargetBio& piece, MapMay may) {
    const MapResult result = piece.target->map(piece, may);
    if (result == MapResult::must_wait) {
        CHECK(may == MapMay::not_wait, "a target that may wait does not ask for it");
        request.waiting = &piece;
        park(request);
        return false;
    }
    if (result == MapResult::submitted) return true;  // the piece may be gone by now
    if (result == MapResult::failed) {
        engine_.later.complete(piece);
    } else {
        piece.destination->submit(piece);
    }
    return true;
}

TargetBio& MappedDevice::new_piece(Request& request, Target& target) {
    TargetBio* piece = &request.first;
    if (request.first_in_use) {
        piece = engine_.memory.create_reserved<TargetBio>(MemoryUse::request);
    }
    request.first_in_use = true;
    piece->request = &request;
    piece->target = &target;
    piece->done = &MappedDevice::piece_done;
    piece->status = Errc::ok;
    piece->preflush = piece->fua = false;
    piece->payload = {};
    piece->copy_number = 0;
    piece->destination = nullptr;
    ++request.pieces;
    return *piece;
}

void MappedDevice::free_piece(Request& request, TargetBio& piece) {
    if (&piece == &request.first) {
        request.first_in_use = false;
    } else {
        engine_.memory.destroy(&piece, MemoryUse::request);
    }
}

void MappedDevice::accept_prefix(TargetBio& bio, Sectors length) {
    if (length >= bio.length) return;
    CHECK(length.value > 0, "a target accepts at least one sector");
    bio.request->next -= bio.length - length;
    bio.length = length;
}

void MappedDevice::piece_done(Bio& bio) {
    auto& piece = static_cast<TargetBio&>(bio);
    Request& request = *piece.request;
    MappedDevice& device = *request.device;
    piece.target->end_io(piece);  // may turn success into an error
    const Errc status = piece.status;
    device.free_piece(request, piece);
    device.piece_ended(request, status, Ended::in_main_context);
}

void MappedDevice::piece_ended(Request& request, Errc status, Ended where) {
    if (status != Errc::ok && request.status == Errc::ok) request.status = status;
    CHECK(request.pieces > 0, "INV-20: a bio completes exactly once");
    if (--request.pieces > 0) return;
    if (request.phase == Request::Phase::preflush && request.bio->op != Op::flush &&
        request.status == Errc::ok) {
        // The cache is flushed; now the data that asked for it.
        request.phase = Request::Phase::data;
        request.pieces = 1;
        advance(request, MapMay::not_wait);
        return;
    }
    finish(request, where);
}

void MappedDevice::finish(Request& request, Ended where) {
    Bio& bio = *request.bio;
    bio.status = request.status;
    engine_.memory.destroy(&request, MemoryUse::request);
    CHECK(in_flight_ > 0, "INV-20: requests in flight are counted");
    if (--in_flight_ == 0) drained_.wake_all(engine_.executor);
    if (where == Ended::in_main_context) {
        bio.done(bio);
    } else {
        engine_.later.complete(bio);
    }
}

void MappedDevice::park(Request& request) {
    parked_.push_back(request);
    if (mapping_fibers_ < engine_.limits.mapping_fibers_max && !mapping_task_.is_linked()) {
        ++mapping_fibers_;
        engine_.executor.spawn(mapping_task_);
    }
}

void MappedDevice::map_parked(Task& task) {
    MappedDevice& device = *static_cast<MappingTask&>(task).device;
    while (!device.parked_.empty()) {
        Request& request = device.parked_.pop_front();
        // Others that wait must not wait behind this one's waiting.
        if (!device.parked_.empty() && !device.mapping_task_.is_linked() &&
            device.mapping_fibers_ < device.engine_.limits.mapping_fibers_max) {
            ++device.mapping_fibers_;
            device.engine_.executor.spawn(device.mapping_task_);
        }
        device.advance(request, MapMay::wait);
    }
    if (--device.mapping_fibers_ == 0) device.drained_.wake_all(device.engine_.executor);
}

// ---- Suspend and resume -----------------------------------------------------------------------

void MappedDevice::stop_and_drain() {
    // Mapping fibers count as work in flight: they end after their last request has.
    while (in_flight_ > 0 || mapping_fibers_ > 0) drained_.wait(engine_.executor);
}

void MappedDevice::release_later(Task& task) {
    MappedDevice& device = *static_cast<MappingTask&>(task).device;
    if (!device.holds_requests()) device.release_held();
}

void MappedDevice::release_held() {
    List<Bio> held;
    held.splice_back(held_);
    while (!held.empty()) submit(held.pop_front());
}

Errc MappedDevice::suspend() {
    FiberLockGuard guard(verb_mutex_, engine_.executor);
    suspend_locked();
    return Errc::ok;
}

void MappedDevice::suspend_locked() {
    if (suspended_) return;
    if (live_ != nullptr) {
        for (Target& t : live_->targets()) t.presuspend();
    }
    blocked_ = true;
    stop_and_drain();
    if (live_ != nullptr) {
        for (Target& t : live_->targets()) t.postsuspend();
    }
    suspended_ = true;
    engine_.events.event({EventKind::device_suspended, number_});
}

Errc MappedDevice::resume() {
    FiberLockGuard guard(verb_mutex_, engine_.executor);
    Table* before = nullptr;
    if (inactive_ != nullptr) {
        suspend_locked();  // spec §2.1: a running device is suspended, then the tables are swapped
        Table* table = inactive_;
        inactive_ = nullptr;
        if (const Errc e = table->check_fit(); e != Errc::ok) {
            // The earlier table stays, suspended: one more resume lets it go on.
            table->destroy();
            return e;
        }
        before = live_;
        bind(table);
    }
    Errc result = Errc::ok;
    if (suspended_) {
        if (live_ == nullptr) {
            result = Errc::einval;
        } else {
            result = resume_targets();
            if (result == Errc::ok) {
                suspended_ = blocked_ = false;
                engine_.events.event({EventKind::device_resumed, number_});
                if (!internal_) release_held();
            }
        }
    }
    if (before != nullptr) before->destroy();
    return result;
}

Errc MappedDevice::resume_targets() {
    for (Target& t : live_->targets()) {
        if (const Errc e = t.preresume(); e != Errc::ok) {
            Text<256> line;
            line << "device-mapper: table: " << name() << ": " << t.type_name()
                 << ": preresume failed, error = -" << name_of(e);
            engine_.events.log(line.view());
            return e;
        }
    }
    for (Target& t : live_->targets()) t.resume();
    return Errc::ok;
}

void MappedDevice::bind(Table* table) {
    live_ = table;
    capacity_ = table->size();
    limits_ = table->compute_limits();
}

void MappedDevice::internal_suspend() {
    verb_mutex_.lock(engine_.executor);
    internal_was_suspended_ = suspended_;
    if (suspended_) return;
    internal_ = true;
    stop_and_drain();
}

void MappedDevice::internal_resume() {
    if (!internal_was_suspended_) {
        internal_ = false;
        // On a later turn, as a kernel's work queue does: whoever resumes us has things to finish.
        if (!held_.empty() && !release_task_.is_linked()) engine_.executor.post(release_task_);
    }
    verb_mutex_.unlock(engine_.executor);
}

void MappedDevice::set_inactive(Table* table) {
    Table* before = inactive_;
    inactive_ = table;
    had_table_ = had_table_ || table != nullptr;
    if (before != nullptr) before->destroy();
}

void MappedDevice::clear() {
    FiberLockGuard guard(verb_mutex_, engine_.executor);
    set_inactive(nullptr);
}

void MappedDevice::prepare_removal() {
    while (pins_ > 0) unpinned_.wait(engine_.executor);
    FiberLockGuard guard(verb_mutex_, engine_.executor);
    suspend_locked();
    // What a suspended device still held has nowhere to go any more.
    while (!held_.empty()) engine_.complete_later(held_.pop_front(), Errc::eio);
    if (live_ != nullptr) live_->destroy();
    if (inactive_ != nullptr) inactive_->destroy();
    live_ = inactive_ = nullptr;
    capacity_ = {0};
}

void MappedDevice::unpin() {
    if (--pins_ == 0) unpinned_.wake_all(engine_.executor);
}

void MappedDevice::raise_event() {
    ++event_number_;
    engine_.events.event({EventKind::table_event, number_, event_number_});
    event_waiters_.wake_all(engine_.executor);
}

void MappedDevice::wait_for_event(std::uint64_t seen) {
    while (event_number_ == seen) event_waiters_.wait(engine_.executor);
}

}  // namespace cowlab
