#include "scenarios/verb.h"

#include <iterator>

namespace cowlab {
namespace {

constexpr std::string_view verb_names[] = {
    "?",          "disk",       "nosave", "create", "create_ro", "new",     "load",      "inactive",
    "suspend",    "resume",     "clear",  "remove", "rename",    "status",  "table",     "info",
    "message",    "write",      "read",   "flush",  "discard",   "zeroout", "limits",    "hex",
    "writebytes", "rawread",    "fault",  "bg",     "poll",      "wait",    "mergewait", "loglist",
    "logreplay",  "sleep",      "save",   "say",    "sys",       "crash",   "lane",      "join",
    "inject",     "power-loss", "reload", "pin",    "check"};
static_assert(std::size(verb_names) == verb_count);

constexpr std::string_view content_names[] = {"", "zero", "fill", "image"};
constexpr std::string_view table_names[] = {"linear", "error", "bad", "flakey", "delay"};
constexpr std::string_view class_names[] = {
    "any",        "read",         "write",         "flush",       "discard",      "forwarded",
    "copy-read",  "copy-write",   "full-write",    "header-read", "header-write", "area-read",
    "area-write", "area-zeroing", "chunk-zeroing", "merge-flush"};
static_assert(std::size(class_names) == request_class_count);
constexpr std::string_view kind_names[] = {"eio",
                                           "eio-written",
                                           "slow",
                                           "eio-partly",
                                           "latent",
                                           "stall",
                                           "vanish",
                                           "shrink",
                                           "read-only",
                                           "lying-flush",
                                           "ignored-fua",
                                           "phantom-write",
                                           "misdirected-write",
                                           "misdirected-read",
                                           "bit-rot",
                                           "bit-flip"};
static_assert(std::size(kind_names) == inject_kind_count);
constexpr std::string_view use_names[] = {
    "request",           "device",   "target", "store", "exception-table", "completed-exception",
    "pending-exception", "copy-job", "origin", "any"};
static_assert(std::size(use_names) == allocation_use_count);
constexpr std::string_view lost_names[] = {"", "zero", "garbage"};
constexpr std::string_view times_names[] = {"once", "sticky", "nth"};
constexpr std::string_view moment_names[] = {"done", "issued"};
constexpr std::string_view survival_names[] = {"losing everything", "keeping everything"};
constexpr std::string_view policy_names[] = {"default", "kernel", "4.12"};

template <class Enum, std::size_t N>
constexpr std::string_view name_in(const std::string_view (&names)[N], Enum value) {
    const auto i = static_cast<std::size_t>(value);
    return i < N ? names[i] : std::string_view("?");
}

}  // namespace

std::string_view name_of(Verb verb) { return name_in(verb_names, verb); }
std::string_view name_of(DiskContent content) { return name_in(content_names, content); }
std::string_view name_of(FaultTable table) { return name_in(table_names, table); }
std::string_view name_of(RequestClass c) { return name_in(class_names, c); }
std::string_view name_of(InjectKind kind) { return name_in(kind_names, kind); }
std::string_view name_of(AllocationUse use) { return name_in(use_names, use); }
std::string_view name_of(LostSectors lost) { return name_in(lost_names, lost); }
std::string_view name_of(InjectTimes times) { return name_in(times_names, times); }
std::string_view name_of(Moment moment) { return name_in(moment_names, moment); }
std::string_view name_of(Survivors survival) { return name_in(survival_names, survival); }
std::string_view name_of(Policy policy) { return name_in(policy_names, policy); }

Verb verb_named(std::string_view word) {
    for (std::size_t i = 1; i < verb_count; ++i) {
        if (word == verb_names[i]) return static_cast<Verb>(i);
    }
    return Verb::unknown;
}

}  // namespace cowlab
