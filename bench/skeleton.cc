#include "bench/skeleton.h"

#include "base/hash.h"
#include "base/prng.h"

namespace cowlab {
namespace {

constexpr std::uint32_t clients = 8;
constexpr std::uint32_t chunk_sectors = 8;
constexpr std::uint32_t chunks = 24;
constexpr std::uint32_t sectors = chunks * chunk_sectors;
constexpr std::uint32_t metadata_sector = sectors;  // on the COW disk, behind the copies
constexpr std::uint32_t log_entries = 4096;
constexpr std::uint32_t latency_max_us = 100;
constexpr std::uint64_t initial_tag = std::uint64_t{1} << 32;

// What a cache may lose: newest last.
struct UndoLog {
    struct Entry {
        std::uint32_t sector;
        std::uint64_t before;
    };
    std::uint32_t size = 0;
    Entry entries[log_entries];
};

struct Disk {
    std::uint64_t tags[sectors + 1];
    UndoLog log;

    void put(std::uint32_t sector, std::uint64_t tag) {
        if (log.size == log_entries) log.size = 0;  // full: written back, as a disk would
        log.entries[log.size++] = {sector, tags[sector]};
        tags[sector] = tag;
    }
    void flush() { log.size = 0; }
    void lose_power() {
        while (log.size > 0) {
            const UndoLog::Entry& e = log.entries[--log.size];
            tags[e.sector] = e.before;
        }
    }
};

enum class Op : std::uint8_t { read, write, flush };

struct Event {
    std::uint64_t due_us;
    std::uint64_t order;
    std::uint32_t fiber;
    bool before(const Event& other) const {
        return due_us != other.due_us ? due_us < other.due_us : order < other.order;
    }
};

class World {
  public:
    World(FiberStacks& stacks, std::uint64_t seed, std::uint32_t operations)
        : fibers_(stacks), schedule_(seed, 1), workload_(seed, 2), operations_left_(operations) {
        for (std::uint32_t s = 0; s < sectors; ++s) {
            origin_.tags[s] = model_origin_[s] = model_snapshot_[s] = initial_tag | s;
            cow_.tags[s] = 0;
        }
        cow_.tags[metadata_sector] = 0;
    }

    SkeletonRun run() {
        for (Client& c : clients_) {
            c.world = this;
            c.fiber = fibers_.create(&World::client_entry, &c);
            fibers_.resume(c.fiber);
        }
        while (event_count_ > 0) {
            const Event e = pop();
            now_us_ = e.due_us;
            fibers_.resume(e.fiber);
        }
        origin_.lose_power();
        cow_.lose_power();
        Digest d;
        for (std::uint32_t s = 0; s < sectors; ++s) d.add(origin_.tags[s] ^ cow_.tags[s]);
        d.add(now_us_);
        result_.digest = d.value();
        return result_;
    }

  private:
    struct Client {
        World* world = nullptr;
        std::uint32_t fiber = 0;
        Client* next_waiting = nullptr;
    };
    struct Chunk {
        bool locked = false;
        bool copied = false;
        Client* waiting = nullptr;
    };

    static void client_entry(void* argument) {
        auto& c = *static_cast<Client*>(argument);
        c.world->work(c);
    }

    void work(Client& me) {
        while (operations_left_ > 0) {
            --operations_left_;
            const auto sector = static_cast<std::uint32_t>(workload_.below(sectors));
            switch (workload_.below(8)) {
                case 0:
                case 1:
                case 2:
                case 3: write(me, sector); break;
                case 4:
                case 5: read_origin(me, sector); break;
                case 6: read_snapshot(me, sector); break;
                default:
                    io(me, origin_, Op::flush, 0, 0, nullptr);
                    io(me, cow_, Op::flush, 0, 0, nullptr);
                    break;
            }
        }
    }

