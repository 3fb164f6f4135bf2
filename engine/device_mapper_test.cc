// The device mapper as dmsetup shows it: verbs, their errors, what a failed one leaves behind, and
// what a table may stand on (spec §2, §18.1).
#include "engine/device_mapper.h"

#include <gtest/gtest.h>

#include <string>

#include "sim/sim_world_test_support.h"

namespace cowlab {
namespace {

struct DeviceMapperTest : testing::Test {
    TestWorld w;
    DeviceMapperTest() { w.ok("disk d 64 fill 1\ndisk e 64 fill 2"); }

    // A table of one target, as the engine takes it.
    Errc load_line(std::string_view name, std::string_view type, std::uint64_t start,
                   std::uint64_t length, std::vector<std::string_view> args) {
        Errc e = Errc::ok;
        const TableLine line{{start}, {length}, type, args.data(), args.size()};
        w.on_fiber([&] { e = w.mapper().load(name, &line, 1, TableMode::read_write); });
        return e;
    }
    std::uint64_t event_number(std::string_view name) {
        return w.mapper().find(name)->event_number();
    }
    bool logged(std::string_view text) {
        for (const auto& line : w.world().events().log_lines()) {
            if (line.text.find(text) != std::string_view::npos) return true;
        }
        return false;
    }
};

// ---- Names ------------------------------------------------------------------------------------

TEST_F(DeviceMapperTest, a_name_is_there_once) {
    w.ok("new a");
    EXPECT_EQ(w.run("new a"), "= err EBUSY");
    EXPECT_EQ(w.run("create a 0 8 zero"), "= err EBUSY (create)");
    EXPECT_EQ(w.run("new d"), "= err EBUSY") << "a base disk has its mapped device";
}

TEST_F(DeviceMapperTest, a_name_that_cannot_be_is_refused) {
    for (const std::string& name : {std::string(), std::string("a/b"), std::string(128, 'x')}) {
        Errc e = Errc::ok;
        w.on_fiber([&] { e = w.mapper().create(name); });
        EXPECT_EQ(e, Errc::einval) << name;
        EXPECT_EQ(w.mapper().find(name), nullptr);
    }
    const std::string longest(MappedDevice::name_max, 'x');
    Errc e = Errc::eio;
    w.on_fiber([&] { e = w.mapper().create(longest); });
    EXPECT_EQ(e, Errc::ok);
    EXPECT_NE(w.mapper().find(longest), nullptr);
}

TEST_F(DeviceMapperTest, every_verb_on_a_device_that_is_not_there_is_enxio) {
    for (const char* line : {"load x 0 8 zero", "suspend x", "resume x", "clear x", "remove x",
                             "rename x y", "message x 0 mark m", "status x", "table x", "info x"}) {
        EXPECT_EQ(w.run(line), "= err ENXIO") << line;
    }
}

TEST_F(DeviceMapperTest, a_rename_keeps_the_device_and_counts_as_an_event) {
    w.ok("create a 0 8 linear @d 0\nrename a b");
    EXPECT_EQ(w.run("info a"), "= err ENXIO");
    EXPECT_EQ(w.run("info b"), "= open 0 event 1 targets 1 live");
    w.ok("new c");
    EXPECT_EQ(w.run("rename b c"), "= err EBUSY");
    EXPECT_EQ(w.run("info b"), "= open 0 event 1 targets 1 live") << "a refused one is no event";
}

// ---- Tables ------------------------------------------------------------------------------------

TEST_F(DeviceMapperTest, a_loaded_table_shows_only_when_it_is_resumed) {
    w.ok("create a 0 8 linear @d 0\nload a 0 16 linear @e 8");
    EXPECT_EQ(w.run("table a"), "= 0 8 linear @d 0");
    EXPECT_EQ(w.run("inactive a"), "= 0 16 linear @e 8");
    EXPECT_EQ(w.run("info a"), "= open 0 event 0 targets 1 live inactive");
    EXPECT_EQ(w.run("read a 0 8"), w.run("read d 0 8"));
    w.ok("resume a");
    EXPECT_EQ(w.run("table a"), "= 0 16 linear @e 8");
    EXPECT_EQ(w.run("inactive a"), "= ");
    EXPECT_EQ(w.run("read a 0 8"), w.run("read e 8 8"));
}

TEST_F(DeviceMapperTest, a_failed_load_keeps_the_table_that_was_loaded_before) {
    w.ok("new a\nload a 0 8 linear @d 0");
    for (const char* table :
         {"0 8 linear @nothing 0", "0 8 linear @d", "0 8 linear @d x", "0 8 no-such-target",
          "8 8 zero", "0 8 zero ; 9 8 zero", "0 8 zero ; 4 8 zero", "0 0 zero", "0 8 zero x"}) {
        const std::string answer = w.run("load a " + std::string(table));
        EXPECT_EQ(answer.substr(0, 6), "= err ") << table << ": " << answer;
        EXPECT_EQ(w.run("inactive a"), "= 0 8 linear @d 0") << table;
        EXPECT_EQ(w.run("info e"), "= open 0 event 0 targets 1 live");
    }
    w.ok("resume a");
    EXPECT_EQ(w.run("table a"), "= 0 8 linear @d 0");
}

TEST_F(DeviceMapperTest, a_table_that_does_not_fit_is_refused_when_it_would_become_live) {
    w.ok("new a");
    EXPECT_EQ(w.run("load a 0 8 linear @d 60"), "= err EINVAL") << "the first is tested at load";
    w.ok("create b 0 8 linear @d 0\nload b 0 8 linear @d 60");
    EXPECT_EQ(w.run("resume b"), "= err EINVAL");
    EXPECT_EQ(w.run("info b"), "= open 0 event 0 targets 1 suspended live");
    EXPECT_EQ(w.run("inactive b"), "= ");
    EXPECT_EQ(w.run("info d"), "= open 1 event 0 targets 1 live") << "the refused table let it go";
    w.ok("resume b");
    EXPECT_EQ(w.run("table b"), "= 0 8 linear @d 0");
}

TEST_F(DeviceMapperTest, a_device_that_no_longer_fits_is_refused_when_it_would_become_live) {
    w.ok("create below 0 16 linear @d 0\nnew a\nload a 0 16 linear @below 0");
    w.ok("load below 0 8 linear @d 0\nresume below");
    EXPECT_EQ(w.run("resume a"), "= err EINVAL") << "it fitted when it was loaded";
}

TEST_F(DeviceMapperTest, clear_empties_the_inactive_slot_and_lets_its_devices_go) {
    w.ok("new a\nload a 0 8 linear @d 0");
    EXPECT_EQ(w.run("info d"), "= open 1 event 0 targets 1 live");
    w.ok("clear a");
    EXPECT_EQ(w.run("inactive a"), "= ");
    EXPECT_EQ(w.run("info d"), "= open 0 event 0 targets 1 live");
    w.ok("clear a\nresume a");  // nothing there, nothing to do
    w.ok("suspend a");
    EXPECT_EQ(w.run("resume a"), "= err EINVAL") << "a suspended device without any table";
}

TEST_F(DeviceMapperTest, suspend_and_resume_do_nothing_when_there_is_nothing_to_do) {
    w.ok("create a 0 8 linear @d 0\nresume a");
    EXPECT_EQ(w.run("info a"), "= open 0 event 0 targets 1 live");
    w.ok("suspend a\nsuspend a");
    EXPECT_EQ(w.run("info a"), "= open 0 event 0 targets 1 suspended live");
    w.ok("resume a");
    EXPECT_EQ(w.run("info a"), "= open 0 event 0 targets 1 live");
}

TEST_F(DeviceMapperTest, a_table_of_several_targets_is_found_sector_by_sector) {
    w.ok("create a 0 8 linear @d 8 ; 8 8 zero ; 16 8 linear @e 40");
    EXPECT_EQ(w.contents("read a 4 16"), "1@12+4 0+8 2@40+4");
    EXPECT_EQ(w.run("table a"), "= 0 8 linear @d 8 ; 8 8 zero  ; 16 8 linear @e 40");
    w.ok("write a 6 12 7");
    EXPECT_EQ(w.contents("read d 12 6"), "1@12+2 7@6+2 1@16+2");
    EXPECT_EQ(w.contents("read e 40 4"), "7@16+2 2@42+2");
}

// ---- Who stands on whom ------------------------------------------------------------------------

TEST_F(DeviceMapperTest, a_device_in_use_cannot_be_removed) {
    w.ok("create a 0 8 linear @d 0\nnew b\nload b 0 8 linear @a 0");
    EXPECT_EQ(w.run("remove a"), "= err EBUSY") << "held by an inactive table";
    w.ok("resume b");
    EXPECT_EQ(w.run("remove a"), "= err EBUSY") << "held by a live table";
    EXPECT_EQ(w.run("info a"), "= open 1 event 0 targets 1 live");
    w.ok("load b 0 8 zero\nresume b\nremove a");
    EXPECT_EQ(w.mapper().find("a"), nullptr);
}

TEST_F(DeviceMapperTest, one_mapped_device_counts_once_for_each_device_it_uses) {
    w.ok(
        "create a 0 8 linear @d 0 ; 8 8 linear @d 8\nload a 0 8 linear @d 16\ncreate b 0 8 linear "
        "@d 0");
    EXPECT_EQ(w.run("info d"), "= open 2 event 0 targets 1 live");
}

TEST_F(DeviceMapperTest, io_under_way_holds_a_device) {
    w.ok("create a 0 8 linear @d 0\nsuspend a\nbg w write a 0 8 3\nsleep 1");
    EXPECT_EQ(w.run("info a"), "= open 1 event 0 targets 1 suspended live");
    EXPECT_EQ(w.run("remove a"), "= err EBUSY");
    w.ok("resume a\nwait w\nremove a");
}

TEST_F(DeviceMapperTest, a_device_cannot_stand_on_itself_at_any_distance) {
    w.ok("create a 0 8 linear @d 0\ncreate b 0 8 linear @a 0\ncreate c 0 8 linear @b 0");
    for (const char* table : {"0 8 linear @a 0", "0 8 linear @b 0", "0 8 linear @c 0",
                              "0 4 zero ; 4 4 linear @c 0", "0 8 snapshot-origin @c"}) {
        EXPECT_EQ(w.run("load a " + std::string(table)), "= err EINVAL") << table;
    }
    EXPECT_TRUE(logged("the device would stand on itself"));
    EXPECT_EQ(w.run("table a"), "= 0 8 linear @d 0");
    EXPECT_EQ(w.run("read c 0 8"), w.run("read d 0 8"));
}

TEST_F(DeviceMapperTest, a_loop_through_inactive_tables_is_refused_before_it_can_become_live) {
    w.ok("new a\nnew b\nload a 0 8 linear @d 0\nload b 0 8 linear @d 0\nresume a\nresume b");
    w.ok("load a 0 8 linear @b 0");  // a will stand on b …
    EXPECT_EQ(w.run("load b 0 8 linear @a 0"), "= err EINVAL") << "… so b may not stand on a";
    w.ok("clear a\nload b 0 8 linear @a 0");
}

TEST_F(DeviceMapperTest, a_stack_as_deep_as_is_allowed_carries_io_and_one_more_is_refused) {
    // As deep as DeviceMapper lets it become: a request's way down must fit a fiber's stack, in
    // every build.
    std::string below = "d";
    std::string last_but_one = "d";
    int depth = 0;
    for (; depth < 1000; ++depth) {
        const std::string name = "l" + std::to_string(depth);
        if (w.run("create " + name + " 0 64 linear @" + below + " 0") != "= ok") break;
        last_but_one = below;
        below = name;
    }
    EXPECT_GE(depth, 50);
    EXPECT_LT(depth, 1000);
    EXPECT_TRUE(logged("more than"));
    w.ok("write " + below + " 3 2 9");
    EXPECT_EQ(w.contents("read " + below + " 0 8"), "1@0+3 9@3+2 1@5+3");
    // And as an origin: the copies of a snapshot go down the same way.
    w.ok("disk cow 256 zero\ncreate s 0 64 snapshot @" + last_but_one + " @cow P 8\nwrite s 1 1 4");
    EXPECT_EQ(w.contents("read s 0 8"), "1@0+1 4@1+1 1@2+1 9@3+2 1@5+3");
    std::printf("deepest stack: %d devices\n", depth);
}

TEST_F(DeviceMapperTest, piles_that_are_joined_are_measured_as_a_whole) {
    // Each of them is allowed; put on top of each other from the top down, no single table stands
    // on more than 100 others, and yet a request would have 800 to go through.
    constexpr int piles = 8;
    constexpr int height = 100;
    const auto name = [](int pile, int i) {
        return "p" + std::to_string(pile) + "-" + std::to_string(i);
    };
    for (int p = 0; p < piles; ++p) {
        std::string below = "d";
        for (int i = 0; i < height; ++i) {
            w.ok("create " + name(p, i) + " 0 64 linear @" + below + " 0");
            below = name(p, i);
        }
    }
    int refused = 0;
    for (int p = 0; p + 1 < piles; ++p) {
        const std::string answer =
            w.run("load " + name(p, 0) + " 0 64 linear @" + name(p + 1, height - 1) + " 0");
        refused += answer == "= err EINVAL" ? 1 : 0;
        w.ok("resume " + name(p, 0) + "\nwrite " + name(0, height - 1) + " 0 8 " +
             std::to_string(p + 1));
    }
    EXPECT_GE(refused, 1);
    EXPECT_EQ(w.contents("read d 0 8"), "7@0+8");
}

TEST_F(DeviceMapperTest, a_mesh_of_devices_is_looked_at_once_a_device_not_once_a_way_through) {
    // Two devices a level, each on both of the level below: 2^40 ways lead down. A load that walked
    // them all would never answer.
    w.ok("create a0 0 8 linear @d 0\ncreate b0 0 8 linear @e 0");
    for (int level = 1; level <= 40; ++level) {
        const std::string below = std::to_string(level - 1);
        for (const char* side : {"a", "b"}) {
            w.ok("create " + std::string(side) + std::to_string(level) + " 0 4 linear @a" + below +
                 " 0 ; 4 4 linear @b" + below + " 0");
        }
    }
    EXPECT_EQ(w.contents("read b40 3 2"), "1@3+1 1@0+1")
        << "sector 4 is sector 0 of the level below";
    EXPECT_EQ(w.run("load a0 0 8 linear @b40 0"), "= err EINVAL");
}

// ---- What a target type is asked ---------------------------------------------------------------

TEST_F(DeviceMapperTest, a_line_is_checked_against_the_devices_it_names) {
    w.ok("new a");
    EXPECT_EQ(load_line("a", "linear", 0, 64, {"/dev/mapper/d", "0"}), Errc::ok) << "by name";
    EXPECT_EQ(load_line("a", "linear", 0, 64, {"7:0", "0"}), Errc::ok) << "by number";
    EXPECT_EQ(load_line("a", "linear", 0, 64, {"/dev/mapper/x", "0"}), Errc::enodev);
    EXPECT_EQ(load_line("a", "linear", 0, 64, {"7:99", "0"}), Errc::enodev);
    EXPECT_EQ(load_line("a", "linear", 0, 64, {"7:x", "0"}), Errc::enodev);
    EXPECT_EQ(load_line("a", "linear", 0, 64, {"d", "0"}), Errc::enodev) << "a word is a path";
    w.ok("new b");  // a later table is tested when it becomes live
    EXPECT_EQ(load_line("b", "linear", 0, 64, {"7:0", "1"}), Errc::einval) << "ends outside";
    EXPECT_EQ(load_line("b", "linear", 0, 64, {"7:0", "18446744073709551615"}), Errc::einval);
    EXPECT_EQ(load_line("a", "linear", 0, 64, {"7:0", "18446744073709551616"}), Errc::einval);
    EXPECT_EQ(load_line("a", "linear", 0, UINT64_MAX, {"7:0", "0"}), Errc::einval)
        << "too many sectors";
    EXPECT_EQ(load_line("a", "zero", 0, UINT64_MAX / 512, {}), Errc::ok);
    EXPECT_EQ(load_line("a", "zero", 0, UINT64_MAX / 512 + 1, {}), Errc::einval);
    EXPECT_EQ(w.run("inactive a"), "= 0 36028797018963967 zero");
}

TEST_F(DeviceMapperTest, a_table_without_lines_is_refused) {
    w.ok("new a");
    Errc e = Errc::ok;
    w.on_fiber([&] { e = w.mapper().load("a", nullptr, 0, TableMode::read_write); });
    EXPECT_EQ(e, Errc::einval);
}

TEST_F(DeviceMapperTest, limits_are_the_largest_below_and_a_misaligned_line_is_refused) {
    w.ok("disk f 64 zero lbs 4096\ndisk g 64 zero lbs 1024");
    w.ok("create a 0 8 linear @d 0 ; 8 8 linear @f 0 ; 16 8 linear @g 0");
    EXPECT_EQ(w.run("limits a"), "= sectors 24 lbs 4096 pbs 4096 iomin 4096 ioopt 0 ro 0");
    w.ok("create z 0 8 zero");
    EXPECT_EQ(w.run("limits z"), "= sectors 8 lbs 512 pbs 512 iomin 512 ioopt 0 ro 0");
    w.ok("new b");
    EXPECT_EQ(w.run("load b 0 4 linear @f 0"), "= err EINVAL") << "not a block of f";
    EXPECT_EQ(w.run("load b 0 4 linear @d 0 ; 4 8 linear @f 0"), "= err EINVAL")
        << "a block across a line";
    EXPECT_EQ(w.run("load b 0 8 linear @f 4"), "= err EINVAL");
    w.ok("load b 0 2 linear @g 2");
}

TEST_F(DeviceMapperTest, a_read_only_table_refuses_what_changes_it) {
    w.ok("create_ro a 0 8 linear @d 0");
    EXPECT_EQ(w.run("write a 0 1 5"), "= err EPERM");
    EXPECT_EQ(w.run("zeroout a 0 1"), "= err EPERM");
    EXPECT_EQ(w.run("writebytes a 0 ff"), "= err EPERM");
    EXPECT_EQ(w.run("info a"), "= open 0 event 0 targets 1 live ro");
    EXPECT_EQ(w.run("limits a"), "= sectors 8 lbs 512 pbs 4096 iomin 4096 ioopt 0 ro 1");
}

// ---- Requests and suspends ---------------------------------------------------------------------

TEST_F(DeviceMapperTest, held_io_meets_the_table_that_is_live_after_the_resume) {
    w.ok(
        "create a 0 8 linear @d 0\nsuspend a\nbg w write a 0 8 7\nbg r read a 0 8\nload a 0 8 "
        "linear @e 0");
    EXPECT_EQ(w.run("poll w"), "= pending");
    w.ok("resume a\nwait w");
    EXPECT_EQ(w.contents("read d 0 8"), "1@0+8") << "the table of then is gone";
    EXPECT_EQ(w.contents("read e 0 8"), "7@0+8");
    EXPECT_EQ(w.contents("wait r"), "7@0+8") << "held requests go on in their order";
}

TEST_F(DeviceMapperTest, suspend_waits_for_what_is_under_way) {
    w.ok("create a 0 8 linear @d 0\nfault d delay 0 50\nbg w write a 0 8 7");
    EXPECT_EQ(w.run("poll w"), "= pending");
    w.ok("suspend a");
    EXPECT_EQ(w.run("poll w"), "= ok") << "the suspend has waited for it";
}

TEST_F(DeviceMapperTest, removing_a_suspended_device_with_held_io_is_refused_while_somebody_waits) {
    w.ok("create a 0 8 linear @d 0\nsuspend a\nlane L write a 0 8 7");
    w.run_out();
    EXPECT_EQ(w.run("remove a"), "= err EBUSY");
    w.ok("resume a\njoin\nremove a");
}

// ---- Events and messages -----------------------------------------------------------------------

TEST_F(DeviceMapperTest, somebody_who_waits_for_an_event_goes_on_when_it_comes) {
    w.ok("create a 0 8 linear @d 0");
    struct Waiting : Task {
        MappedDevice* device;
        std::uint64_t seen;
        bool over = false;
    } waiting;
    waiting.device = w.mapper().find("a");
    waiting.seen = waiting.device->event_number();
    waiting.run = [](Task& t) {
        auto& self = static_cast<Waiting&>(t);
        self.device->wait_for_event(self.seen);
        self.over = true;
    };
    w.guarded([&] { w.sim().executor().spawn(waiting); });
    w.run_out();
    EXPECT_FALSE(waiting.over) << "nothing has happened yet";
    w.ok("suspend a\nresume a\nwrite a 0 1 1");
    EXPECT_FALSE(waiting.over) << "these are no events";
    w.ok("rename a b");
    EXPECT_TRUE(waiting.over);
    // An event that came before one waits is not waited for.
    bool returned = false;
    w.on_fiber([&] {
        waiting.device->wait_for_event(waiting.seen);
        returned = true;
    });
    EXPECT_TRUE(returned);
}

TEST_F(DeviceMapperTest, an_invalidation_is_an_event_and_reloads_keep_the_number) {
    w.ok("disk cow 32 zero\ncreate s 0 64 snapshot @d @cow P 8\nrename s t");
    EXPECT_EQ(event_number("t"), 1u);
    // Chunks 0 and 1 are metadata, 2 and 3 can be allocated; the third write finds none.
    w.ok("write t 0 1 3\nwrite t 8 1 3");
    EXPECT_EQ(w.run("write t 16 1 3"), "= err EIO");
    EXPECT_EQ(event_number("t"), 2u);
    w.ok("load t 0 64 zero\nresume t");
    EXPECT_EQ(event_number("t"), 2u) << "the counter belongs to the device, not to its table";
}

TEST_F(DeviceMapperTest, a_message_goes_to_the_target_that_covers_the_sector) {
    w.ok("disk log 64\ncreate a 0 8 zero ; 8 8 log-writes @d @log");
    EXPECT_EQ(w.run("message a 0 mark here"), "= err EINVAL") << "zero takes no messages";
    w.ok("message a 8 mark here");
    EXPECT_EQ(w.run("message a 16 mark here"), "= err EINVAL") << "beyond the table";
    w.ok("new b");
    EXPECT_EQ(w.run("message b 0 mark here"), "= err EINVAL") << "no live table";
}

// ---- Memory ------------------------------------------------------------------------------------

TEST_F(DeviceMapperTest, what_devices_and_requests_held_comes_back_when_they_are_gone) {
    const std::uint64_t before = w.sim().sim_memory().held();
    w.ok("create a 0 8 linear @d 0 ; 8 8 error\nload a 0 8 zero\ncreate b 0 8 linear @a 0");
    w.ok("write b 0 8 1\nbg w write b 0 8 2\nwait w\nflush b\nsuspend b\nresume b");
    w.ok("remove b\nremove a");
    EXPECT_EQ(w.sim().sim_memory().held(), before);
    EXPECT_EQ(w.sim().sim_executor().fibers_active(), 0u);
}

}  // namespace
}  // namespace cowlab
