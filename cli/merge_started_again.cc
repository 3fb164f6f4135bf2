#include "cli/merge_started_again.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>

namespace cowlab {
namespace {

bool is_ok(const Answer& answer) { return !answer.empty() && answer.front() == "= ok"; }

bool tells_of_failed_merge(const Answer& answer) {
    return !answer.empty() && answer.front().find("Merge failed") != std::string::npos;
}

}  // namespace

std::size_t step_of_merge_started_again(const Scenario& scenario,
                                        const std::vector<Answer>& answers) {
    std::set<std::string> failed;  // devices whose live table has a failed merge
    std::set<std::string> loaded;  // devices with a table that the next resume takes
    const auto rename = [](std::set<std::string>& names, const Step& s) {
        if (names.erase(s.name) != 0) names.insert(s.other);
    };
    const std::size_t end = std::min(scenario.steps.size(), answers.size());
    for (std::size_t i = 0; i < end; ++i) {
        const Step& s = scenario.steps[i];
        const bool ok = is_ok(answers[i]);
        switch (s.verb) {
            case Verb::status:
            case Verb::mergewait:
                if (tells_of_failed_merge(answers[i])) failed.insert(s.name);
                break;
            case Verb::load:
                if (ok) loaded.insert(s.name);
                break;
            case Verb::clear: loaded.erase(s.name); break;
            case Verb::resume: {
                // A table that is refused now is gone; the old one stays, and stays suspended.
                const bool takes_table = loaded.erase(s.name) != 0;
                if (!ok) break;
                if (takes_table) {
                    failed.erase(s.name);
                } else if (failed.count(s.name) != 0) {
                    return i;
                }
                break;
            }
            case Verb::remove:
                failed.erase(s.name);
                loaded.erase(s.name);
                break;
            case Verb::rename:
                if (!ok) break;
                rename(failed, s);
                rename(loaded, s);
                break;
            default: break;
        }
    }
    return SIZE_MAX;
}

}  // namespace cowlab
