// The promises of a block device (engine/port/block_device.h) as the simulated disk keeps them, and
// everything it is free to do: what a flush covers, what may be left after a power loss, which
// requests a fault meets.
#include "sim/sim_disk.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace cowlab {
namespace {

constexpr std::uint32_t actor = 77;

MediumSpec plain(std::uint64_t sectors) {
    MediumSpec spec;
    spec.size = {sectors};
    return spec;
}
MediumSpec caching(std::uint64_t sectors) {
    MediumSpec spec = plain(sectors);
    spec.write_cache = true;
    return spec;
}
MediumSpec filled(std::uint64_t sectors, std::uint64_t seed) {
    MediumSpec spec = plain(sectors);
    spec.content = DiskContent::fill;
    spec.fill_seed = seed;
    return spec;
}

struct Flags {
    bool preflush = false;
    bool fua = false;
    Purpose purpose = Purpose::forwarded;
};

Inject fault(RequestClass c, InjectTimes times = InjectTimes::once, std::uint64_t nth = 1,
             InjectKind kind = InjectKind::eio) {
    Inject i;
    i.request_class = c;
    i.times = times;
    i.nth = nth;
    i.kind = kind;
    return i;
}

// A request and its end.
struct Request : Bio {
    bool ended = false;
    std::uint64_t ended_at_us = 0;
    Payload cells;
    Sectors cell_count;
};

struct SimDiskTest : testing::Test {
    Arena arena{std::size_t{1} << 32};
    FiberStacks stacks{4};
    std::unique_ptr<Chooser> chooser = std::make_unique<Chooser>(arena);
    std::unique_ptr<SimExecutor> executor = std::make_unique<SimExecutor>(arena, stacks, *chooser);
    Cells cells{arena, CellMode::tags};
    std::unique_ptr<SimDisk> disk;
    std::deque<Request> requests;  // they stay where they are
    std::vector<const Request*> ends;

