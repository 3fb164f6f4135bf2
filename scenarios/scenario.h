// A scenario: what a file of the language says, as a value. parse.h reads it, print.h writes it.
//
// A file is a list of lines, one verb a line. A *golden case* has no header and says what dmsetup
// and a disk user can say (golden/README.md has every verb); nothing in it is a syntax error, as
// the kernel answers everything: an unknown verb ENOSYS, a malformed line EINVAL. A *scenario*
// begins with `cowlab 1`; the parser refuses what it does not understand, and the laboratory's
// verbs are allowed:
//
//     lane L IO-LINE      Queues an I/O line on lane L. Lines of one lane run in their order, each
//                         after the one before it has completed; lanes run concurrently with each
//                         other and with all that follows. A lane exists once it is named.
//     join [L]            Waits until lane L, or every lane, has nothing left to do.
//     inject DISK CLASS WHERE KIND [once|sticky|nth N]
//                         From here on, requests at the port of DISK that are of CLASS and touch
//                         WHERE (`any`, or `S+N`: sectors) meet a fault; the kinds are those of
//                         InjectKind (verb.h). once: the first of them (the default); nth N: only
//                         the N-th; sticky: all.
//     inject DISK heal    Every rule for this disk and everything lasting that they did ends.
//     inject engine no-memory USE [once|sticky|nth N]
//                         Allocations of the engine for USE (verb.h) fail, those that can.
//     power-loss [after DISK CLASS NTH [issued|done]] losing everything|keeping everything
//                         The power fails, now or as soon as the NTH request of CLASS on DISK,
//                         counted from this line on, is issued or done (the default). Requests in
//                         flight end (`= lost`), all devices are gone, the disks keep what was
//                         durable and nothing of their caches, or all of them; pins on the point
//                         `survive.SECTOR` decide otherwise for single sectors.
//     reload              Creates the devices that a power loss took, with their last live tables,
//                         in their old order.
//     pin ACTOR POINT NTH CHOICE
//                         Forces one choice: when ACTOR (a disk, device or lane) comes to POINT (a
//                         request's purpose, `fault.PURPOSE`, a yield point, or
//                         `survive.SECTOR`; sim/pin_point.h) for the NTH time, it
//                         takes CHOICE. All that is not pinned takes the default: first in first
//                         out, no fault.
//     check               Reads every volume back and runs all checkers.
//
// and on a `disk` line: `cache` or `nocache` (a volatile write cache), `atomic N` (so many sectors
// survive or are lost together at a power loss; 1 unless stated), `lost zero|garbage` (what a
// sector holds whose newest content a power loss took; unstated: what it durably held). A `write`
// line may end with `fua`.
//
// After a step its expected answer may follow: a line `= TEXT`, then lines `| TEXT`. In the .out
// form (Form::out, what the kernel's recorder and `replay --answers` write) each step's line begins
// with `> ` and every answer is there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "scenarios/verb.h"

namespace cowlab {

// The line a step was read from. Not part of its value: two steps that say the same are equal.
struct Source {
    std::uint32_t line = 0;  // 1 is the first; 0: not from a file
    std::string text;        // as written, without blanks around it and without `> `
    bool operator==(const Source&) const { return true; }
};

// disk NAME SECTORS [zero|fill SEED|image MEMBER] [lbs N] [on PATH [keep]]
//                   [cache|nocache] [atomic N] [lost zero|garbage]
//                                                          (NAME, SECTORS, SEED: in the step)
struct DiskSpec {
    DiskContent content = DiskContent::unstated;
    std::string image;
    std::uint32_t lbs = 0;  // bytes; 0: not stated (512/4096, no discard)
    std::string path;       // empty: no `on`
    bool keep = false;
    WriteCache cache = WriteCache::unstated;
    Sectors atomic{1};
    LostSectors lost = LostSectors::as_before;
    bool operator==(const DiskSpec&) const = default;
};

// fault DISK linear | error | bad S N | flakey UP DOWN FEATURES | delay READ_MS WRITE_MS
//                                   (DISK in the step; S, N: start and count; FEATURES: text)
struct FaultSpec {
    FaultTable table = FaultTable::linear;
    std::uint64_t up_seconds = 0;
    std::uint64_t down_seconds = 0;
    Milliseconds read_delay;
    Milliseconds write_delay;
    bool operator==(const FaultSpec&) const = default;
};

// inject DISK CLASS WHERE KIND [once|sticky|nth N]         (DISK in the step; WHERE: start, count)
// inject DISK heal
// inject engine no-memory USE [once|sticky|nth N]
struct InjectSpec {
    enum class Form : std::uint8_t { requests, heal, memory } form = Form::requests;
    AllocationUse use = AllocationUse::any;  // Form::memory only
    RequestClass request_class = RequestClass::any;
    bool anywhere = true;  // WHERE is `any`; else it is the step's start + count
    InjectKind kind = InjectKind::eio;
    Milliseconds ms;  // slow, stall
    InjectTimes times = InjectTimes::once;
    std::uint64_t nth = 1;  // InjectTimes::nth only: 1 is the first
    bool operator==(const InjectSpec&) const = default;
};

// power-loss [after DISK CLASS NTH [issued|done]] losing everything|keeping everything
struct PowerLossSpec {
    bool at_once = true;  // no `after`: the fields up to `moment` mean nothing
    RequestClass request_class = RequestClass::any;
    std::uint64_t nth = 1;
    Moment moment = Moment::done;
    Survivors survival = Survivors::losing_everything;
    bool operator==(const PowerLossSpec&) const = default;
};

// pin ACTOR POINT NTH CHOICE                                                (ACTOR in the step)
struct PinSpec {
    std::string point;
    std::uint64_t nth = 1;
    std::uint64_t choice = 0;
    bool operator==(const PinSpec&) const = default;
};

// One line. Fields that its verb does not use have their default value.
struct Step {
    Verb verb = Verb::unknown;
    Verb io_verb = Verb::unknown;  // bg, lane: the verb of the I/O line; its fields are below
    // Golden form only: the verb is known, but not what follows it; answered EINVAL. As with an
    // unknown verb, `text` is the whole line and nothing else is set.
    bool malformed = false;

