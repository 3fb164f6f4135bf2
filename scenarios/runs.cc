#include "scenarios/runs.h"

#include <iterator>

#include <fmt/format.h>

namespace cowlab {
namespace {

// Sector numbers do not wrap: the pattern keeps 32 bits of them, and 2^32 - 1 ends a run.
bool continues(const SectorContent& first, std::uint64_t length, const SectorContent& next) {
    if (first.kind != next.kind || first.kind == SectorContent::Kind::other) return false;
    if (first.kind == SectorContent::Kind::zero) return true;
    return next.seed == first.seed && next.sector == first.sector + length;
}

}  // namespace

void Runs::add(const SectorContent& sector) {
    if (length_ > 0 && continues(first_, length_, sector)) {
        ++length_;
        return;
    }
    end_run();
    first_ = sector;
    length_ = 1;
}

const std::string& Runs::text() {
    end_run();
    return text_;
}

void Runs::end_run() {
    if (length_ == 0) return;
    if (!text_.empty()) text_ += ' ';
    auto out = std::back_inserter(text_);
    switch (first_.kind) {
        case SectorContent::Kind::zero: fmt::format_to(out, "0+{}", length_); break;
        case SectorContent::Kind::pattern:
            fmt::format_to(out, "{}@{}+{}", first_.seed, first_.sector, length_);
            break;
        case SectorContent::Kind::other: fmt::format_to(out, "?{:08x}", first_.fnv); break;
    }
    length_ = 0;
}

}  // namespace cowlab