    SimDisk& make(const MediumSpec& spec) {
        disk = std::make_unique<SimDisk>(arena, *executor, *chooser, cells, nullptr, spec,
                                         DeviceNumber{7, 0}, actor);
        return *disk;
    }
    Request& submit(Op op, std::uint64_t start, std::uint64_t count, Flags flags = {},
                    std::uint64_t value = 0) {
        Request& r = requests.emplace_back();
        r.op = op;
        r.purpose = flags.purpose;
        r.preflush = flags.preflush;
        r.fua = flags.fua;
        r.start = {start};
        r.length = {count};
        if (op == Op::read || op == Op::write) {
            r.payload = r.cells = cells.allocate_cells({count});
            r.cell_count = {count};
        }
        for (std::uint64_t i = 0; op == Op::write && i < count; ++i) {
            cells.set_content(r.cells, i, pattern_word(value, start + i));
        }
        r.owner = this;
        r.done = [](Bio& b) {
            auto& ended = static_cast<Request&>(b);
            auto& test = *static_cast<SimDiskTest*>(b.owner);
            ended.ended = true;
            ended.ended_at_us = test.executor->now_us();
            test.ends.push_back(&ended);
        };
        disk->submit(r);
        return r;
    }
    // A write of sectors that carry `value` as their pattern's seed; submitted, not ended.
    Request& start_write(std::uint64_t start, std::uint64_t count, std::uint64_t value,
                         Flags flags = {}) {
        return submit(Op::write, start, count, flags, value);
    }
    void run() {
        while (executor->turn(SimExecutor::Until::forever)) {
        }
    }
    Errc try_write(std::uint64_t start, std::uint64_t count, std::uint64_t value,
                   Flags flags = {}) {
        Request& r = start_write(start, count, value, flags);
        run();
        EXPECT_TRUE(r.ended);
        return r.status;
    }
    void write(std::uint64_t start, std::uint64_t count, std::uint64_t value, Flags flags = {}) {
        EXPECT_EQ(try_write(start, count, value, flags), Errc::ok);
    }
    Errc try_flush() {
        Request& r = submit(Op::flush, 0, 0);
        run();
        return r.status;
    }
    void flush() { EXPECT_EQ(try_flush(), Errc::ok); }
    // The seed of the pattern in a sector, 0 for zeros, as a read finds it.
    std::uint64_t at(std::uint64_t sector) { return seed_of(disk->raw_read({sector})); }
    static std::uint64_t seed_of(ContentId id) {
        return id == zero_content ? 0 : std::uint64_t{content_of(id).seed};
    }
    // That request (1: the next) of the purpose and operation takes so much longer.
    void delay(Purpose purpose, Op op, std::uint32_t nth, std::uint32_t us) {
        pin(ChoiceKind::latency,
            static_cast<std::uint64_t>(purpose) << 2 | static_cast<std::uint64_t>(op), nth, us);
    }
    void pin(ChoiceKind kind, std::uint64_t point, std::uint32_t nth, std::uint32_t choice) {
        chooser->add_pin({{kind, actor, point}, nth, choice});
    }
    void lose(SurvivalDefault survival = SurvivalDefault::losing_everything) {
        disk->lose_power(survival);
        executor->abandon_everything();
    }
    void survive(std::uint64_t sector, std::uint32_t version) {
        pin(ChoiceKind::survive, sector, 1, version);
    }
};

// ---- Requests ----------------------------------------------------------------------------------

TEST_F(SimDiskTest, a_sector_never_written_holds_what_the_disk_was_made_with) {
    make(filled(std::uint64_t{1} << 55, 5));
    for (const std::uint64_t sector :
         {std::uint64_t{0}, std::uint64_t{12345}, (std::uint64_t{1} << 55) - 1}) {
        Request& r = submit(Op::read, sector, 1);
        run();
        EXPECT_EQ(r.status, Errc::ok);
        EXPECT_EQ(cells.content(r.cells, 0), pattern_word(5, sector));
    }
    make(plain(16));
    EXPECT_EQ(at(3), 0u);
}

TEST_F(SimDiskTest, a_request_ends_on_a_later_turn_never_inside_submit) {
    make(plain(64));
    Request& r = submit(Op::read, 0, 8);
    EXPECT_FALSE(r.ended);
    EXPECT_EQ(disk->requests_in_flight(), 1u);
    run();
    EXPECT_TRUE(r.ended);
    EXPECT_EQ(disk->requests_in_flight(), 0u);
}

TEST_F(SimDiskTest, requests_end_in_the_order_they_came_unless_something_is_chosen) {
    make(plain(64));
    delay(Purpose::forwarded, Op::write, 2, 100);
    Request& a = start_write(0, 1, 1);
    Request& b = start_write(1, 1, 2);  // 100 µs later
    Request& c = start_write(2, 1, 3);
    run();
    EXPECT_EQ(ends, (std::vector<const Request*>{&a, &c, &b}));
    EXPECT_EQ(b.ended_at_us, 100u);
    EXPECT_EQ(c.ended_at_us, 0u) << "by default a request takes no time";
}

TEST_F(SimDiskTest, of_two_writes_to_a_sector_the_one_that_ends_last_is_read) {
    make(plain(64));
    delay(Purpose::forwarded, Op::write, 1, 100);
    start_write(0, 4, 1);
    start_write(2, 4, 2);
    run();
    EXPECT_EQ(at(1), 1u);
    EXPECT_EQ(at(3), 1u) << "the first took effect when it ended, after the second";
    EXPECT_EQ(at(5), 2u);
}

TEST_F(SimDiskTest, a_read_sees_what_had_ended_when_it_ended) {
    make(caching(64));
    delay(Purpose::forwarded, Op::read, 1, 50);
    Request& r = submit(Op::read, 0, 1);
    start_write(0, 1, 4);
    run();
    EXPECT_EQ(seed_of(cells.content(r.cells, 0)), 4u) << "a write in the cache is read";
}

TEST_F(SimDiskTest, what_does_not_fit_the_disk_fails_and_changes_nothing) {
    make(plain(64));
    EXPECT_EQ(try_write(60, 5, 1), Errc::eio);
    EXPECT_EQ(try_write(64, 1, 1), Errc::eio);
    for (std::uint64_t s = 60; s < 64; ++s) EXPECT_EQ(at(s), 0u);
    Request& r = submit(Op::read, UINT64_MAX, 2);  // start + length wraps around
    run();
    EXPECT_EQ(r.status, Errc::eio);
    EXPECT_EQ(try_write(60, 4, 1), Errc::ok);
    EXPECT_EQ(at(63), 1u);
}

TEST_F(SimDiskTest, zeros_are_written_without_memory_behind_them) {
    make(filled(64, 9));
    Request& r = requests.emplace_back();
    r.op = Op::write;
    r.start = {5};
    r.length = {40};
    r.payload = Payload::zeros();
    r.done = [](Bio&) {};
    disk->submit(r);
    run();
    EXPECT_EQ(at(4), 9u);
    for (std::uint64_t s = 5; s < 45; ++s) EXPECT_EQ(at(s), 0u);
    EXPECT_EQ(at(45), 9u);
}

TEST_F(SimDiskTest, a_discard_reads_zeros_where_the_disk_has_it_and_does_nothing_elsewhere) {
    MediumSpec spec = filled(64, 9);
    spec.discard = true;
    make(spec);
    submit(Op::discard, 8, 20);
    run();
    EXPECT_EQ(at(7), 9u);
    EXPECT_EQ(at(8), 0u);
    EXPECT_EQ(at(27), 0u);
    EXPECT_EQ(at(28), 9u);
    make(filled(64, 9));
    Request& r = submit(Op::discard, 8, 20);
    run();
    EXPECT_EQ(r.status, Errc::ok);
    EXPECT_EQ(at(8), 9u);
}

// ---- The cache ---------------------------------------------------------------------------------

TEST_F(SimDiskTest, without_a_cache_a_write_that_ended_is_durable) {
    make(plain(64));
    write(0, 8, 1);
    lose();
    EXPECT_EQ(at(0), 1u);
    EXPECT_EQ(at(7), 1u);
}

TEST_F(SimDiskTest, with_a_cache_it_may_be_lost_or_kept) {
    make(caching(64));
    write(0, 8, 1);
    lose(SurvivalDefault::losing_everything);
    EXPECT_EQ(at(0), 0u);
    write(0, 8, 2);
    lose(SurvivalDefault::keeping_everything);
    EXPECT_EQ(at(0), 2u);
    lose(SurvivalDefault::losing_everything);
    EXPECT_EQ(at(0), 2u) << "what survived one loss is on the medium";
}

TEST_F(SimDiskTest, a_flush_makes_durable_exactly_what_had_ended_when_it_was_submitted) {
    make(caching(64));
    write(0, 1, 1);
    // In flight when the flush is submitted, ended when the flush ends: not covered.
    delay(Purpose::forwarded, Op::write, 2, 10);
    delay(Purpose::forwarded, Op::flush, 1, 20);
    Request& in_flight = start_write(1, 1, 2);
    Request& f = submit(Op::flush, 0, 0);
    while (!in_flight.ended) executor->turn(SimExecutor::Until::forever);
    start_write(2, 1, 3);  // submitted and ended while the flush is under way: not covered either
    run();
    ASSERT_TRUE(f.ended);
    ASSERT_EQ(ends.back(), &f);
    lose();
    EXPECT_EQ(at(0), 1u);
    EXPECT_EQ(at(1), 0u);
    EXPECT_EQ(at(2), 0u);
}

TEST_F(SimDiskTest, a_flush_that_has_not_ended_promises_nothing) {
    make(caching(64));
    write(0, 1, 1);
    delay(Purpose::forwarded, Op::flush, 1, 20);
    submit(Op::flush, 0, 0);
    lose();
    EXPECT_EQ(at(0), 0u);
}

TEST_F(SimDiskTest, a_flush_that_failed_promises_nothing) {
    make(caching(64));
    write(0, 1, 1);
    disk->add_inject(fault(RequestClass::flush));
    EXPECT_EQ(try_flush(), Errc::eio);
    lose();
    EXPECT_EQ(at(0), 0u);
}

TEST_F(SimDiskTest, fua_makes_its_own_sectors_durable_and_no_others) {
    make(caching(64));
    write(0, 2, 1);
    write(1, 2, 2, {.preflush = false, .fua = true});
    lose();
    EXPECT_EQ(at(0), 0u) << "an older write in the cache is not covered by somebody else's FUA";
    EXPECT_EQ(at(1), 2u);
    EXPECT_EQ(at(2), 2u);
}

TEST_F(SimDiskTest, preflush_covers_what_came_before_and_fua_the_data) {
    make(caching(64));
    write(0, 1, 1);
    write(1, 1, 2, {.preflush = true, .fua = false});
    lose();
    EXPECT_EQ(at(0), 1u);
    EXPECT_EQ(at(1), 0u) << "PREFLUSH alone says nothing about the data";
    write(2, 1, 3);
    write(3, 1, 4, {.preflush = true, .fua = true});
    lose();
    EXPECT_EQ(at(2), 3u);
    EXPECT_EQ(at(3), 4u);
}

TEST_F(SimDiskTest, an_older_write_in_the_cache_never_comes_back_over_a_newer_durable_one) {
    for (const SurvivalDefault s :
         {SurvivalDefault::losing_everything, SurvivalDefault::keeping_everything}) {
        make(caching(64));
        write(0, 1, 1);
        write(0, 1, 2, {.preflush = false, .fua = true});
        lose(s);
        EXPECT_EQ(at(0), 2u);
        // … and not by the flush that writes the cache back.
        write(1, 1, 3);
        write(1, 1, 4, {.preflush = false, .fua = true});
        flush();
        EXPECT_EQ(at(1), 4u);
        lose(s);
        EXPECT_EQ(at(1), 4u);
    }
}

TEST_F(SimDiskTest, a_discard_in_the_cache_is_lost_like_a_write) {
    MediumSpec spec = filled(64, 9);
    spec.write_cache = spec.discard = true;
    make(spec);
    submit(Op::discard, 0, 8);
    run();
    EXPECT_EQ(at(0), 0u);
    lose();
    EXPECT_EQ(at(0), 9u);
}

// ---- Power loss --------------------------------------------------------------------------------

TEST_F(SimDiskTest, requests_in_flight_at_a_power_loss_never_end_and_the_disk_goes_on) {
    make(caching(64));
    Request& w = start_write(0, 8, 1);
    Request& r = submit(Op::read, 0, 8);
    lose();
    run();
    EXPECT_FALSE(w.ended);
    EXPECT_FALSE(r.ended);
    EXPECT_EQ(disk->requests_in_flight(), 0u);
    EXPECT_EQ(try_write(0, 8, 2), Errc::ok);
    EXPECT_EQ(at(0), 2u);
}

TEST_F(SimDiskTest, a_write_in_flight_may_be_durable_whole_not_at_all_or_in_any_part) {
    for (const bool cache : {false, true}) {
        make(cache ? caching(64) : plain(64));
        start_write(0, 4, 1);
        lose(SurvivalDefault::keeping_everything);
        EXPECT_EQ(at(0), 1u);
        EXPECT_EQ(at(3), 1u);
        start_write(0, 4, 2);
        lose(SurvivalDefault::losing_everything);
        EXPECT_EQ(at(0), 1u);
    }
    make(plain(64));
    start_write(20, 4, 3);
    survive(20, 2);  // the write in flight
    survive(22, 2);
    lose();
    EXPECT_EQ(at(20), 3u);
    EXPECT_EQ(at(21), 0u);
    EXPECT_EQ(at(22), 3u);
    EXPECT_EQ(at(23), 0u);
}

TEST_F(SimDiskTest, any_version_since_the_durable_one_may_be_the_one_that_is_left) {
    // The versions as pins name them: 1 the durable one, 2 the oldest write since, 3 the next.
    const std::uint64_t expected[] = {0, 1, 2, 3, 4};
    for (std::uint32_t version = 1; version <= 4; ++version) {
        make(caching(64));
        write(8, 1, 1, {.preflush = false, .fua = true});
        write(8, 1, 2);
        write(8, 1, 3);
        start_write(8, 1, 4);  // in flight
        pin(ChoiceKind::survive, 8, version, version);
        PowerLossCount c = disk->lose_power(SurvivalDefault::losing_everything);
        executor->abandon_everything();
        EXPECT_EQ(at(8), expected[version]);
        EXPECT_EQ(c.sectors_undecided, 1u);
        EXPECT_EQ(c.sectors_newer, version == 1 ? 0u : 1u);
    }
}

TEST_F(SimDiskTest, an_atomic_unit_is_never_a_mixture_of_two_states) {
    MediumSpec spec = caching(64);
    spec.atomic = {8};
    // In one unit: an old write to the second half, a newer one to all of it.
    std::set<std::vector<std::uint64_t>> seen;
    for (std::uint32_t version = 0; version < 4; ++version) {
        make(spec);
        write(12, 4, 1);
        write(8, 8, 2);
        pin(ChoiceKind::survive, 8, version + 1, version);
        disk->lose_power(SurvivalDefault::losing_everything);
        executor->abandon_everything();
        seen.insert({at(8), at(11), at(12), at(15)});
    }
    EXPECT_EQ(seen,
              (std::set<std::vector<std::uint64_t>>{{0, 0, 0, 0}, {0, 0, 1, 1}, {2, 2, 2, 2}}));
    // And the other way round: the newer one touches only the second half.
    seen.clear();
    for (std::uint32_t version = 0; version < 4; ++version) {
        make(spec);
        write(16, 8, 1);
        write(20, 4, 2);
        pin(ChoiceKind::survive, 16, version + 1, version);
        disk->lose_power(SurvivalDefault::losing_everything);
        executor->abandon_everything();
        seen.insert({at(16), at(19), at(20), at(23)});
    }
    EXPECT_EQ(seen,
              (std::set<std::vector<std::uint64_t>>{{0, 0, 0, 0}, {1, 1, 1, 1}, {1, 1, 2, 2}}));
}

// Any history, any choice: what is left of a sector is a version not older than the newest durable
// one; and given enough losses every such version is left at some time.
TEST_F(SimDiskTest, survivors_are_exactly_the_versions_that_the_contract_allows) {
    struct History {
        // By sector: what was written, in order of completion; how far it is durable.
        std::map<std::uint64_t, std::vector<std::uint64_t>> versions;
        std::map<std::uint64_t, std::size_t> durable;
    };
    std::uint64_t undecided = 0;
    std::uint64_t allowed = 0;
    std::uint64_t left_something = 0;
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
        std::set<std::pair<std::uint64_t, std::uint64_t>>
            left;  // over several losses of one history
        std::set<std::pair<std::uint64_t, std::uint64_t>> may_be_left;
        for (std::uint64_t repeat = 0; repeat < 24; ++repeat) {
            arena.reset();
            chooser = std::make_unique<Chooser>(arena);
            executor = std::make_unique<SimExecutor>(arena, stacks, *chooser);
            new (&cells) Cells(arena, CellMode::tags);
            requests.clear();
            ends.clear();
            make(caching(16));
            Swarm swarm;
            swarm.survive = {2, 3};
            chooser->drive_randomly(seed * 1000 + repeat, swarm);
            Prng random(seed);  // the history depends on the seed alone
            History h;
            for (std::uint64_t s = 0; s < 16; ++s) h.versions[s] = {0};
            std::uint64_t value = 0;
            const auto remember = [&](const Request& r, std::uint64_t v) {
                for (std::uint64_t i = 0; i < r.length.value; ++i)
                    h.versions[r.start.value + i].push_back(v);
            };
            for (int op = 0; op < 12; ++op) {
                const std::uint64_t start = random.below(14);
                const std::uint64_t count =
                    1 + random.below(std::min<std::uint64_t>(3, 16 - start));
                switch (random.below(6)) {
                    case 0:
                        flush();
                        for (auto& [s, v] : h.versions) h.durable[s] = v.size() - 1;
                        break;
                    case 1: {
                        ++value;
                        write(start, count, value, {.preflush = false, .fua = true});
                        remember(requests.back(), value);
                        for (std::uint64_t i = 0; i < count; ++i) {
                            h.durable[start + i] = h.versions[start + i].size() - 1;
                        }
                        break;
                    }
                    default:
                        ++value;
                        write(start, count, value);
                        remember(requests.back(), value);
                }
            }
            // A last one in flight.
            ++value;
            start_write(random.below(14), 2, value);
            remember(requests.back(), value);
            lose();
            for (std::uint64_t s = 0; s < 16; ++s) {
                const auto& v = h.versions[s];
                std::set<std::uint64_t> possible(
                    v.begin() + static_cast<std::ptrdiff_t>(h.durable[s]), v.end());
                ASSERT_TRUE(possible.count(at(s)) == 1)
                    << "seed " << seed << " sector " << s << " holds " << at(s);
                left.insert({s, at(s)});
                for (const std::uint64_t p : possible) may_be_left.insert({s, p});
                undecided += possible.size() > 1 ? 1 : 0;
            }
        }
        allowed += may_be_left.size();
        left_something += left.size();
        if (HasFailure()) return;
    }
    EXPECT_GT(undecided, 1000u);
    EXPECT_GT(left_something * 100, allowed * 99) << "hardly any state that may be is never made";
}

