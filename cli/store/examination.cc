#include "cli/store/examination.h"

#include <fmt/format.h>

#include "cli/store/tail_check.h"

namespace cowlab::store {
namespace {

// A list that is empty although another chunk size would show one. On a device that held an older
// store this is nothing unusual, so it is only suspicious.
Result<void> check_for_other_chunk_size(const Image& cow, const Layout& layout,
                                        Findings& findings) {
    auto fitting = chunk_size_of_a_list(cow);
    if (!fitting) return failure(std::move(fitting).error());
    if (!*fitting || **fitting <= layout.chunk().sectors()) return {};
    const std::uint64_t size = (*fitting)->value;
    findings.add(Kind::chunk_size_doubtful, 12, [&](Finding& f) {
        f.what = fmt::format(
            "the list is empty, but at byte {} stands one that fits chunk size {} (the header "
            "says {})",
            (*fitting)->bytes(), size, layout.chunk().sectors().value);
        f.consequence = fmt::format(
            "harmless if an older store lies underneath; if not, the chunk size was "
            "changed (`store read --salvage --chunk-size {}` reads it)",
            size);
    });
    return {};
}

}  // namespace

Result<Examination> examine(const Image& cow, const ExamineOptions& options) {
    Examination e;
    if (options.chunk_size) {
        e.header = {format::magic, 1, format::version,
                    static_cast<std::uint32_t>(options.chunk_size->sectors().value)};
        e.layout.emplace(*options.chunk_size, cow.bytes());
        if (!e.layout->fits(e.layout->area_chunk(0))) {
            return refuse(cow.name(),
                          fmt::format("the image is too small for chunks of {} sectors: give the "
                                      "chunk size the snapshot was made with",
                                      e.header.chunk_size));
        }
    } else {
        auto header = check_header(cow, e.findings);
        if (!header) return failure(std::move(header).error());
        e.header = header->fields;
        e.layout = header->layout;
    }
    if (e.layout) {
        auto list = load_list(cow, *e.layout);
        if (!list) return failure(std::move(list).error());
        e.list = std::move(*list);
        const RecordRules rules(*e.layout, options.origin);
        e.old_chunks = rules.old_chunks();
        e.records = check_list(*e.layout, rules, e.list, e.findings);
        auto tail = check_tail(cow, *e.layout, rules, e.list, e.findings);
        if (!tail) return failure(std::move(tail).error());
        e.tail = std::move(*tail);
        if (e.list.records == 0 && !options.chunk_size) {
            if (auto r = check_for_other_chunk_size(cow, *e.layout, e.findings); !r) {
                return failure(std::move(r).error());
            }
        }
    }
    e.findings.sort();
    return e;
}

Error no_store_here(const Image& cow, const Findings& findings) {
    const Finding* f = findings.first_serious();
    CHECK(f != nullptr, "a header without a layout has a finding that says why");
    return {Error::Kind::refused, cow.name(),
            fmt::format("no store to read here: {}: check the path and the window "
                        "(PATH@SECTOR+COUNT, see `lvs -a "
                        "-o +seg_pe_ranges` or `dmsetup table`)",
                        f->what)};
}

Result<HeaderReport> require_store(const Image& cow) {
    Findings findings;
    auto header = check_header(cow, findings);
    if (header && !header->layout) return failure(no_store_here(cow, findings));
    return header;
}

}  // namespace cowlab::store
