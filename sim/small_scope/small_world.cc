#include "sim/small_scope/small_world.h"

#include <string>

#include "base/check.h"
#include "scenarios/parse.h"

namespace cowlab {
namespace {

// Store s: header, one area, 3 chunks of data. Store t: chunks of 2; 3 would be all it needs.
constexpr const char* set_up =
    "disk orig 6 fill 1 lbs 512\n"
    "disk cow 5 zero lbs 512\n"
    "disk cow2 12 zero lbs 512\n"
    "create base 0 6 snapshot-origin @orig\n"
    "suspend base\n"
    "create s 0 6 snapshot @orig @cow P 1\n"
    "create t 0 6 snapshot @orig @cow2 PO 2 1 discard_zeroes_cow\n"
    "resume base\n";

// SEED is another number for each operation of a workload.
constexpr SmallOperation vocabulary[] = {
    {"origin: whole chunk 0", "write base 0 2 SEED", true},
    {"origin: part of chunk 0", "write base 1 1 SEED", true},
    {"origin: whole chunk 1", "write base 2 2 SEED", true},
    {"origin: part of chunk 1", "write base 2 1 SEED", true},
    {"s: chunk 0", "write s 0 1 SEED", true},
    {"s: chunks 0 and 1", "write s 0 2 SEED", true},
    {"s: chunk 2", "write s 2 1 SEED", true},
    {"s: chunks 2 and 3", "write s 2 2 SEED", true},
    {"t: whole chunk 0", "write t 0 2 SEED", true},
    {"t: part of chunk 0", "write t 1 1 SEED", true},
    {"t: whole chunk 1", "write t 2 2 SEED", true},
    {"t: part of chunk 1", "write t 2 1 SEED", true},
    {"flush the origin", "flush base", true},
    {"flush s", "flush s", true},
    {"flush t", "flush t", true},
    {"suspend and resume", "suspend base\nresume base", false},
    {"load the same table again", "suspend s\nload s 0 6 snapshot @orig @cow P 1\nresume s", false},
    {"remove t", "suspend base\nremove t\nresume base", false},
    {"merge s", "suspend base\nremove s\nload base 0 6 snapshot-merge @orig @cow P 1\nresume base",
     false},
    {"discard in t", "discard t 0 2", true},
    {"the write that overflows s", "write base 0 6 SEED", true},
};
constexpr std::uint32_t operation_count = std::size(vocabulary);

std::string with_seed(std::string_view lines, std::uint32_t seed) {
    std::string text(lines);
    const std::size_t at = text.find("SEED");
    if (at != std::string::npos) text.replace(at, 4, std::to_string(seed));
    return text;
}

void add_lines(Scenario& to, const std::string& lines) {
    auto parsed = parse("cowlab 1\n" + lines + "\n", "vocabulary");
    CHECK(parsed.has_value(), "the small world's lines are lines of the language");
    for (Step& s : parsed->steps) {
        s.source = {};
        to.steps.push_back(std::move(s));
    }
}

}  // namespace

std::span<const SmallOperation> small_vocabulary() { return vocabulary; }

SmallScenario small_scenario(const SmallWorkload& workload, const Header& header) {
    SmallScenario result;
    Scenario& s = result.scenario;
    s.version = language_version;
    s.header = header;
    add_lines(s, set_up);
    result.last_begins = s.steps.size();
    std::uint32_t seed = 11;
    for (const std::uint32_t op : workload.operations) {
        const SmallOperation& o = vocabulary[op];
        if (workload.order == SmallOrder::one_by_one) {
            result.last_begins = s.steps.size();
            add_lines(s, with_seed(o.lines, seed));
        } else {
            CHECK(o.is_io, "what goes on together is I/O");
            add_lines(s, "lane l" + std::to_string(seed) + " " + with_seed(o.lines, seed));
        }
        ++seed;
    }
    if (workload.order == SmallOrder::together) add_lines(s, "join");
    return result;
}

// One by one: 1 + n + n² + …; together: those of two or more in which all is I/O.
std::uint64_t small_workload_count(std::uint32_t operations) {
    std::uint64_t count = 0;
    std::uint64_t of_this_length = 1;
    for (std::uint32_t k = 1; k <= operations; ++k) {
        count += of_this_length;
        if (k > 1) count += of_this_length;
        of_this_length *= operation_count;
    }
    return count;
}

SmallWorkload small_workload(std::uint32_t first, std::uint64_t n, std::uint32_t operations) {
    SmallWorkload w;
    std::uint64_t of_this_length = 1;
    for (std::uint32_t k = 1; k <= operations; ++k) {
        for (const SmallOrder order : {SmallOrder::one_by_one, SmallOrder::together}) {
            if (order == SmallOrder::together && k == 1) continue;
            if (n >= of_this_length) {
                n -= of_this_length;
                continue;
            }
            w.order = order;
            w.operations.push_back(first);
            for (std::uint32_t i = 1; i < k; ++i) {
                w.operations.push_back(static_cast<std::uint32_t>(n % operation_count));
                n /= operation_count;
            }
            return w;
        }
        of_this_length *= operation_count;
    }
    return w;
}

}  // namespace cowlab
