#include "cli/policy_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "sim/scenario_run.h"

namespace cowlab {

Result<bool> apply_policy_options(const PolicyOptions& options, Header& header, std::string& note) {
    if (!options.compat.empty()) {
        Policy p = Policy::correct;
        if (options.compat == "kernel") {
            p = Policy::kernel;
        } else if (options.compat == "4.12") {
            p = Policy::v4_12;
        } else if (options.compat != "none" && options.compat != "default") {
            return failure(
                {Error::Kind::usage, "--compat",
                 fmt::format("no policy `{}`: there is none (the correct engine), kernel and 4.12",
                             options.compat)});
        }
        if (p != header.policy) note += fmt::format(" --compat {}", options.compat);
        header.policy = p;
    }
    for (const std::string& rule : options.without) {
        note += fmt::format(" --without {}", rule);
        header.without.push_back(rule);
    }
    for (const std::string& oracle : options.muted) {
        if (std::find(std::begin(oracle_names), std::end(oracle_names), oracle) ==
            std::end(oracle_names)) {
            return failure({Error::Kind::usage, "--mute",
                            fmt::format("no oracle `{}`: there is {}", oracle,
                                        fmt::join(oracle_names, ", "))});
        }
        note += fmt::format(" --mute {}", oracle);
        header.muted.push_back(oracle);
    }
    if (auto p = policy_of(header, "--without"); !p) {
        Error e = p.error();
        e.kind = Error::Kind::usage;
        return failure(e);
    }
    return true;
}

}  // namespace cowlab
