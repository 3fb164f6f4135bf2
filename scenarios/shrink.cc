#include "scenarios/shrink.h"

#include <cinttypes>
#include <cstdio>

#include "scenarios/shrink_search.h"

namespace cowlab {
namespace {

// Until the lines, and what stands in them, become no fewer.
void reduce_lines(ShrinkSearch& search) {
    bool changed = true;
    while (changed && !search.is_out_of_time()) {
        changed = remove_lines(search);
        changed = remove_devices(search) || changed;
        if (changed) continue;  // while lines still go, nothing finer pays
        changed = remove_near_pairs(search);
        changed = simplify_lines(search) || changed;
        if (!changed) changed = replace_lines(search);
        if (!changed) changed = remove_what_is_counted(search);
    }
}

}  // namespace

Scenario ShrinkSearch::without(const std::vector<std::size_t>& places) const {
    Scenario out;
    out.version = best_.version;
    out.form = best_.form;
    out.preamble = best_.preamble;
    out.header = best_.header;
    out.epilogue = best_.epilogue;
    out.steps.reserve(best_.steps.size());
    std::size_t next = 0;
    for (std::size_t i = 0; i < best_.steps.size(); ++i) {
        if (next < places.size() && places[next] == i) {
            ++next;
        } else {
            out.steps.push_back(best_.steps[i]);
        }
    }
    return out;
}

Scenario first_steps(const Scenario& scenario, std::size_t count) {
    Scenario out = scenario;
    if (count < out.steps.size()) out.steps.resize(count);
    return out;
}

std::uint64_t size_of_device(const Scenario& scenario, const std::string& name) {
    for (const Step& s : scenario.steps) {
        if (!is_create(s) || s.name != name) continue;
        std::uint64_t start = 1;
        std::uint64_t size = 0;
        if (std::sscanf(s.text.c_str(), "%" SCNu64 " %" SCNu64, &start, &size) != 2) return 0;
        return start == 0 ? size : 0;
    }
    return 0;
}

ShrinkResult shrink(const Scenario& scenario, ShrinkJudge& judge, std::size_t failing_step) {
    ShrinkSearch search(scenario, judge);
    ShrinkResult result;
    result.operations_before = count_operations(scenario);
    result.operations_to_failure = failing_step >= scenario.steps.size()
                                       ? result.operations_before
                                       : count_operations(first_steps(scenario, failing_step + 1));
    cut_after(search, failing_step);
    drop_pins_by_kind(search);
    do {
        reduce_lines(search);
        shrink_crash_images(search);  // before the disks are too small for what it tries
        shrink_geometry(search);
        put_in_order(search);
        // Whatever that changed may have made a line superfluous.
    } while (!search.is_out_of_time() && remove_any_one_or_two(search));
    result.minimal = !search.is_out_of_time();
    result.tried = search.tried();
    result.scenario = search.best();
    result.operations = count_operations(result.scenario);
    return result;
}

}  // namespace cowlab