TEST_F(SimDiskTest, what_a_loss_left_is_the_start_of_the_next_life) {
    make(caching(64));
    write(0, 1, 1);
    write(0, 1, 2);
    survive(0, 2);  // the older of the two
    lose();
    EXPECT_EQ(at(0), 1u);
    write(1, 1, 3);
    lose(SurvivalDefault::keeping_everything);
    EXPECT_EQ(at(0), 1u) << "the write that was lost does not come back at the next loss";
    EXPECT_EQ(at(1), 3u);
}

// ---- Faults ------------------------------------------------------------------------------------

TEST_F(SimDiskTest, a_fault_met_once_is_gone_a_sticky_one_stays_the_nth_hits_only_that) {
    make(plain(64));
    disk->add_inject(fault(RequestClass::write));
    EXPECT_EQ(try_write(0, 1, 1), Errc::eio);
    EXPECT_EQ(at(0), 0u) << "nothing reached the medium";
    EXPECT_EQ(try_write(0, 1, 1), Errc::ok);

    make(plain(64));
    disk->add_inject(fault(RequestClass::write, InjectTimes::sticky));
    for (int i = 0; i < 5; ++i) EXPECT_EQ(try_write(0, 1, 1), Errc::eio);
    Request& r = submit(Op::read, 0, 1);
    run();
    EXPECT_EQ(r.status, Errc::ok) << "of another class";

    make(plain(64));
    disk->add_inject(fault(RequestClass::write, InjectTimes::nth, 3));
    for (int i = 1; i <= 5; ++i) EXPECT_EQ(try_write(0, 1, 1), i == 3 ? Errc::eio : Errc::ok) << i;
}

