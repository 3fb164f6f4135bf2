#include "world/lab_targets.h"

#include "engine/words.h"

namespace cowlab {
namespace {

// A piece of the device below, from `offset`: what all three stand on.
struct Range {
    BlockDevice* device = nullptr;
    Sectors offset;
};

Errc open_range(const TargetContext& c, std::size_t at, Range& out) {
    const auto offset = words::decimal(c.args[at + 1]);
    if (!offset) return Errc::enodev;
    out.offset = {*offset};
    return c.open(c.args[at], out.device);
}

class RangeTarget : public Target {
  public:
    RangeTarget(const TargetContext& c, const Range& range)
        : Target(c.engine, c.device, c.begin, c.length), range_(range) {}
    void for_each_device(DeviceVisitor& visitor) const override {
        visitor.visit(*range_.device, range_.offset, length_);
    }
    std::uint8_t flush_copies() const override { return 1; }
    std::uint8_t discard_copies() const override { return 1; }

  protected:
    void redirect(TargetBio& bio) const {
        bio.start = bio.start - begin_ + range_.offset;
        bio.destination = range_.device;
    }
    Range range_;
};

// ---- flakey: up for some seconds, then down for some, from the moment it was made --------------

enum class WhenDown : std::uint8_t { fail_all, error_writes, drop_writes };

class FlakeyTarget final : public RangeTarget {
  public:
    FlakeyTarget(const TargetContext& c, const Range& range, std::uint64_t up_s,
                 std::uint64_t down_s, WhenDown when_down)
        : RangeTarget(c, range),
          since_ms_(c.engine.executor.now().value),
          up_ms_(up_s * 1000),
          down_ms_(down_s * 1000),
          when_down_(when_down) {}

    MapResult map(TargetBio& bio, MapMay) override {
        redirect(bio);
        const std::uint64_t passed = engine_.executor.now().value - since_ms_;
        if (passed % (up_ms_ + down_ms_) < up_ms_) return MapResult::remapped;
        const bool is_read = bio.op == Op::read;
        if (is_read && when_down_ != WhenDown::fail_all) return MapResult::remapped;
        if (!is_read && when_down_ == WhenDown::drop_writes) {
            engine_.complete_later(bio, Errc::ok);
            return MapResult::submitted;
        }
        bio.status = Errc::eio;
        return MapResult::failed;
    }
    void status(StatusKind kind, TextSink& out) const override {
        if (kind == StatusKind::info) return;
        out << words::device(*range_.device) << " " << range_.offset.value << " " << up_ms_ / 1000
            << " " << down_ms_ / 1000;
        if (when_down_ == WhenDown::error_writes) out << " 1 error_writes";
        if (when_down_ == WhenDown::drop_writes) out << " 1 drop_writes";
        if (when_down_ == WhenDown::fail_all) out << " 0";
    }
    void destroy() override { engine_.memory.destroy(this, MemoryUse::target); }
    std::string_view type_name() const override { return "flakey"; }

  private:
    std::uint64_t since_ms_;
    std::uint64_t up_ms_;
    std::uint64_t down_ms_;
    WhenDown when_down_;
};

Constructed construct_flakey(const TargetContext& c) {
    if (c.arg_count < 4) return Constructed::failed(Errc::einval, "Invalid argument count");
    const auto up = words::decimal(c.args[2]);
    const auto down = words::decimal(c.args[3]);
    if (!up || *up > UINT32_MAX) return Constructed::failed(Errc::einval, "Invalid up interval");
    if (!down || *down > UINT32_MAX)
        return Constructed::failed(Errc::einval, "Invalid down interval");
    if (*up + *down == 0) {
        return Constructed::failed(Errc::einval, "Total (up + down) interval is zero");
    }
    WhenDown when_down = WhenDown::fail_all;
    for (std::size_t i = 5; i < c.arg_count; ++i) {
        if (c.args[i] == "error_writes") {
            when_down = WhenDown::error_writes;
        } else if (c.args[i] == "drop_writes") {
            when_down = WhenDown::drop_writes;
        } else {
            return Constructed::failed(Errc::einval, "Unrecognised flakey feature requested");
        }
    }
    Range range;
    if (const Errc e = open_range(c, 0, range); e != Errc::ok) {
        return Constructed::failed(e, "Device lookup failed");
    }
    auto* t =
        c.engine.memory.create<FlakeyTarget>(MemoryUse::target, c, range, *up, *down, when_down);
    return {t, t == nullptr ? Errc::enomem : Errc::ok, "Cannot allocate context"};
}

// ---- delay: the same, later -------------------------------------------------------------------

class DelayTarget final : public RangeTarget {
  public:
    DelayTarget(const TargetContext& c, const Range& read, const Range& write,
                std::uint64_t read_ms, std::uint64_t write_ms, bool separate_write)
        : RangeTarget(c, read),
          write_(write),
          read_ms_(read_ms),
          write_ms_(write_ms),
          separate_write_(separate_write) {
        waker_.self = this;
        waker_.run = &DelayTarget::release_due;
    }

