// The verbs of a disk user: what a system call would say to each of them (golden/README.md).
#include <fmt/format.h>

#include "base/hash.h"
#include "base/prng.h"
#include "scenarios/runs.h"
#include "world/world.h"

namespace cowlab {
namespace {

struct UserBio : Bio {
    Waiter waiter;
    Executor* executor = nullptr;
};

std::string with_blank(std::string runs) {
    if (!runs.empty()) runs.insert(0, " ");
    return runs;
}

}  // namespace

void World::io_body(Job& job) { job.world->do_io(job); }

void World::do_io(Job& job) {
    MappedDevice* device = mapper_->find(job.step->name);
    if (device == nullptr || !device->had_table()) {
        job.outcome.kind = Outcome::Kind::open_failed;
        job.outcome.code = Errc::enoent;
        return;
    }
    // Held open while the request is under way, so that the device cannot be removed.
    device->hold();
    switch (job.verb) {
        case Verb::write: do_write(job, *device); break;
        case Verb::read: do_read(job, *device); break;
        case Verb::flush: job.outcome.code = transfer(*device, Op::flush, {0}, {0}, {}); break;
        case Verb::discard: do_discard(job, *device); break;
        case Verb::zeroout: do_zeroout(job, *device); break;
        case Verb::hex: do_hex(job, *device); break;
        case Verb::writebytes: do_writebytes(job, *device); break;
        default:
            job.outcome.kind = Outcome::Kind::limits;
            job.outcome.limits = device->limits();
            job.outcome.size = device->capacity();
            break;
    }
    device->release();
}

// One request of the user, start to end; the judge hears of both.
Errc World::transfer(MappedDevice& device, Op op, Sectors start, Sectors count, Payload payload,
                     bool fua) {
    UserRequest request;
    request.device = &device;
    request.op = op;
    request.start = start;
    request.count = count;
    request.data = payload;
    request.fua = fua;
    if (judge_ != nullptr) judge_->request_begins(request);
    UserBio bio;
    bio.op = op;
    bio.start = start;
    bio.length = count;
    bio.payload = payload;
    bio.fua = fua;
    bio.executor = &platform_.executor();
    bio.done = [](Bio& b) {
        auto& user = static_cast<UserBio&>(b);
        user.executor->wake(user.waiter);
    };
    if (++user_requests_ > user_requests_peak_) user_requests_peak_ = user_requests_;
    device.submit(bio);
    platform_.executor().wait(bio.waiter);
    --user_requests_;
    if (op == Op::read && bio.status == Errc::ok) {
        // What was read is part of the run's digest, whoever asks for it.
        std::uint64_t sum = start.value;
        Cells& cells = platform_.cells();
        for (std::uint64_t i = 0; i < count.value; ++i)
            sum = mix64(sum ^ cells.content(payload, i));
        recorder_.add_to_digest(sum);
    }
    if (judge_ != nullptr) judge_->request_ends(request, bio.status);
    return bio.status;
}

Payload World::buffer_for(Job& job, Sectors count) {
    job.outcome.data = platform_.cells().allocate_cells(count);
    // A request larger than the machine: a system call answers ENOMEM.
    if (job.outcome.data.kind() == Payload::Kind::none) {
        job.outcome.kind = Outcome::Kind::status;
        job.outcome.code = Errc::enomem;
        return {};
    }
    job.outcome.buffer = count;
    return job.outcome.data;
}

void World::free_buffer(Job& job) {
    if (job.outcome.buffer.value > 0) {
        platform_.cells().free_cells(job.outcome.data, job.outcome.buffer);
        job.outcome.buffer = {0};
    }
}

void World::do_write(Job& job, MappedDevice& device) {
    const Step& s = *job.step;
    Outcome& out = job.outcome;
    const Sectors size = device.capacity();
    const Sectors block = device.limits().logical_block;
    if (s.count.value == 0) {
        out.code = Errc::ok;
    } else if (device.is_read_only()) {
        out.code = Errc::eperm;
    } else if (s.start >= size) {
        out.code = Errc::enospc;
    } else if (!is_multiple_of(s.start, block) || !is_multiple_of(s.count, block)) {
        out.code = Errc::einval;
    } else {
        const Sectors count = min(s.count, size - s.start);
        const Payload data = buffer_for(job, count);
        if (data.kind() == Payload::Kind::none) return;
        Cells& cells = platform_.cells();
        for (std::uint64_t i = 0; i < count.value; ++i)
            cells.set_content(data, i, pattern_word(s.seed, s.start.value + i));
        out.code = transfer(device, Op::write, s.start, count, data, s.fua);
        if (out.code == Errc::ok && count < s.count) {
            out.kind = Outcome::Kind::short_write;
            out.count = count;
        }
    }
}

void World::do_read(Job& job, MappedDevice& device) {
    const Step& s = *job.step;
    Outcome& out = job.outcome;
    const Sectors size = device.capacity();
    const Sectors block = device.limits().logical_block;
    // A read of nothing is not looked at.
    if (s.count.value > 0 && (!is_multiple_of(s.start, block) || !is_multiple_of(s.count, block))) {
        out.code = Errc::einval;
        return;
    }
    const Sectors count = s.start >= size ? Sectors{0} : min(s.count, size - s.start);
    out.kind = count < s.count ? Outcome::Kind::short_data : Outcome::Kind::data;
    out.count = count;
    if (count.value == 0) return;
    const Payload data = buffer_for(job, count);
    if (data.kind() == Payload::Kind::none) return;
    out.code = transfer(device, Op::read, s.start, count, data);
    if (out.code != Errc::ok) out.kind = Outcome::Kind::status;
}

// The block layer's order of refusals; it also hides that something below cannot discard after all.
void World::do_discard(Job& job, MappedDevice& device) {
    const Step& s = *job.step;
    const Sectors block = device.limits().logical_block;
    Outcome& out = job.outcome;
    if (!device.limits().discard) {
        out.code = Errc::eopnotsupp;
    } else if (s.start > device.capacity() || s.count > device.capacity() - s.start) {
        out.code = Errc::einval;
    } else if (device.is_read_only()) {
        out.code = Errc::eperm;
    } else if (s.count.value == 0 || !is_multiple_of(s.start, block) ||
               !is_multiple_of(s.count, block)) {
        out.code = Errc::einval;
    } else {
        out.code = transfer(device, Op::discard, s.start, s.count, {});
        if (out.code == Errc::eopnotsupp) out.code = Errc::ok;
    }
}

void World::do_zeroout(Job& job, MappedDevice& device) {
    const Step& s = *job.step;
    const Sectors block = device.limits().logical_block;
    Outcome& out = job.outcome;
    if (s.count.value == 0 || !is_multiple_of(s.start, block) || !is_multiple_of(s.count, block) ||
        s.start > device.capacity() || s.count > device.capacity() - s.start) {
        out.code = Errc::einval;
    } else if (device.is_read_only()) {
        out.code = Errc::eperm;
    } else {
        out.code = transfer(device, Op::write, s.start, s.count, Payload::zeros());
    }
}

namespace {
// The whole sectors that a range of bytes touches.
struct Touched {
    Sectors start;
    Sectors count;
};
Touched touched(std::uint64_t byte, std::uint64_t length) {
    const Sectors start{byte / sector_bytes};
    return {start, sectors_ceil(byte + length) - start};
}
}  // namespace

void World::do_hex(Job& job, MappedDevice& device) {
    const Touched t = touched(job.step->byte, job.step->length);
    Outcome& out = job.outcome;
    const Sectors block = device.limits().logical_block;
    if (!is_multiple_of(t.start, block) || !is_multiple_of(t.count, block)) {
        out.code = Errc::einval;
        return;
    }
    if (t.start + t.count > device.capacity()) {
        out.kind = Outcome::Kind::hex_short;
        return;
    }
    const Payload data = buffer_for(job, t.count);
    if (data.kind() == Payload::Kind::none) return;
    out.code = transfer(device, Op::read, t.start, t.count, data);
    if (out.code == Errc::ok) out.kind = Outcome::Kind::hex;
}

void World::do_writebytes(Job& job, MappedDevice& device) {
    const Step& s = *job.step;
    const std::uint64_t length = s.text.size() / 2;
    const Touched t = touched(s.byte, length);
    Outcome& out = job.outcome;
    const Sectors block = device.limits().logical_block;
    if (!is_multiple_of(t.start, block) || !is_multiple_of(t.count, block) ||
        t.start + t.count > device.capacity()) {
        out.code = Errc::einval;
        return;
    }
    if (device.is_read_only()) {
        out.code = Errc::eperm;
        return;
    }
    Cells& cells = platform_.cells();
    const Payload data = buffer_for(job, t.count);
    if (data.kind() == Payload::Kind::none) return;
    out.code = transfer(device, Op::read, t.start, t.count, data);
    if (out.code != Errc::ok) return;
    const auto digit = [](char c) {
        return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    };
    std::uint8_t bytes[sector_bytes];
    for (std::uint64_t i = 0; i < t.count.value; ++i) {
        cells.read_bytes(data, i, bytes);
        for (std::uint64_t b = 0; b < sector_bytes; ++b) {
            const std::uint64_t at = (t.start.value + i) * sector_bytes + b;
            if (at < s.byte || at >= s.byte + length) continue;
            const std::uint64_t k = (at - s.byte) * 2;
            bytes[b] = static_cast<std::uint8_t>(digit(s.text[k]) << 4 | digit(s.text[k + 1]));
        }
        cells.write_bytes(data, i, bytes);
    }
    out.code = transfer(device, Op::write, t.start, t.count, data);
}

// ---- Answers ----------------------------------------------------------------------------------

std::string World::data_text(Payload data, Sectors count) {
    if (options_.terse_answers) return "terse";
    Fnv1a64 fnv;
    Runs runs;
    std::uint8_t bytes[sector_bytes];
    for (std::uint64_t i = 0; i < count.value; ++i) {
        platform_.cells().read_bytes(data, i, bytes);
        fnv.add(bytes, sizeof bytes);
        runs.add(recognise(bytes));
    }
    return fmt::format("fnv={:016x}{}", fnv.value(), with_blank(runs.text()));
}

Answer World::answer_of(Job& job) {
    const Outcome& out = job.outcome;
    switch (out.kind) {
        case Outcome::Kind::open_failed: return {answer_open_failed(out.code)};
        case Outcome::Kind::at_step: return {cowlab::answer_of(out.code, out.at_step)};
        case Outcome::Kind::short_write:
            return {answer_text(fmt::format("short {}", out.count.value))};
        case Outcome::Kind::data: return {answer_text("ok " + data_text(out.data, out.count))};
        case Outcome::Kind::short_data:
            return {answer_text("short " + data_text(out.data, out.count))};
        case Outcome::Kind::hex: return hex_lines(*job.step, out);
        case Outcome::Kind::hex_short: return {answer_text("err short")};
        case Outcome::Kind::limits:
            return {answer_text(
                fmt::format("sectors {} lbs {} pbs {} iomin {} ioopt 0 ro {}", out.size.value,
                            out.limits.logical_block.bytes(), out.limits.physical_block.bytes(),
                            out.limits.io_min.bytes(), out.limits.read_only ? 1 : 0))};
        case Outcome::Kind::lost: return {answer_text("lost")};
        case Outcome::Kind::status: break;
    }
    return {cowlab::answer_of(out.code)};
}

Answer World::hex_lines(const Step& step, const Outcome& out) {
    Answer answer{cowlab::answer_of(Errc::ok)};
    std::string line;
    std::uint8_t bytes[sector_bytes];
    std::uint64_t loaded = UINT64_MAX;
    for (std::uint64_t i = 0; i < step.length; ++i) {
        const std::uint64_t at = step.byte + i;
        if (at / sector_bytes != loaded) {
            loaded = at / sector_bytes;
            platform_.cells().read_bytes(out.data, loaded - step.byte / sector_bytes, bytes);
        }
        if (i % 16 == 0) line = fmt::format("| {:08x} ", at);
        line += fmt::format(" {:02x}", bytes[at % sector_bytes]);
        if (i % 16 == 15 || i + 1 == step.length) answer.push_back(line);
    }
    return answer;
}

}  // namespace cowlab