TEST_F(SimDiskTest, a_fault_with_a_range_counts_only_requests_that_touch_it) {
    make(plain(64));
    Inject i = fault(RequestClass::any, InjectTimes::nth, 2);
    i.anywhere = false;
    i.start = {10};
    i.count = {4};
    disk->add_inject(i);
    EXPECT_EQ(try_write(0, 10, 1), Errc::ok) << "ends where the range begins";
    EXPECT_EQ(try_write(14, 10, 1), Errc::ok) << "begins where it ends";
    EXPECT_EQ(try_write(5, 6, 1), Errc::ok) << "the first that touches it";
    EXPECT_EQ(try_write(13, 1, 2), Errc::eio) << "the second";
    EXPECT_EQ(try_write(10, 4, 1), Errc::ok);
}

TEST_F(SimDiskTest, an_error_may_hide_that_the_write_was_done) {
    make(plain(64));
    disk->add_inject(fault(RequestClass::write, InjectTimes::once, 1, InjectKind::eio_written));
    EXPECT_EQ(try_write(0, 4, 1), Errc::eio);
    EXPECT_EQ(at(0), 1u);
    EXPECT_EQ(at(3), 1u);
}

TEST_F(SimDiskTest, a_slow_request_takes_so_much_longer_and_is_done_all_the_same) {
    make(plain(64));
    Inject i = fault(RequestClass::read, InjectTimes::once, 1, InjectKind::slow);
    i.ms = {3};
    disk->add_inject(i);
    Request& r = submit(Op::read, 0, 1);
    Request& s = submit(Op::read, 0, 1);
    run();
    EXPECT_EQ(r.status, Errc::ok);
    EXPECT_EQ(r.ended_at_us, 3000u);
    EXPECT_EQ(s.ended_at_us, 0u);
}

