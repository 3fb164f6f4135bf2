// What kernels are known to answer otherwise than the one golden was recorded on (6.1.192), as
// data: each with its bug, the versions it is in, and the case that shows it.
//
// A difference explains an answer only in the kernels it names, and only for lines of its kind; any
// other difference is a finding.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "scenarios/scenario.h"

namespace cowlab {

struct KernelDifference {
    std::string_view id;        // of the bug: docs/kernel-world.md has a line on each
    std::string_view first;     // uname -r from …
    std::string_view last;      // … to, both included, compared number by number
    std::string_view shown_by;  // a golden case
    std::string_view what;      // in a few words
    // Whether this line may be answered in the other way.
    bool (*concerns)(const Step& step);
    std::string_view answer;  // the other answer's first line; empty: any
};

std::span<const KernelDifference> kernel_differences();

// The difference that explains `actual` as this kernel's answer to the line.
const KernelDifference* explain(std::string_view release, const Step& step,
                                std::string_view actual);

// Whether one of them concerns the line: what a generator leaves out for this kernel.
bool is_known_to_differ(std::string_view release, const Step& step);

// -1, 0, 1; "6.1.176" < "6.1.192"; what follows the numbers does not count.
int compare_releases(std::string_view a, std::string_view b);

}  // namespace cowlab
