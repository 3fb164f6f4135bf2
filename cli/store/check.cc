// `cowlab store check`.
#include <nlohmann/json.hpp>

#include "cli/store/examination.h"
#include "cli/store/printer.h"
#include "cli/store/store.h"

namespace cowlab::store {
namespace {

// One word for the whole: the worst that was found.
std::string_view verdict(const Findings& findings) {
    if (findings.count(Severity::damaged) > 0) return "damaged";
    if (findings.count(Severity::state) > 0) {
        const bool blank = findings.first_serious()->kind == Kind::blank;
        return blank ? "blank" : "invalidated";
    }
    return findings.count() > 0 ? "suspicious" : "clean";
}

std::string counted(std::uint64_t n, std::string_view what) {
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

std::string summary(const Examination& e) {
    if (!e.layout) return "the list cannot be found";
    return fmt::format("{} in {}, chunk size {}", counted(e.list.records, "exception"),
                       counted(e.list.area_records.size(), "area"),
                       counted(e.layout->chunk().sectors().value, "sector"));
}

void print_lines(Printer& out, const std::string& name, const Examination& e) {
    for (const Finding& f : e.findings.kept()) {
        out.print("byte {:<12} {:<11} {:<25} {}: {}\n", f.offset, name_of(severity_of(f.kind)),
                  name_of(f.kind), f.what, f.consequence);
    }
    if (const std::uint64_t more = e.findings.count() - e.findings.kept().size(); more > 0) {
        out.print("… and {} findings more\n", more);
    }
    out.print("{}: {}: {}", name, verdict(e.findings), summary(e));
    if (e.findings.count() > 0) out.print(", {}", counted(e.findings.count(), "finding"));
    out.print("\n");
}

void print_json(Printer& out, const std::string& name, const Examination& e) {
    using Json = nlohmann::ordered_json;
    // A path may hold any byte; JSON may not.
    const auto text = [](const Json& j) {
        return j.dump(-1, ' ', false, Json::error_handler_t::replace);
    };
    const Json header = {{"magic", e.header.magic},
                         {"valid", e.header.valid},
                         {"version", e.header.version},
                         {"chunk_size", e.header.chunk_size}};
    out.print(
        "{{\"image\":{},\n\"verdict\":{},\n\"header\":{},\n\"exceptions\":{},\n\"findings_total\":{"
        "},\n"
        "\"findings\":[",
        text(name), text(verdict(e.findings)), text(header), e.list.records, e.findings.count());
    const char* separator = "\n";
    for (const Finding& f : e.findings.kept()) {
        Json j = {{"offset", f.offset},
                  {"severity", name_of(severity_of(f.kind))},
                  {"kind", name_of(f.kind)},
                  {"what", f.what},
                  {"consequence", f.consequence}};
        if (f.other) j["other_offset"] = *f.other;
        out.print("{}{}", separator, text(j));
        separator = ",\n";
    }
    out.print("]}}\n");
}

}  // namespace

Result<int> check(const CheckOptions& options, std::FILE* stream) {
    auto image = FileImage::open(options.image, FileImage::Access::exclusive);
    if (!image) return failure(std::move(image).error());
    ExamineOptions examine_options;
    if (options.origin) {
        auto origin = FileImage::open(*options.origin, FileImage::Access::shared);
        if (!origin) return failure(std::move(origin).error());
        examine_options.origin = exact_sectors((*origin)->bytes());
    }
    auto examination = examine(**image, examine_options);
    if (!examination) return failure(std::move(examination).error());

    Printer out(stream);
    if (options.json) {
        print_json(out, options.image, *examination);
    } else {
        print_lines(out, options.image, *examination);
    }
    if (auto r = out.finish(); !r) return failure(std::move(r).error());
    return examination->findings.count() == 0 ? 0 : 1;
}

}  // namespace cowlab::store