    MapResult map(TargetBio& bio, MapMay) override {
        const bool is_read = bio.op == Op::read;
        redirect(bio);
        if (!is_read) {
            bio.start = bio.start - range_.offset + write_.offset;
            bio.destination = write_.device;
        }
        const std::uint64_t delay = is_read ? read_ms_ : write_ms_;
        if (delay == 0) return MapResult::remapped;
        void* p = engine_.memory.allocate_reserved(sizeof(Delayed), MemoryUse::request);
        auto& d = *new (p) Delayed();
        d.bio = &bio;
        d.due_ms = engine_.executor.now().value + delay;
        waiting_.push_back(d);
        if (!waker_.is_linked() && !waking_) {
            waking_ = true;
            engine_.executor.spawn(waker_);
        }
        return MapResult::submitted;
    }
    // What is held goes on at once when the table is swapped out.
    void presuspend() override { release(UINT64_MAX); }
    void status(StatusKind kind, TextSink& out) const override {
        if (kind == StatusKind::info) return;
        out << words::device(*range_.device) << " " << range_.offset.value << " " << read_ms_;
        if (separate_write_) {
            out << " " << words::device(*write_.device) << " " << write_.offset.value << " "
                << write_ms_;
        }
    }
    void for_each_device(DeviceVisitor& visitor) const override {
        RangeTarget::for_each_device(visitor);
        if (separate_write_) visitor.visit(*write_.device, write_.offset, length_);
    }
    void destroy() override {
        release(UINT64_MAX);
        while (waking_) asleep_.wait(engine_.executor);
        engine_.memory.destroy(this, MemoryUse::target);
    }
    std::string_view type_name() const override { return "delay"; }

  private:
    struct Delayed : ListNode<> {
        TargetBio* bio = nullptr;
        std::uint64_t due_ms = 0;
    };
    struct Waker : Task {
        DelayTarget* self = nullptr;
    };

    void release(std::uint64_t now_ms) {
        List<Delayed> due;
        for (auto it = waiting_.begin(); it != waiting_.end();) {
            Delayed& d = *it++;
            if (d.due_ms > now_ms) continue;
            d.unlink();
            due.push_back(d);
        }
        while (!due.empty()) {
            Delayed& d = due.pop_front();
            TargetBio& bio = *d.bio;
            engine_.memory.destroy(&d, MemoryUse::request);
            bio.destination->submit(bio);
        }
    }
    static void release_due(Task& task) {
        DelayTarget& self = *static_cast<Waker&>(task).self;
        Executor& executor = self.engine_.executor;
        while (!self.waiting_.empty()) {
            std::uint64_t next = UINT64_MAX;
            for (const Delayed& d : self.waiting_) next = d.due_ms < next ? d.due_ms : next;
            const std::uint64_t now = executor.now().value;
            if (next > now) executor.sleep({next - now});
            self.release(executor.now().value);
        }
        self.waking_ = false;
        self.asleep_.wake_all(executor);
    }

    Range write_;
    std::uint64_t read_ms_;
    std::uint64_t write_ms_;
    bool separate_write_;
    List<Delayed> waiting_;
    Waker waker_;
    bool waking_ = false;
    WaitQueue asleep_;
};

Constructed construct_delay(const TargetContext& c) {
    if (c.arg_count != 3 && c.arg_count != 6) {
        return Constructed::failed(Errc::einval, "Requires exactly 3, 6 or 9 arguments");
    }
    const auto read_ms = words::decimal(c.args[2]);
    const auto write_ms = c.arg_count == 6 ? words::decimal(c.args[5]) : read_ms;
    if (!read_ms || !write_ms) return Constructed::failed(Errc::einval, "Invalid delay");
    Range read;
    Range write;
    Errc e = open_range(c, 0, read);
    if (e == Errc::ok) e = open_range(c, c.arg_count == 6 ? 3 : 0, write);
    if (e != Errc::ok) return Constructed::failed(e, "Device lookup failed");
    auto* t = c.engine.memory.create<DelayTarget>(MemoryUse::target, c, read, write, *read_ms,
                                                  *write_ms, c.arg_count == 6);
    return {t, t == nullptr ? Errc::enomem : Errc::ok, "Cannot allocate context"};
}

// ---- log-writes -------------------------------------------------------------------------------

class LogWritesTarget final : public Target {
  public:
    LogWritesTarget(const TargetContext& c, BlockDevice& data, BlockDevice& log_device,
                    WriteLogs& logs)
        : Target(c.engine, c.device, c.begin, c.length),
          data_(data),
          log_device_(log_device),
          logs_(logs),
          log_(logs.start_over(log_device.number())) {}