    std::string name;  // the device, disk or log; rename: OLD; inject, power-loss: DISK; pin: ACTOR
    std::string other;  // rename: NEW; logreplay: the DISK; save: TAG
    std::string job;    // bg, poll, wait: ID; lane, join: L (join alone: empty)
    // TABLE, its words separated by one blank (create, create_ro, load); TEXT (message, say); HEX
    // (writebytes; two digits a byte); FEATURES (fault flakey); PROGRAM ARGS (sys).
    std::string text;

    Sectors start;                   // SECTOR of I/O verbs and message; S of fault bad and inject
    Sectors count;                   // COUNT, N; disk: SECTORS
    std::uint64_t seed = 0;          // write, disk fill, logreplay lossy
    std::uint64_t byte = 0;          // hex, writebytes: offset in bytes
    std::uint64_t length = 0;        // hex: bytes
    std::uint64_t entries = 0;       // logreplay: K
    bool lossy = false;              // logreplay
    bool noflush = false;            // suspend
    bool nolockfs = false;           // suspend
    bool fua = false;                // write
    std::optional<Milliseconds> ms;  // sleep (always); wait, mergewait

    DiskSpec disk;
    FaultSpec fault;
    InjectSpec inject;
    PowerLossSpec loss;
    PinSpec pin;

    // The answer expected, as it stands in the file: `= …` first, then `| …`. Empty: no
    // expectation.
    std::vector<std::string> expected;
    std::vector<std::string> log;       // Form::out: `# k: …` lines after the answer, for people
    std::vector<std::string> comments;  // before the step: `# …` lines, and "" for an empty line
    Source source;

    bool operator==(const Step&) const = default;
};

struct Limit {
    std::string name;
    std::uint64_t value = 0;
    bool operator==(const Limit&) const = default;
};

struct ExpectedVerdict {
    enum class Kind : std::uint8_t { unstated, pass, fail };
    Kind kind = Kind::unstated;
    std::string word;             // fail: `ordering`, as in the verdict's first line
    std::uint32_t invariant = 0;  // fail: n of INV-n; 0: not stated
    bool operator==(const ExpectedVerdict&) const = default;
};

// The lines between `cowlab 1` and the first verb:
//     policy default|kernel|4.12
//     without RULE                       (any number; the engine's names: merge-origin-flush, …)
//     limit NAME VALUE                   (names: limit_names below)
//     verdict pass | verdict fail WORD [INV-n]
struct Header {
    Policy policy = Policy::correct;
    std::vector<std::string> without;
    std::vector<Limit> limits;
    ExpectedVerdict verdict;
    bool operator==(const Header&) const = default;
};

// cow: exceptions in flight; memory: bytes the engine may allocate; fibers: of one world; pool:
// pending exceptions in reserve; piece: sectors the copier moves at once; throttle: per cent of
// time with copies in flight; judged 0: only safety is (no crash, no hang, no broken invariant).
inline constexpr std::string_view limit_names[] = {"cow",   "memory",   "fibers", "pool",
                                                   "piece", "throttle", "judged"};

inline constexpr int language_version = 1;

enum class Form : std::uint8_t { plain, out };

struct Scenario {
    int version = 0;  // 0: a golden case, without a header
    Form form = Form::plain;
    std::vector<std::string> preamble;  // comments above `cowlab 1`
    Header header;                      // of a scenario with version 1
    std::vector<Step> steps;
    std::vector<std::string> epilogue;  // comments after the last step
    bool operator==(const Scenario&) const = default;

    bool is_golden_case() const { return version == 0; }
};

}  // namespace cowlab
