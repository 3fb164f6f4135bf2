// Protects the check of the world itself: no engine can break INV-40, so its witness is a disk that
// does. Requests are told by hand, the disk is changed by hand.
#include "world/checkers/atomic_unit.h"

#include <gtest/gtest.h>

#include <list>

#include "sim/sim_world_test_support.h"

namespace cowlab {
namespace {

class Judged final : public JudgedDisks {
  public:
    bool is_judged(const BlockDevice&) override { return true; }
};

class Units {
  public:
    Units() : units_({w_.world(), verdict_, judged_}) { w_.ok("disk d 64 zero cache atomic 8"); }

    // A write of two sectors that ends and that no flush covers.
    void write(std::uint64_t start, ContentId first, ContentId second) {
        const Payload data = w_.sim().cells().allocate_cells({2});
        w_.sim().cells().set_content(data, 0, first);
        w_.sim().cells().set_content(data, 1, second);
        Bio& bio = bios_.emplace_back();
        bio.op = Op::write;
        bio.start = {start};
        bio.length = {2};
        bio.payload = data;
        units_.request_issued(actor_id_of("d"), bio);
        units_.request_done(actor_id_of("d"), bio);
    }
    void lose_power_leaving(std::uint64_t start, std::initializer_list<ContentId> ids) {
        units_.power_lost();
        for (const ContentId id : ids) w_.medium("d").raw_write({start++}, id);
        units_.devices_changed();
    }
    bool objects() const { return verdict_.failed && verdict_.invariant == 40; }
    std::uint64_t looks() const { return units_.evaluations(); }

  private:
    TestWorld w_;
    Verdict verdict_;
    Judged judged_;
    AtomicUnits units_;
    std::list<Bio> bios_;
};

constexpr ContentId a = pattern_word(7, 1);
constexpr ContentId b = pattern_word(8, 1);

TEST(AtomicUnits, nothing_all_or_the_first_of_two_writes_may_be_left) {
    for (const auto left : {std::initializer_list<ContentId>{0, 0, 0}, {a, a, 0}, {a, b, b}}) {
        Units u;
        u.write(0, a, a);
        u.write(1, b, b);
        u.lose_power_leaving(0, left);
        EXPECT_FALSE(u.objects());
        EXPECT_EQ(u.looks(), 1u);  // the one unit, for each write to it
    }
}

TEST(AtomicUnits, half_a_write_or_the_second_without_the_first_may_not) {
    for (const auto left : {std::initializer_list<ContentId>{a, 0, 0}, {0, b, b}, {a, a, b}}) {
        Units u;
        u.write(0, a, a);
        u.write(1, b, b);
        u.lose_power_leaving(0, left);
        EXPECT_TRUE(u.objects());
    }
}

TEST(AtomicUnits, units_are_lost_one_by_one) {
    Units u;
    u.write(7, a, a);  // the last sector of one, the first of the next
    u.lose_power_leaving(7, {a, 0});
    EXPECT_FALSE(u.objects());
}

}  // namespace
}  // namespace cowlab
