// Protects each rule of the model by one story: what was told to it, what it then allows, and why.
// That the rules are the right ones is for histories_test.cc and naive_world_test.cc to show.
#include "model/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

namespace cowlab::model {
namespace {

using Ids = std::vector<ContentId>;

// One origin of 64 sectors whose sector s holds `old(s)`, and short words for what users do.
class Story : public ::testing::Test {
  protected:
    static ContentId old(std::uint64_t s) { return pattern_content(7, {s}); }

    Arena arena_{1 << 24};
    Model model_{arena_};
    OriginId o_ = model_.add_origin({64}, Content::pattern(7));

    // Every sector of the write holds `id`.
    Op begin(VolumeId v, std::uint64_t s, ContentId id, WriteKind kind = WriteKind::plain,
             std::uint64_t count = 1) {
        const auto same = [](void* context, Sectors, std::uint64_t) {
            return *static_cast<ContentId*>(context);
        };
        return model_.begin_write(v, {s}, {count}, Content::from(same, &id), kind);
    }
    void write(VolumeId v, std::uint64_t s, ContentId id, WriteKind kind = WriteKind::plain) {
        model_.end_write(begin(v, s, id, kind), Errc::ok);
    }
    void write_fails(VolumeId v, std::uint64_t s, ContentId id, Errc error) {
        model_.end_write(begin(v, s, id), error);
    }
    void flush(VolumeId v) { model_.end_flush(model_.begin_flush(v), Errc::ok); }
    std::optional<Violation> read(VolumeId v, std::uint64_t s, ContentId id) {
        return model_.end_read(model_.begin_read(v, {s}, {1}), std::span(&id, 1));
    }
    bool sees(VolumeId v, std::uint64_t s, ContentId id) { return !read(v, s, id); }
    Ids may_see(VolumeId v, std::uint64_t s) {
        ContentId ids[16];
        return {ids, ids + std::min(16u, model_.allowed(v, {s}, ids))};
    }
    Ids may_survive(VolumeId v, std::uint64_t s) {
        ContentId ids[16];
        return {ids, ids + std::min(16u, model_.survivors(v, {s}, ids))};
    }
    static Ids set(Ids ids) {
        std::sort(ids.begin(), ids.end());
        return ids;
    }
    Rule rule_of_wrong_read(VolumeId v, std::uint64_t s) {
        const auto violation = read(v, s, 0xbad);
        EXPECT_TRUE(violation);
        return violation ? violation->rule : Rule::visibility;
    }
};

// ---- visibility

using Visibility = Story;

TEST_F(Visibility, AnUntouchedSectorHoldsItsFirstContent) {
    EXPECT_TRUE(sees(o_, 5, old(5)));
    EXPECT_FALSE(sees(o_, 5, 0));
    const OriginId zeroed = model_.add_origin({8}, Content::zeros());
    EXPECT_TRUE(sees(zeroed, 3, 0));
    const ContentId image[] = {11, 12};
    const OriginId imaged = model_.add_origin({8}, Content::table(image, 2));
    EXPECT_TRUE(sees(imaged, 1, 12));
    EXPECT_TRUE(sees(imaged, 2, 0)) << "beyond the table a disk is zeros";
}

TEST_F(Visibility, ACompletedWriteIsReadAndNothingElse) {
    write(o_, 5, 100);
    EXPECT_EQ(may_see(o_, 5), Ids{100});
    EXPECT_FALSE(sees(o_, 5, old(5)));
    EXPECT_TRUE(sees(o_, 6, old(6)));
}

TEST_F(Visibility, AWriteInFlightMayOrMayNotBeRead) {
    const Op w = begin(o_, 5, 100);
    EXPECT_EQ(may_see(o_, 5), set({old(5), 100}));
    model_.end_write(w, Errc::ok);
    EXPECT_EQ(may_see(o_, 5), Ids{100});
}

TEST_F(Visibility, OnceReadAWriteInFlightHasHappened) {
    begin(o_, 5, 100);
    EXPECT_TRUE(sees(o_, 5, 100));
    EXPECT_EQ(may_see(o_, 5), Ids{100}) << "the old content does not come back";
}

TEST_F(Visibility, AReadThatBeganBeforeAWriteEndedMayReturnWhatWasBefore) {
    const Op r = model_.begin_read(o_, {5}, {1});
    write(o_, 5, 100);
    write(o_, 5, 101);
    for (int i = 0; i < 100; ++i) write(o_, 5, 200 + static_cast<ContentId>(i));
    const ContentId seen = old(5);
    EXPECT_FALSE(model_.end_read(r, std::span(&seen, 1)))
        << "kept as long as the read may ask for it";
}

TEST_F(Visibility, OverlappingWritesLeaveEitherUntilARead) {
    const Op a = begin(o_, 5, 100);
    const Op b = begin(o_, 5, 101);
    model_.end_write(a, Errc::ok);
    model_.end_write(b, Errc::ok);
    EXPECT_EQ(may_see(o_, 5), set({100, 101}));
    EXPECT_TRUE(sees(o_, 5, 100));
    EXPECT_EQ(may_see(o_, 5), Ids{100});
    EXPECT_EQ(model_.counters().decided, 1u);
}

TEST_F(Visibility, AFailedWriteMayHaveHappenedSectorBySector) {
    model_.end_write(begin(o_, 5, 100, WriteKind::plain, 2), Errc::eio);
    EXPECT_EQ(may_see(o_, 5), set({old(5), 100}));
    EXPECT_TRUE(sees(o_, 5, 100));
    EXPECT_TRUE(sees(o_, 6, old(6))) << "one sector was written, the other was not";
    EXPECT_FALSE(sees(o_, 6, 100)) << "and so it stays";
}

TEST_F(Visibility, AFailedWriteDoesNotComeUpBehindALaterOne) {
    write_fails(o_, 5, 100, Errc::eio);
    write(o_, 5, 101);
    EXPECT_EQ(may_see(o_, 5), Ids{101});
}

TEST_F(Visibility, AFailedWriteNeverSupersedes) {
    write(o_, 5, 100);
    for (ContentId id = 200; id < 260; ++id) write_fails(o_, 5, id, Errc::eio);
    EXPECT_TRUE(sees(o_, 5, 100));
}

TEST_F(Visibility, ARefusedWriteNeverHappened) {
    write_fails(o_, 5, 100, Errc::enospc);
    EXPECT_EQ(may_see(o_, 5), Ids{old(5)});
}

TEST_F(Visibility, ADiscardZeroesOrDoesNothing) {
    model_.end_discard(model_.begin_discard(o_, {4}, {2}), Errc::ok);
    EXPECT_EQ(may_see(o_, 4), set({0, old(4)}));
    EXPECT_TRUE(sees(o_, 4, 0));
    EXPECT_TRUE(sees(o_, 5, old(5)));
    EXPECT_FALSE(sees(o_, 4, old(4)));
    model_.end_discard(model_.begin_discard(o_, {6}, {1}), Errc::eopnotsupp);
    EXPECT_EQ(may_see(o_, 6), Ids{old(6)});
}

TEST_F(Visibility, EqualContentsOfSeveralWritesDoNotConfuse) {
    model_.end_discard(model_.begin_discard(o_, {5}, {1}), Errc::ok);
    write_fails(o_, 5, 0, Errc::eio);
    EXPECT_TRUE(sees(o_, 5, 0)) << "whoever of the two wrote the zeros";
    EXPECT_EQ(may_see(o_, 5), Ids{0});
}

TEST_F(Visibility, AViolationNamesWhatWasAllowed) {
    begin(o_, 5, 100);
    const auto violation = read(o_, 5, 999);
    ASSERT_TRUE(violation);
    EXPECT_EQ(violation->volume, VolumeId{o_});
    EXPECT_EQ(violation->sector, Sectors{5});
    EXPECT_EQ(violation->observed, 999u);
    EXPECT_EQ(violation->allowed_count, 2u);
    EXPECT_EQ(violation->rule, Rule::visibility);
    EXPECT_EQ(model_.counters().violated[static_cast<unsigned>(Rule::visibility)], 1u);
}

TEST_F(Visibility, AReadOfSeveralSectorsNamesTheFirstWrongOne) {
    const ContentId ids[] = {old(0), old(1), 999, 998};
    const auto violation = model_.end_read(model_.begin_read(o_, {0}, {4}), ids);
    ASSERT_TRUE(violation);
    EXPECT_EQ(violation->sector, Sectors{2});
}

// ---- snapshots

using Snapshots = Story;

TEST_F(Snapshots, ASnapshotKeepsTheOriginAsItWas) {
    write(o_, 5, 100);
    const SnapshotId s = model_.add_snapshot(o_, {64});
    for (ContentId id = 101; id < 140; ++id) {
        write(o_, 5, id);
        flush(o_);
    }
    write(o_, 6, 200);
    EXPECT_TRUE(sees(s, 5, 100));
    EXPECT_TRUE(sees(s, 6, old(6)));
    EXPECT_FALSE(sees(s, 6, 200));
    EXPECT_TRUE(sees(o_, 5, 139));
    EXPECT_EQ(rule_of_wrong_read(s, 6), Rule::snapshot_immutability);
}

TEST_F(Snapshots, EachSnapshotHasItsOwnMoment) {
    const SnapshotId a = model_.add_snapshot(o_, {64});
    write(o_, 5, 100);
    const SnapshotId b = model_.add_snapshot(o_, {64});
    write(o_, 5, 101);
    const SnapshotId c = model_.add_snapshot(o_, {64});
    write(o_, 5, 102);
    EXPECT_TRUE(sees(a, 5, old(5)));
    EXPECT_TRUE(sees(b, 5, 100));
    EXPECT_TRUE(sees(c, 5, 101));
    model_.remove_snapshot(b);
    EXPECT_TRUE(sees(a, 5, old(5)));
    EXPECT_TRUE(sees(c, 5, 101));
    EXPECT_EQ(model_.state_of(b), SnapshotState::removed);
}

TEST_F(Snapshots, ItsOwnWritesLieOverItsBase) {
    const SnapshotId s = model_.add_snapshot(o_, {64});
    write(s, 5, 100);
    write(o_, 5, 200);
    EXPECT_TRUE(sees(s, 5, 100));
    EXPECT_TRUE(sees(o_, 5, 200));
    EXPECT_EQ(rule_of_wrong_read(s, 5), Rule::visibility) << "no base any more, a written sector";
}

TEST_F(Snapshots, WhatWasUncertainAtTheActivationIsUncertainTogether) {
    write_fails(o_, 5, 100, Errc::eio);
    const SnapshotId a = model_.add_snapshot(o_, {64});
    const SnapshotId b = model_.add_snapshot(o_, {64});
    EXPECT_EQ(may_see(a, 5), set({old(5), 100}));
    EXPECT_TRUE(sees(a, 5, 100));
    EXPECT_EQ(may_see(b, 5), Ids{100}) << "both snapshots show one disk";
    EXPECT_EQ(may_see(o_, 5), Ids{100}) << "and so does the origin";
}

TEST_F(Snapshots, ALaterWriteDoesNotDecideWhatTheBaseWas) {
    write_fails(o_, 5, 100, Errc::eio);
    const SnapshotId s = model_.add_snapshot(o_, {64});
    write(o_, 5, 101);
    EXPECT_EQ(may_see(s, 5), set({old(5), 100}));
    EXPECT_TRUE(sees(s, 5, old(5)));
    EXPECT_EQ(may_see(s, 5), Ids{old(5)});
}

TEST_F(Snapshots, AWriteInFlightAtTheActivationIsOnEitherSide) {
    const Op w = begin(o_, 5, 100);
    const SnapshotId s = model_.add_snapshot(o_, {64});
    model_.end_write(w, Errc::ok);
    EXPECT_EQ(may_see(o_, 5), Ids{100});
    EXPECT_EQ(may_see(s, 5), set({old(5), 100}));
    EXPECT_TRUE(sees(s, 5, old(5)));
    EXPECT_FALSE(sees(s, 5, 100));
}

TEST_F(Snapshots, WhatTheOriginShowsLaterTellsWhatTheBaseWas) {
    const Op w = begin(o_, 5, 100);
    const SnapshotId s = model_.add_snapshot(o_, {64});
    EXPECT_TRUE(sees(o_, 5, old(5)));
    model_.end_write(w, Errc::ok);
    EXPECT_EQ(may_see(s, 5), Ids{old(5)}) << "the write had not happened after the activation yet";
}

TEST_F(Snapshots, ASmallerSnapshotEndsWhereItEnds) {
    const SnapshotId s = model_.add_snapshot(o_, {8});
    EXPECT_EQ(model_.size_of(s), Sectors{8});
    EXPECT_DEATH(model_.begin_read(s, {8}, {1}), "inside its volume");
}

TEST_F(Snapshots, ADiscardPassedDownReachesOriginAndSiblings) {
    const SnapshotId a = model_.add_snapshot(o_, {64});
    const SnapshotId b = model_.add_snapshot(o_, {64});
    write(b, 6, 300);
    model_.end_discard(model_.begin_discard(a, {5}, {2}, DiscardKind::passdown), Errc::ok);
    EXPECT_EQ(may_see(a, 5), set({0, old(5)}));
    EXPECT_EQ(may_see(o_, 5), set({0, old(5)}));
    EXPECT_EQ(may_see(b, 5), set({0, old(5)})) << "nobody copies before a discard";
    EXPECT_EQ(may_see(b, 6), Ids{300}) << "but what it has in its own store is out of reach";
}

TEST_F(Snapshots, WhileInactiveItsBaseFollowsTheOriginOrNot) {
    const SnapshotId s = model_.add_snapshot(o_, {64});
    write(s, 7, 300);
    model_.deactivate_snapshot(s);
    write(o_, 5, 100);
    write(o_, 5, 101);
    write(o_, 7, 102);
    model_.reactivate_snapshot(s);
    EXPECT_EQ(may_see(s, 5), set({old(5), 101})) << "its chunk may have been in the store";
    EXPECT_EQ(may_see(s, 6), Ids{old(6)});
    EXPECT_EQ(may_see(s, 7), Ids{300});
    write(o_, 5, 103);
    EXPECT_EQ(may_see(s, 5), set({old(5), 101})) << "protected again";
    EXPECT_TRUE(sees(s, 5, 101));
    EXPECT_FALSE(sees(s, 5, old(5)));
}

// ---- invalid and overflowed

TEST_F(Snapshots, WhoWasToldInvalidMustFindItInvalidAgain) {
    const SnapshotId told = model_.add_snapshot(o_, {64});
    const SnapshotId begun = model_.add_snapshot(o_, {64});
    const SnapshotId fine = model_.add_snapshot(o_, {64});
    model_.snapshot_invalidated(told);
    model_.invalidation_began(begun);
    model_.power_loss();
    EXPECT_TRUE(model_.must_be_invalid(told));
    EXPECT_TRUE(model_.may_be_invalid(told));
    EXPECT_FALSE(model_.must_be_invalid(begun));
    EXPECT_TRUE(model_.may_be_invalid(begun));
    EXPECT_FALSE(model_.may_be_invalid(fine));
}

TEST_F(Snapshots, OverflowIsForgottenByAReload) {
    const SnapshotId s = model_.add_snapshot(o_, {64});
    model_.snapshot_overflowed(s);
    EXPECT_TRUE(model_.is_overflowed(s));
    model_.power_loss();
    EXPECT_FALSE(model_.is_overflowed(s));
}

TEST_F(Snapshots, AReadThatEndsAfterTheInvalidationIsStillJudged) {
    const SnapshotId s = model_.add_snapshot(o_, {64});
    const Op r = model_.begin_read(s, {5}, {1});
    model_.snapshot_invalidated(s);
    write(o_, 5, 100);
    const ContentId seen = 100;
    EXPECT_TRUE(model_.end_read(r, std::span(&seen, 1))) << "it said ok, so it must be right";
}

// ---- durability

using Durability = Story;

TEST_F(Durability, WithoutAFlushAnyVersionMaySurvive) {
    write(o_, 5, 100);
    write(o_, 5, 101);
    EXPECT_EQ(may_survive(o_, 5), set({old(5), 100, 101}));
    model_.power_loss();
    EXPECT_EQ(may_see(o_, 5), set({old(5), 100, 101}));
    EXPECT_EQ(rule_of_wrong_read(o_, 5), Rule::durability);
    EXPECT_TRUE(sees(o_, 5, 100));
    EXPECT_EQ(may_see(o_, 5), Ids{100}) << "what was read after the loss stays";
    model_.power_loss();
    EXPECT_EQ(may_see(o_, 5), Ids{100}) << "also through the next one";
}

TEST_F(Durability, AFlushCoversWhatHadCompletedWhenItBegan) {
    write(o_, 5, 100);
    const Op late = begin(o_, 6, 200);
    const Op f = model_.begin_flush(o_);
    write(o_, 5, 101);
    model_.end_write(late, Errc::ok);
    model_.end_flush(f, Errc::ok);
    EXPECT_EQ(may_survive(o_, 5), set({100, 101}));
    EXPECT_EQ(may_survive(o_, 6), set({old(6), 200})) << "it ended only after the flush began";
}

TEST_F(Durability, AFailedOrUnfinishedFlushCoversNothing) {
    write(o_, 5, 100);
    model_.end_flush(model_.begin_flush(o_), Errc::eio);
    model_.begin_flush(o_);
    EXPECT_EQ(may_survive(o_, 5), set({old(5), 100}));
}

TEST_F(Durability, FuaIsDurableOnceItEnded) {
    const Op w = begin(o_, 5, 100, WriteKind::fua);
    EXPECT_EQ(may_survive(o_, 5), set({old(5), 100}));
    model_.end_write(w, Errc::ok);
    EXPECT_EQ(may_survive(o_, 5), Ids{100});
    model_.end_write(begin(o_, 6, 200, WriteKind::fua), Errc::eio);
    EXPECT_EQ(may_survive(o_, 6), set({old(6), 200})) << "a failed one promises nothing";
}

TEST_F(Durability, WithoutACacheWritesAreDurableAsTheyEnd) {
    write(o_, 5, 100);
    model_.volatile_cache(o_, false);
    write(o_, 6, 200);
    EXPECT_EQ(may_survive(o_, 5), set({old(5), 100})) << "that one was cached all the same";
    EXPECT_EQ(may_survive(o_, 6), Ids{200});
    model_.volatile_cache(o_, true);
    write(o_, 6, 201);
    EXPECT_EQ(may_survive(o_, 6), set({200, 201}));
}

TEST_F(Durability, WhatIsInFlightMaySurviveOrNot) {
    const Op w = begin(o_, 5, 100);
    model_.power_loss();
    EXPECT_EQ(model_.requests_in_flight(), 0u);
    EXPECT_EQ(may_see(o_, 5), set({old(5), 100}));
    EXPECT_DEATH(model_.end_write(w, Errc::ok), "the request has not ended");
}

TEST_F(Durability, ADurableWriteDoesNotRuleOutOneItOverlapped) {
    const Op a = begin(o_, 5, 100);
    write(o_, 5, 101, WriteKind::fua);
    model_.end_write(a, Errc::ok);
    EXPECT_EQ(may_survive(o_, 5), set({100, 101}));
    EXPECT_TRUE(sees(o_, 5, 101));
    EXPECT_EQ(may_survive(o_, 5), Ids{101}) << "now the durable one is known to be the later";
}

TEST_F(Durability, EachVolumeFlushesForItself) {
    const SnapshotId s = model_.add_snapshot(o_, {64});
    write(o_, 5, 100);
    write(s, 5, 200);
    flush(o_);
    EXPECT_EQ(may_survive(o_, 5), Ids{100});
    EXPECT_EQ(may_survive(s, 5), set({old(5), 200}));
    flush(s);
    EXPECT_EQ(may_survive(s, 5), Ids{200});
}

TEST_F(Durability, AValidSnapshotKeepsItsBase) {
    write(o_, 5, 100);
    flush(o_);
    const SnapshotId s = model_.add_snapshot(o_, {64});
    write(o_, 5, 101);
    write(o_, 6, 102);
    model_.power_loss();
    EXPECT_EQ(may_see(s, 5), Ids{100});
    EXPECT_EQ(may_see(s, 6), Ids{old(6)});
    EXPECT_EQ(may_see(o_, 5), set({100, 101}));
    EXPECT_EQ(rule_of_wrong_read(s, 6), Rule::snapshot_immutability);
}

TEST_F(Durability, ABaseThatWasOnlyInTheOriginsCacheMayGoWithIt) {
    write(o_, 5, 100);
    write(o_, 6, 200);
    const SnapshotId s = model_.add_snapshot(o_, {64});
    write(o_, 6, 201);
    model_.power_loss();
    EXPECT_EQ(may_see(s, 5), set({old(5), 100})) << "never copied, and the origin may have lost it";
    EXPECT_EQ(may_see(s, 6), Ids{200}) << "the later write shows that it had been copied";
    EXPECT_TRUE(sees(o_, 5, 100));
    EXPECT_TRUE(sees(s, 5, old(5))) << "copied or not, nobody knows: the two may differ";
}

TEST_F(Durability, AFlushOfTheOriginAfterTheActivationSecuresTheBase) {
    write(o_, 5, 100);
    const SnapshotId s = model_.add_snapshot(o_, {64});
    flush(o_);
    model_.power_loss();
    EXPECT_EQ(may_see(s, 5), Ids{100});
}

TEST_F(Durability, TwoLossesOneAfterTheOther) {
    write(o_, 5, 100);
    model_.power_loss();
    write(o_, 5, 101);
    model_.power_loss();
    EXPECT_EQ(may_see(o_, 5), set({old(5), 100, 101}));
    write(o_, 5, 102, WriteKind::fua);
    model_.power_loss();
    EXPECT_EQ(may_see(o_, 5), Ids{102});
}

// ---- merge

using Merge = Story;

TEST_F(Merge, TheMergeDeviceShowsTheSnapshot) {
    const SnapshotId s = model_.add_snapshot(o_, {32});
    write(o_, 5, 100);
    write(o_, 40, 101);
    write(s, 6, 200);
    model_.begin_merge(s);
    EXPECT_TRUE(sees(o_, 5, old(5))) << "as it was at the activation";
    EXPECT_TRUE(sees(o_, 6, 200));
    EXPECT_TRUE(sees(o_, 40, 101)) << "beyond the snapshot the origin keeps its own";
    write(o_, 5, 300);
    EXPECT_TRUE(sees(o_, 5, 300));
    EXPECT_EQ(model_.state_of(s), SnapshotState::merging);
    EXPECT_DEATH(model_.begin_read(s, {0}, {1}), "merging");
    model_.end_merge(s, MergeEnd::complete);
    EXPECT_TRUE(sees(o_, 6, 200));
    EXPECT_EQ(model_.state_of(s), SnapshotState::removed);
}

TEST_F(Merge, UncertaintyIsMergedToo) {
    const SnapshotId s = model_.add_snapshot(o_, {64});
    write(o_, 5, 100);
    write_fails(s, 5, 200, Errc::eio);
    model_.begin_merge(s);
    EXPECT_EQ(may_see(o_, 5), set({old(5), 200}));
    EXPECT_TRUE(sees(o_, 5, 200));
    EXPECT_EQ(may_see(o_, 5), Ids{200});
}

TEST_F(Merge, OtherSnapshotsKeepTheirBase) {
    const SnapshotId a = model_.add_snapshot(o_, {64});
    write(o_, 5, 100);
    const SnapshotId b = model_.add_snapshot(o_, {64});
    write(a, 6, 200);
    model_.begin_merge(a);
    write(o_, 7, 300);
    EXPECT_TRUE(sees(b, 5, 100));
    EXPECT_TRUE(sees(b, 6, old(6)));
    EXPECT_TRUE(sees(b, 7, old(7)));
    model_.end_merge(a, MergeEnd::complete);
    EXPECT_TRUE(sees(b, 5, 100));
}

TEST_F(Merge, APowerLossInItChangesNothingThatWasDurable) {
    const SnapshotId s = model_.add_snapshot(o_, {64});
    write(o_, 5, 100);
    flush(o_);
    write(s, 6, 200);
    write(s, 7, 201, WriteKind::fua);
    model_.begin_merge(s);
    model_.power_loss();
    EXPECT_EQ(model_.state_of(s), SnapshotState::merge_interrupted);
    model_.begin_merge(s);
    EXPECT_EQ(may_see(o_, 5), Ids{old(5)}) << "G7: the record, or the merged data";
    EXPECT_EQ(may_see(o_, 6), set({old(6), 200})) << "in the snapshot's cache when the merge began";
    EXPECT_EQ(may_see(o_, 7), Ids{201});
}

TEST_F(Merge, AFlushOfTheMergeDeviceCoversBothDisks) {
    const SnapshotId s = model_.add_snapshot(o_, {64});
    write(s, 6, 200);
    write(s, 7, 201);
    model_.begin_merge(s);
    write(o_, 7, 300);
    EXPECT_EQ(may_survive(o_, 6), set({old(6), 200}));
    flush(o_);
    EXPECT_EQ(may_survive(o_, 6), Ids{200});
    EXPECT_EQ(may_survive(o_, 7), Ids{300});
}

TEST_F(Merge, BegunAgainItShowsTheSame) {
    const SnapshotId s = model_.add_snapshot(o_, {64});
    write(o_, 5, 100);
    model_.begin_merge(s);
    write(o_, 6, 300);
    model_.end_merge(s, MergeEnd::interrupted);
    EXPECT_DEATH(model_.begin_read(o_, {0}, {1}), "interrupted merge");
    model_.begin_merge(s);
    EXPECT_EQ(may_see(o_, 5), Ids{old(5)});
    EXPECT_EQ(may_see(o_, 6), Ids{300});
}

TEST_F(Merge, HandedBackTheSnapshotIsExactAndTheOriginIsEither) {
    const SnapshotId s = model_.add_snapshot(o_, {64});
    write(o_, 5, 100);
    write(s, 6, 200);
    model_.begin_merge(s);
    write(o_, 7, 300);
    model_.end_merge(s, MergeEnd::interrupted);
    model_.merge_handed_back(s);
    EXPECT_EQ(may_see(s, 5), Ids{old(5)});
    EXPECT_EQ(may_see(s, 6), Ids{200});
    EXPECT_EQ(may_see(s, 7), Ids{300});
    EXPECT_EQ(may_see(o_, 5), set({100, old(5)}));
    EXPECT_EQ(may_see(o_, 6), set({old(6), 200}));
    EXPECT_EQ(may_see(o_, 7), set({old(7), 300}));
    EXPECT_EQ(may_see(o_, 8), Ids{old(8)});
    write(o_, 8, 400);
    EXPECT_EQ(may_see(s, 8), Ids{old(8)}) << "it protects its content as any snapshot does";
}

TEST_F(Merge, RemovedHalfWayTheOriginIsEither) {
    const SnapshotId s = model_.add_snapshot(o_, {64});
    write(s, 6, 200);
    model_.begin_merge(s);
    model_.remove_snapshot(s);
    EXPECT_EQ(may_see(o_, 6), set({old(6), 200}));
}

TEST_F(Merge, ANewSnapshotMeanwhileSeesTheDiskBelow) {
    const SnapshotId s = model_.add_snapshot(o_, {64});
    write(o_, 5, 100);
    model_.begin_merge(s);
    const SnapshotId n = model_.add_snapshot(o_, {64});
    EXPECT_EQ(may_see(n, 5), set({100, old(5)})) << "merged yet or not (spec 18.8)";
    EXPECT_EQ(may_see(n, 6), Ids{old(6)});
    EXPECT_TRUE(sees(n, 5, 100));
    EXPECT_FALSE(sees(n, 5, old(5))) << "the merge copies for it before it goes on";
}

TEST_F(Merge, OfAnInvalidSnapshotChangesNothing) {
    const SnapshotId s = model_.add_snapshot(o_, {64});
    write(o_, 5, 100);
    write(s, 6, 200);
    model_.snapshot_invalidated(s);
    model_.begin_merge(s);
    EXPECT_EQ(may_see(o_, 5), Ids{100});
    EXPECT_EQ(may_see(o_, 6), Ids{old(6)});
    EXPECT_EQ(model_.state_of(s), SnapshotState::invalid);
}

TEST_F(Merge, AReadThatStraddlesItsBeginningIsNotJudged) {
    const SnapshotId s = model_.add_snapshot(o_, {64});
    write(o_, 5, 100);
    const Op r = model_.begin_read(o_, {5}, {1});
    model_.begin_merge(s);
    const ContentId seen = 100;
    EXPECT_FALSE(model_.end_read(r, std::span(&seen, 1)));
    EXPECT_EQ(model_.counters().not_judged, 1u);
}

TEST_F(Merge, AWriteThatStraddlesItsBeginningIsOnEitherSide) {
    const SnapshotId s = model_.add_snapshot(o_, {64});
    const Op w = begin(o_, 5, 100);
    model_.begin_merge(s);
    model_.end_write(w, Errc::ok);
    EXPECT_EQ(may_see(o_, 5), set({old(5), 100}));
}

TEST_F(Merge, OneAtATime) {
    const SnapshotId a = model_.add_snapshot(o_, {64});
    const SnapshotId b = model_.add_snapshot(o_, {64});
    model_.begin_merge(a);
    EXPECT_DEATH(model_.begin_merge(b), "one merge");
}

// ---- the model as a thing

using TheModel = Story;

TEST_F(TheModel, ListsUncertainSectorsInOrder) {
    const SnapshotId s = model_.add_snapshot(o_, {64});
    write_fails(s, 9, 200, Errc::eio);
    write_fails(o_, 50, 100, Errc::eio);
    write_fails(o_, 3, 100, Errc::eio);
    struct Seen {
        std::vector<std::pair<std::uint32_t, std::uint64_t>> sectors;
    } seen;
    model_.for_each_uncertain(
        [](void* context, VolumeId v, Sectors sector, std::span<const ContentId> ids) {
            EXPECT_EQ(ids.size(), 2u);
            static_cast<Seen*>(context)->sectors.push_back({v.value, sector.value});
        },
        &seen);
    const decltype(seen.sectors) expected = {{o_.value, 3}, {o_.value, 50}, {s.value, 9}};
    EXPECT_EQ(seen.sectors, expected);
}

TEST_F(TheModel, QuestionsChangeNothing) {
    write_fails(o_, 3, 100, Errc::eio);
    const SnapshotId s = model_.add_snapshot(o_, {64});
    const std::uint64_t before = model_.digest();
    may_see(o_, 3);
    may_see(s, 3);
    may_survive(s, 3);
    EXPECT_TRUE(model_.allows(s, {3}, 100));
    EXPECT_TRUE(model_.may_survive(o_, {3}, 100));
    model_.for_each_uncertain([](void*, VolumeId, Sectors, std::span<const ContentId>) {}, nullptr);
    EXPECT_EQ(model_.digest(), before);
    EXPECT_TRUE(sees(s, 3, 100));
    EXPECT_NE(model_.digest(), before);
}

TEST_F(TheModel, IsRestoredByCopyingItsArena) {
    arena_.reset();
    auto* m = new (arena_.allocate(sizeof(Model))) Model(arena_);
    const OriginId o = m->add_origin({64}, Content::zeros());
    const SnapshotId s = m->add_snapshot(o, {64});
    const auto live = [&](std::uint64_t from) {
        for (std::uint64_t i = 0; i < 40; ++i) {
            m->end_write(
                m->begin_write(o, {i}, {8}, Content::pattern(static_cast<std::uint32_t>(from + i))),
                Errc::ok);
            m->begin_write(s, {i}, {2}, Content::pattern(9), WriteKind::fua);
        }
        m->power_loss();
        return m->digest();
    };
    live(1);
    const std::vector<std::byte> saved(arena_.base(), arena_.base() + arena_.used());
    const std::uint64_t went_on = live(100);
    std::memcpy(arena_.base(), saved.data(), saved.size());
    EXPECT_NE(m->digest(), went_on);
    EXPECT_EQ(live(100), went_on);
}

TEST_F(TheModel, DoesNotGrowWithWritesThatNobodyCanSeeAnyMore) {
    const SnapshotId s = model_.add_snapshot(o_, {64});
    for (ContentId id = 1; id < 100; ++id) {
        write(o_, 5, id);
        if (id % 8 == 0) flush(o_);
    }
    const std::size_t before = arena_.live_bytes();
    for (ContentId id = 100; id < 100000; ++id) {
        write(o_, 5, id);
        if (id % 8 == 0) flush(o_);
    }
    EXPECT_EQ(arena_.live_bytes(), before);
    EXPECT_TRUE(sees(s, 5, old(5)));
}

TEST_F(TheModel, CountsWhichRuleLooked) {
    const SnapshotId s = model_.add_snapshot(o_, {64});
    sees(o_, 1, old(1));
    sees(s, 1, old(1));
    sees(s, 2, old(2));
    write(o_, 3, 100);
    model_.power_loss();
    sees(o_, 3, 100);
    const Model::Counters& c = model_.counters();
    EXPECT_EQ(c.evaluated[static_cast<unsigned>(Rule::visibility)], 1u);
    EXPECT_EQ(c.evaluated[static_cast<unsigned>(Rule::snapshot_immutability)], 2u);
    EXPECT_EQ(c.evaluated[static_cast<unsigned>(Rule::durability)], 1u);
    EXPECT_EQ(c.power_losses, 1u);
}

}  // namespace
}  // namespace cowlab::model