    void write(Client& me, std::uint32_t sector) {
        Chunk& chunk = chunks_[sector / chunk_sectors];
        lock(me, chunk);
        const std::uint32_t first = sector - sector % chunk_sectors;
        if (!chunk.copied) {
            std::uint64_t old[chunk_sectors];
            io(me, origin_, Op::read, first, chunk_sectors, old);
            io(me, cow_, Op::write, first, chunk_sectors, old);
            std::uint64_t record = cow_.tags[metadata_sector] + 1;
            io(me, cow_, Op::write, metadata_sector, 1, &record);
            chunk.copied = true;
        }
        std::uint64_t tag = ++next_tag_;
        io(me, origin_, Op::write, sector, 1, &tag);
        model_origin_[sector] = tag;
        unlock(chunk);
    }
    void read_origin(Client& me, std::uint32_t sector) {
        Chunk& chunk = chunks_[sector / chunk_sectors];
        lock(me, chunk);
        std::uint64_t tag;
        io(me, origin_, Op::read, sector, 1, &tag);
        compare(tag, model_origin_[sector]);
        unlock(chunk);
    }
    void read_snapshot(Client& me, std::uint32_t sector) {
        Chunk& chunk = chunks_[sector / chunk_sectors];
        lock(me, chunk);
        std::uint64_t tag;
        io(me, chunk.copied ? cow_ : origin_, Op::read, sector, 1, &tag);
        compare(tag, model_snapshot_[sector]);
        unlock(chunk);
    }
    void compare(std::uint64_t seen, std::uint64_t expected) {
        ++result_.compared;
        if (seen != expected) ++result_.wrong;
    }

    void lock(Client& me, Chunk& chunk) {
        while (chunk.locked) {
            me.next_waiting = chunk.waiting;
            chunk.waiting = &me;
            fibers_.suspend();
        }
        chunk.locked = true;
    }
    void unlock(Chunk& chunk) {
        chunk.locked = false;
        while (Client* c = chunk.waiting) {
            chunk.waiting = c->next_waiting;
            push(c->fiber, 0);
        }
    }

    // A request takes effect when it completes.
    void io(Client& me, Disk& disk, Op op, std::uint32_t sector, std::uint32_t count,
            std::uint64_t* tags) {
        push(me.fiber, schedule_.below(latency_max_us + 1));
        fibers_.suspend();
        ++result_.ios;
        switch (op) {
            case Op::read:
                for (std::uint32_t i = 0; i < count; ++i) tags[i] = disk.tags[sector + i];
                break;
            case Op::write:
                for (std::uint32_t i = 0; i < count; ++i) disk.put(sector + i, tags[i]);
                break;
            case Op::flush: disk.flush(); break;
        }
    }

    // A binary heap by (time, order).
    void push(std::uint32_t fiber, std::uint64_t delay_us) {
        const Event e{now_us_ + delay_us, next_order_++, fiber};
        std::uint32_t i = event_count_++;
        while (i > 0 && e.before(events_[(i - 1) / 2])) {
            events_[i] = events_[(i - 1) / 2];
            i = (i - 1) / 2;
        }
        events_[i] = e;
    }
    Event pop() {
        const Event top = events_[0];
        const Event last = events_[--event_count_];
        std::uint32_t i = 0;
        for (;;) {
            std::uint32_t child = 2 * i + 1;
            if (child >= event_count_) break;
            if (child + 1 < event_count_ && events_[child + 1].before(events_[child])) ++child;
            if (!events_[child].before(last)) break;
            events_[i] = events_[child];
            i = child;
        }
        events_[i] = last;
        return top;
    }

    Fibers fibers_;
    Prng schedule_;
    Prng workload_;
    std::uint32_t operations_left_;
    Disk origin_;
    Disk cow_;
    std::uint64_t model_origin_[sectors];
    std::uint64_t model_snapshot_[sectors];
    Client clients_[clients];
    Chunk chunks_[chunks];
    Event events_[clients];  // a client waits for one thing at a time
    std::uint32_t event_count_ = 0;
    std::uint64_t next_order_ = 0;
    std::uint64_t next_tag_ = 0;
    std::uint64_t now_us_ = 0;
    SkeletonRun result_;
};

}  // namespace

SkeletonRun run_skeleton(FiberStacks& stacks, std::uint64_t seed, std::uint32_t operations) {
    return World(stacks, seed, operations).run();
}

}  // namespace cowlab
