#include "engine/sync_io.h"

namespace cowlab {
namespace {

constexpr Sectors piece_max{2048};
constexpr unsigned pieces_in_flight_max = 4;

struct Progress {
    Executor* executor;
    Waiter* sleeper = nullptr;
    Errc status = Errc::ok;
};

struct Piece : Bio {
    bool busy = false;
};

void piece_done(Bio& bio) {
    auto& piece = static_cast<Piece&>(bio);
    auto& progress = *static_cast<Progress*>(piece.owner);
    piece.busy = false;
    if (piece.status != Errc::ok) progress.status = Errc::eio;
    if (progress.sleeper != nullptr) {
        Waiter& w = *progress.sleeper;
        progress.sleeper = nullptr;
        progress.executor->wake(w);
    }
}

void wait_for_a_piece(Progress& progress) {
    Waiter waiter;
    progress.sleeper = &waiter;
    progress.executor->wait(waiter);
}

}  // namespace

Errc sync_io(Engine& engine, BlockDevice& device, const IoRequest& request) {
    Piece pieces[pieces_in_flight_max];
    Progress progress{&engine.executor};
    Sectors at = request.start;
    const Sectors end = request.start + request.length;
    for (;;) {
        bool any_busy = false;
        for (Piece& p : pieces) {
            if (!p.busy && at < end) {
                p.op = request.op;
                p.purpose = request.purpose;
                p.start = at;
                p.length = min(piece_max, end - at);
                p.payload = request.payload.from(at - request.start);
                p.preflush = request.preflush;
                p.fua = request.fua;
                p.owner = &progress;
                p.done = &piece_done;
                p.busy = true;
                at += p.length;
                device.submit(p);
            }
            any_busy = any_busy || p.busy;
        }
        if (!any_busy) return progress.status;
        wait_for_a_piece(progress);
    }
}

Errc sync_flush(Engine& engine, BlockDevice& device, Purpose purpose) {
    if (!device.limits().write_cache) return Errc::ok;
    Piece p;
    Progress progress{&engine.executor};
    p.op = Op::flush;
    p.purpose = purpose;
    p.owner = &progress;
    p.done = &piece_done;
    p.busy = true;
    device.submit(p);
    while (p.busy) wait_for_a_piece(progress);
    return progress.status;
}

}  // namespace cowlab
