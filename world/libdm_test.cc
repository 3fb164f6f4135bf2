// What LVM reads: every status text of a snapshot goes through libdevmapper's own parser, which
// must understand it as it was meant. The texts are those of random runs, so of all states that
// occur.
#include <gtest/gtest.h>
#include <libdevmapper.h>

#include <map>
#include <set>
#include <string>

#include "engine/snapshot.h"
#include "scenarios/generate.h"
#include "sim/scenario_run.h"

namespace cowlab {
namespace {

struct Pool {
    dm_pool* pool = dm_pool_create("status", 1024);
    ~Pool() { dm_pool_destroy(pool); }
};

// What kind of text it was; an expectation fails where libdm reads something else in it.
const char* read_as_lvm_does(dm_pool* pool, const std::string& text, const Snapshot& snapshot) {
    dm_status_snapshot* s = nullptr;
    if (dm_get_status_snapshot(pool, text.c_str(), &s) == 0 || s == nullptr) {
        ADD_FAILURE() << "libdm does not understand `" << text << "`";
        return "?";
    }
    if (!snapshot.is_valid()) {
        EXPECT_TRUE(s->invalid) << text;
        return "Invalid";
    }
    EXPECT_FALSE(s->invalid) << text;
    if (s->merge_failed) return "Merge failed";
    if (s->overflow) return "Overflow";
    const StoreUsage u = snapshot.store().usage();
    EXPECT_EQ(s->used_sectors, u.allocated.value) << text;
    EXPECT_EQ(s->total_sectors, u.total.value) << text;
    EXPECT_TRUE(s->has_metadata_sectors) << text;
    EXPECT_EQ(s->metadata_sectors, u.metadata.value) << text;
    return "numbers";
}

TEST(Libdm, understands_every_status_that_a_snapshot_has_in_a_thousand_runs) {
    SimHost host;
    std::map<std::string, int> seen;
    for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
        Pool pool;
        const GeneratedRun run = generate(seed, profile_quick, {});
        RunSetup setup;
        setup.drive = &run;
        setup.seed = seed;
        setup.terse_answers = true;
        std::set<std::string> known;
        setup.after_step = [&](std::size_t, const Answer&, SimWorld& world) {
            if (world.has_failed_check()) return true;
            for (MappedDevice& d : world.world().mapper().devices()) {
                if (d.live() == nullptr) continue;
                for (Target& t : d.live()->targets()) {
                    if (t.type_name() != "snapshot" && t.type_name() != "snapshot-merge") continue;
                    Text<256> text;
                    t.status(StatusKind::info, text);
                    if (!known.insert(std::string(text.view())).second) continue;
                    ++seen[read_as_lvm_does(pool.pool, std::string(text.view()),
                                            static_cast<const Snapshot&>(t))];
                }
            }
            return true;
        };
        run_scenario(host, run.scenario, setup);
    }
    for (const char* kind : {"numbers", "Invalid", "Overflow", "Merge failed"}) {
        std::printf("%-14s %d texts\n", kind, seen[kind]);
        EXPECT_GT(seen[kind], 0);
    }
}

}  // namespace
}  // namespace cowlab
