#include "cli/store/findings.h"

#include <algorithm>
#include <iterator>

namespace cowlab::store {
namespace {

struct KindRow {
    std::string_view name;
    Severity severity;
};
using enum Severity;
constexpr KindRow kinds[] = {
    {"blank", state},
    {"bad-magic", damaged},
    {"magic-zeroed", damaged},
    {"bad-version", damaged},
    {"bad-chunk-size", damaged},
    {"chunk-size-changed", damaged},
    {"chunk-size-doubtful", suspicious},
    {"chunk-size-not-multiple", suspicious},
    {"image-too-small", damaged},
    {"invalidated", state},
    {"invalid-flag", suspicious},
    {"header-not-zero", suspicious},
    {"record-new-reserved", damaged},
    {"record-new-on-metadata", damaged},
    {"record-new-out-of-range", damaged},
    {"record-old-out-of-range", damaged},
    {"duplicate-new", damaged},
    {"duplicate-old", damaged},
    {"record-new-out-of-place", damaged},
    {"not-in-allocation-order", suspicious},
    {"area-beyond-end", damaged},
    {"terminator-not-zero", damaged},
    {"hole-in-list", damaged},
    {"records-after-terminator", suspicious},
    {"tail-not-zero", suspicious},
};
static_assert(std::size(kinds) == kind_count);

}  // namespace

std::string_view name_of(Kind kind) { return kinds[static_cast<std::size_t>(kind)].name; }
Severity severity_of(Kind kind) { return kinds[static_cast<std::size_t>(kind)].severity; }

std::string_view name_of(Severity severity) {
    switch (severity) {
        case damaged: return "damaged";
        case state: return "state";
        case suspicious: return "suspicious";
    }
    return "?";
}

void Findings::sort() {
    std::stable_sort(kept_.begin(), kept_.end(),
                     [](const Finding& a, const Finding& b) { return a.offset < b.offset; });
}

const Finding* Findings::first_serious() const {
    const auto found = std::find_if(kept_.begin(), kept_.end(), [](const Finding& f) {
        return severity_of(f.kind) != suspicious;
    });
    return found == kept_.end() ? nullptr : &*found;
}

}  // namespace cowlab::store
