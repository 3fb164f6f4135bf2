#include "reports/trace_text.h"

#include <fmt/format.h>

#include <string_view>

namespace cowlab {
namespace {

std::string column(const RecordColumn& c, std::uint64_t value, const TraceNames& names) {
    const std::string_view unit = c.unit;
    if (std::string_view(c.name).empty()) return {};
    if (unit == "errno") return value == 0 ? std::string{} : " " + names.error(value);
    if (unit == "flags") {
        return fmt::format("{}{}", (value & 1) != 0 ? " PREFLUSH" : "",
                           (value & 2) != 0 ? " FUA" : "");
    }
    if (unit == "device")
        return fmt::format(" {} {}", c.name, names.device(static_cast<std::uint32_t>(value)));
    return fmt::format(" {} {}", c.name, value);
}

}  // namespace

std::string trace_legend() {
    return fmt::format("{:>10}  {:<8} {:<28} {}", "time ms", "where", "event", "details");
}

std::string trace_line(const Record& r, std::span<const RecordKind> kinds,
                       const TraceNames& names) {
    const double ms = static_cast<double>(r.time_us) / 1000.0;
    if (r.kind >= kinds.size())
        return fmt::format("{:>10.3f}  {:<8} record of kind {}", ms, "?", r.kind);
    const RecordKind& k = kinds[r.kind];
    const std::string_view name = k.name;
    if (name == "verb ends") return {};
    if (name == "verb begins") return fmt::format("{:>10.3f}  > {}", ms, names.step(r.a));
    std::string where =
        r.kind >= names.first_engine_kind ? names.device(r.actor) : names.disk(r.actor);
    if (name == "power lost") where = "power";
    std::string event(name);
    if (std::string_view(k.detail.unit) == "request") event = names.request(r.detail) + " " + event;
    std::string details;
    if (std::string_view(k.a.unit) == "sectors" && std::string_view(k.a.name) == "start") {
        details = fmt::format(" {}+{}", r.a, r.b);
    } else {
        details = column(k.a, r.a, names) + column(k.b, r.b, names);
    }
    details += column(k.c, r.c, names);
    return fmt::format("{:>10.3f}  {:<8} {:<28}{}", ms, where, event, details);
}

}  // namespace cowlab