TEST_F(SimDiskTest, every_class_of_request_is_met_by_its_own_name_and_by_no_other) {
    struct {
        RequestClass c;
        Op op;
        Purpose purpose;
    } const rows[] = {
        {RequestClass::forwarded, Op::write, Purpose::forwarded},
        {RequestClass::copy_read, Op::read, Purpose::copy_read},
        {RequestClass::copy_write, Op::write, Purpose::copy_write},
        {RequestClass::full_write, Op::write, Purpose::full_write},
        {RequestClass::header_read, Op::read, Purpose::header_read},
        {RequestClass::header_write, Op::write, Purpose::header_write},
        {RequestClass::area_read, Op::read, Purpose::area_read},
        {RequestClass::area_write, Op::write, Purpose::area_write},
        {RequestClass::area_zeroing, Op::write, Purpose::area_zeroing},
        {RequestClass::chunk_zeroing, Op::write, Purpose::chunk_zeroing},
        {RequestClass::merge_flush, Op::flush, Purpose::merge_flush},
        {RequestClass::flush, Op::flush, Purpose::flush},
        {RequestClass::discard, Op::discard, Purpose::discard},
    };
    for (const auto& met : rows) {
        for (const auto& request : rows) {
            make(plain(64));
            disk->add_inject(fault(met.c, InjectTimes::sticky));
            Request& r = submit(request.op, 0, request.op == Op::flush ? 0 : 1,
                                {.preflush = false, .fua = false, .purpose = request.purpose});
            run();
            const bool is_meant = met.purpose == request.purpose ||
                                  (met.c == RequestClass::flush && request.op == Op::flush);
            EXPECT_EQ(r.status, is_meant ? Errc::eio : Errc::ok)
                << name_of(met.c) << " meets " << name_of(request.purpose);
        }
    }
    static_assert(sizeof rows / sizeof *rows == request_class_count - 3,
                  "all but any, read and write");
}

