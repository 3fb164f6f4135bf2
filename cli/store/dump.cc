// `cowlab store dump`.
#include "cli/store/examination.h"
#include "cli/store/printer.h"
#include "cli/store/store.h"

namespace cowlab::store {
namespace {

// Runs as the contract of the command has them: joined wherever both numbers go on, areas or not.
template <class Print>
void for_each_joined(const std::vector<Run>& runs, Print&& print) {
    for (std::size_t i = 0; i < runs.size();) {
        Run r = runs[i++];
        for (; i < runs.size() && runs[i].old_chunk == r.old_chunk + r.count &&
               runs[i].new_chunk == r.new_chunk + r.count;
             ++i) {
            r.count += runs[i].count;
        }
        print(r);
    }
}

void print_json(Printer& out, const HeaderReport& header, const ExceptionList& list) {
    const format::Header& h = header.fields;
    const Layout& layout = *header.layout;
    out.print(
        "{{\"header\":{{\"magic\":{},\"valid\":{},\"version\":{},\"chunk_size\":{}}},\n\"areas\":[",
        h.magic, h.valid, h.version, h.chunk_size);
    for (std::size_t a = 0; a < list.area_records.size(); ++a) {
        const ChunkIndex chunk = layout.area_chunk(a);
        out.print(
            "{}\n{{\"index\":{},\"chunk\":{},\"offset_bytes\":{},\"records\":{},\"full\":{}}}",
            a == 0 ? "" : ",", a, chunk.value, layout.byte_of(chunk), list.area_records[a],
            list.area_records[a] == layout.records_per_area());
    }
    out.print("],\n\"exceptions\":[");
    const char* separator = "";
    for_each_joined(list.runs, [&](const Run& r) {
        out.print("{}\n{{\"old\":{},\"new\":{},\"count\":{}}}", separator, r.old_chunk.value,
                  r.new_chunk.value, r.count);
        separator = ",";
    });
    out.print("]}}\n");
}

// As the kernel's status line has it after a load.
std::string usage_text(const std::optional<Usage>& u) {
    if (!u) return "none: a record points beyond any device";
    return fmt::format("{}/{} {}   sectors allocated/total metadata", u->allocated, u->total,
                       u->metadata);
}

void print_areas(Printer& out, const Layout& layout, const ExceptionList& list) {
    out.print("areas       {:>8} {:>12} {:>16}   records\n", "area", "chunk", "byte");
    const std::uint64_t full = layout.records_per_area();
    for (std::size_t a = 0; a < list.area_records.size(); ++a) {
        const bool inside_full_stretch =
            a > 0 && a + 1 < list.area_records.size() && list.area_records[a + 1] == full;
        if (inside_full_stretch) {
            if (a == 1) out.print("            {:>8}   (full ones)\n", "…");
            continue;
        }
        const ChunkIndex chunk = layout.area_chunk(a);
        out.print("            {:>8} {:>12} {:>16}   {} of {}\n", a, chunk.value,
                  layout.byte_of(chunk), list.area_records[a], full);
    }
}

void print_table(Printer& out, const Image& image, const HeaderReport& header,
                 const ExceptionList& list) {
    const format::Header& h = header.fields;
    const Layout& layout = *header.layout;
    out.print("store       {}\n", image.name());
    out.print(
        "header      magic {:#010x}, valid {}{}, version {}, chunk size {} sectors ({} bytes)\n",
        h.magic, h.valid, h.valid == 0 ? " (invalidated)" : "", h.version, h.chunk_size,
        layout.chunk().bytes());
    out.print("usage       {}\n", usage_text(usage(image, layout, list)));
    out.print("next free   chunk {}\n", list.next_free.value);
    print_areas(out, layout, list);
    if (!list.terminated)
        out.print("            the list does not end: the next area lies beyond the image\n");
    std::uint64_t runs = 0;
    for_each_joined(list.runs, [&](const Run&) { ++runs; });
    out.print("exceptions  {} in {} runs\n", list.records, runs);
    if (runs == 0) return;
    out.print("            {:>16} {:>16} {:>10}\n", "old", "new", "count");
    for_each_joined(list.runs, [&](const Run& r) {
        out.print("            {:>16} {:>16} {:>10}\n", r.old_chunk.value, r.new_chunk.value,
                  r.count);
    });
}

}  // namespace

Result<int> dump(const DumpOptions& options, std::FILE* stream) {
    auto image = FileImage::open(options.image, FileImage::Access::exclusive);
    if (!image) return failure(std::move(image).error());
    auto header = require_store(**image);
    if (!header) return failure(std::move(header).error());
    auto list = load_list(**image, *header->layout);
    if (!list) return failure(std::move(list).error());

    Printer out(stream);
    if (options.json) {
        print_json(out, *header, *list);
    } else {
        print_table(out, **image, *header, *list);
    }
    if (auto r = out.finish(); !r) return failure(std::move(r).error());
    return 0;
}

}  // namespace cowlab::store
