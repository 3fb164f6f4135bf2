#include "device/kernel_differences.h"

#include <algorithm>

#include "scenarios/words.h"

namespace cowlab {
namespace {

bool is_table_line(const Step& s) {
    return s.verb == Verb::create || s.verb == Verb::create_ro || s.verb == Verb::load;
}

// A table with a snapshot-merge over a transient store.
bool merges_transient_store(const Step& step) {
    if (!is_table_line(step)) return false;
    Words words(step.text);
    while (!words.at_end()) {
        if (words.next() != "snapshot-merge") continue;
        words.next();  // origin
        words.next();  // COW
        const std::string_view type = words.next();
        if (!type.empty() && (type.front() == 'N' || type.front() == 'n')) return true;
    }
    return false;
}

constexpr KernelDifference differences[] = {
    {"B45", "3.0", "6.1.191", "ctor-errors",
     "snapshot-merge over a transient store is not refused: the kernel dies",
     merges_transient_store, "= oops"},
};

}  // namespace

std::span<const KernelDifference> kernel_differences() { return differences; }

int compare_releases(std::string_view a, std::string_view b) {
    for (int part = 0; part < 3; ++part) {
        const auto take = [](std::string_view& text) {
            unsigned value = 0;
            while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
                value = value * 10 + static_cast<unsigned>(text.front() - '0');
                text.remove_prefix(1);
            }
            if (!text.empty() && text.front() == '.') text.remove_prefix(1);
            return value;
        };
        const unsigned x = take(a), y = take(b);
        if (x != y) return x < y ? -1 : 1;
    }
    return 0;
}

const KernelDifference* explain(std::string_view release, const Step& step,
                                std::string_view actual) {
    for (const KernelDifference& d : differences) {
        if (compare_releases(release, d.first) < 0 || compare_releases(release, d.last) > 0)
            continue;
        if (d.concerns(step) && (d.answer.empty() || d.answer == actual)) return &d;
    }
    return nullptr;
}

bool is_known_to_differ(std::string_view release, const Step& step) {
    return std::any_of(std::begin(differences), std::end(differences),
                       [&](const KernelDifference& d) {
                           return compare_releases(release, d.first) >= 0 &&
                                  compare_releases(release, d.last) <= 0 && d.concerns(step);
                       });
}

}  // namespace cowlab