TEST_F(SimDiskTest, a_drawn_fault_is_a_choice_like_any_other) {
    make(plain(64));
    const std::uint64_t write_point = static_cast<std::uint64_t>(Purpose::forwarded) << 2 | 1;
    static_assert(static_cast<int>(Op::write) == 1);
    pin(ChoiceKind::fault, write_point, 1, 1);
    pin(ChoiceKind::fault, write_point, 2, 2);
    EXPECT_EQ(try_write(0, 1, 1), Errc::eio);
    EXPECT_EQ(at(0), 0u);
    EXPECT_EQ(try_write(0, 1, 2), Errc::eio);
    EXPECT_EQ(at(0), 2u);
    EXPECT_EQ(try_write(0, 1, 3), Errc::ok);
    EXPECT_EQ(chooser->pins_met(), 2u);
}

// ---- The medium --------------------------------------------------------------------------------

TEST_F(SimDiskTest, equal_contents_have_equal_digests_however_they_came_about) {
    make(caching(64));
    const std::uint64_t empty = disk->content_digest();
    write(3, 1, 1);
    EXPECT_NE(disk->content_digest(), empty);
    const std::uint64_t one = disk->content_digest();
    disk->raw_write({3}, zero_content);
    EXPECT_EQ(disk->content_digest(), empty);

    make(plain(64));
    write(40, 8, 7);
    disk->raw_write({3}, pattern_word(1, 3));
    for (std::uint64_t s = 40; s < 48; ++s) disk->raw_write({s}, zero_content);
    EXPECT_EQ(disk->content_digest(), one);
    disk->raw_write({3}, zero_content);
    disk->raw_write({4}, pattern_word(1, 3));
    EXPECT_NE(disk->content_digest(), one) << "the same content elsewhere is another disk";
}