    MapResult map(TargetBio& bio, MapMay) override {
        const Sectors sector = bio.start - begin_;
        bio.start = sector;
        bio.destination = &data_;
        if (bio.op == Op::read) return MapResult::remapped;
        Logged& l = *engine_.memory.create_reserved<Logged>(MemoryUse::request);
        if (bio.op == Op::write) {
            l.entry = &logs_.new_write(sector, bio.length, bio.payload);
        } else {
            l.entry = &logs_.new_entry();
            l.entry->sector = sector;
            l.entry->length = bio.length;
        }
        l.entry->flush = bio.op == Op::flush;
        l.entry->discard = bio.op == Op::discard;
        l.entry->fua = bio.fua;
        if (l.entry->flush) l.covered.splice_back(unflushed_);
        l.owner = bio.owner;
        bio.owner = &l;
        return MapResult::remapped;
    }
    void end_io(TargetBio& bio) override {
        if (bio.op == Op::read) return;
        Logged& l = *static_cast<Logged*>(bio.owner);
        bio.owner = l.owner;
        log_.entries().splice_back(l.covered);
        if (l.entry->flush || l.entry->fua) {
            log_.entries().push_back(*l.entry);
        } else {
            unflushed_.push_back(*l.entry);
        }
        engine_.memory.destroy(&l, MemoryUse::request);
    }
    Errc message(std::string_view text) override {
        const std::size_t blank = text.find(' ');
        if (text.substr(0, blank) != "mark" || blank == std::string_view::npos) return Errc::einval;
        log_.entries().push_back(logs_.new_mark(text.substr(blank + 1)));
        return Errc::ok;
    }
    void status(StatusKind kind, TextSink& out) const override {
        if (kind == StatusKind::table) {
            out << words::device(data_) << " " << words::device(log_device_);
            return;
        }
        out << log_.entries().count() << " " << (log_device_.capacity().value - 1);
    }
    void for_each_device(DeviceVisitor& visitor) const override {
        visitor.visit(data_, {0}, length_);
    }
    void destroy() override {
        log_.entries().splice_back(unflushed_);
        log_.entries().push_back(logs_.new_mark("dm-log-writes-end"));
        engine_.memory.destroy(this, MemoryUse::target);
    }
    std::string_view type_name() const override { return "log-writes"; }
    std::uint8_t flush_copies() const override { return 1; }
    std::uint8_t discard_copies() const override { return 1; }
    bool has_write_cache() const override { return true; }

  private:
    struct Logged {
        LogEntry* entry = nullptr;
        List<LogEntry> covered;  // of a flush: what had completed before it was issued
        void* owner = nullptr;
    };
    BlockDevice& data_;
    BlockDevice& log_device_;
    WriteLogs& logs_;
    WriteLog& log_;
    List<LogEntry> unflushed_;
};

Constructed construct_log_writes(const TargetContext& c) {
    if (c.arg_count < 2) return Constructed::failed(Errc::einval, "Invalid argument count");
    BlockDevice* data = nullptr;
    BlockDevice* log = nullptr;
    Errc e = c.open(c.args[0], data);
    if (e == Errc::ok) e = c.open(c.args[1], log);
    if (e != Errc::ok) return Constructed::failed(e, "Device lookup failed");
    auto& logs = *static_cast<WriteLogs*>(c.type.context);
    auto* t = c.engine.memory.create<LogWritesTarget>(MemoryUse::target, c, *data, *log, logs);
    return {t, t == nullptr ? Errc::enomem : Errc::ok, "Cannot allocate context"};
}

}  // namespace

void LabTargetTypes::add_to(DeviceMapper& mapper, WriteLogs& write_logs) {
    flakey.define("flakey", 1, 5, construct_flakey);
    delay.define("delay", 1, 3, construct_delay);
    log_writes.define("log-writes", 1, 1, construct_log_writes);
    log_writes.context = &write_logs;
    for (TargetType* t : {&flakey, &delay, &log_writes}) mapper.add_target_type(*t);
}

}  // namespace cowlab