TEST_F(SimDiskTest, a_raw_write_is_durable_at_once) {
    make(caching(64));
    write(0, 1, 1);
    disk->raw_write({0}, pattern_word(2, 0));
    lose(SurvivalDefault::keeping_everything);
    EXPECT_EQ(at(0), 2u) << "newer than what the cache held";
}

TEST_F(SimDiskTest, a_disk_of_many_tebibytes_costs_only_what_is_written) {
    make(caching(std::uint64_t{1} << 55));
    for (std::uint64_t i = 0; i < 1000; ++i) write(i << 45, 8, 1 + i);
    for (std::uint64_t i = 0; i < 1000; ++i) ASSERT_EQ(at((i << 45) + 7), 1 + i);
    EXPECT_LT(arena.used(), 4u << 20);
}

TEST_F(SimDiskTest, what_a_request_and_its_data_took_comes_back) {
    make(caching(1024));
    for (int i = 0; i < 3; ++i) {
        for (std::uint64_t s = 0; s < 1024; s += 8) write(s, 8, 1);
        flush();
    }
    for (Request& r : requests) cells.free_cells(r.cells, r.cell_count);
    requests.clear();
    const std::size_t before = arena.live_bytes();
    for (int i = 0; i < 20; ++i) {
        for (std::uint64_t s = 0; s < 1024; s += 8) write(s, 8, 1);
        flush();
        lose();
        for (Request& r : requests) cells.free_cells(r.cells, r.cell_count);
        requests.clear();
        ends.clear();
    }
    EXPECT_EQ(arena.live_bytes(), before);
}

}  // namespace
}  // namespace cowlab
