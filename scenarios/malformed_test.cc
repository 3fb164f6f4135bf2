// Every way to get a line wrong has one sentence: what is wrong, and what to write instead. The
// sentences are the contract (people and scripts read them), so they stand here in full.
#include <gtest/gtest.h>

#include "scenarios/parse.h"

namespace cowlab {
namespace {

#define DISK_FORM                                                                             \
    "the form is \"disk NAME SECTORS [zero|fill SEED|image MEMBER] [lbs N] [on PATH [keep]] " \
    "[cache|nocache] [atomic N] [lost zero|garbage]\""
#define FAULT_FORM                                                                              \
    "the form is \"fault DISK linear | error | bad SECTOR COUNT | flakey UP DOWN [FEATURES] | " \
    "delay READ_MS WRITE_MS\""
#define INJECT_FORM                                                                      \
    "the form is \"inject DISK CLASS any|START+COUNT KIND [once|sticky|nth N] | heal | " \
    "no-memory USE [once|sticky|nth N]\""
#define LOSS_FORM                                                                              \
    "the form is \"power-loss [after DISK CLASS NTH [issued|done]] losing everything|keeping " \
    "everything\""
#define CLASSES                                                                            \
    "use any, read, write, flush, discard, forwarded, copy-read, copy-write, full-write, " \
    "header-read, header-write, area-read, area-write, area-zeroing, chunk-zeroing or merge-flush"
#define NAMES "use letters, digits and _ - . +, beginning with a letter, a digit or _"
#define NUMBERS "write it in decimal, or in hexadecimal after 0x"
#define IO_VERBS "takes write, read, flush, discard, zeroout, limits, hex or writebytes"

struct Case {
    const char* text;
    const char* error;
};

// Each line alone below `cowlab 1`.
constexpr Case lines[] = {
    {"wirte base 0 8 1", "unknown verb \"wirte\": did you mean \"write\"?"},
    {"chekc", "unknown verb \"chekc\": did you mean \"check\"?"},
    {"suspened base", "unknown verb \"suspened\": did you mean \"suspend\"?"},
    {"resumee base", "unknown verb \"resumee\": did you mean \"resume\"?"},
    {"powerloss losing everything", "unknown verb \"powerloss\": did you mean \"power-loss\"?"},
    {"xyzzyplughxyzzyplugh",
     "unknown verb \"xyzzyplughxyzzyplugh\": scenarios/scenario.h and golden/README.md list the "
     "verbs"},
    {"abracadabra-simsalabim-hocuspocus-open-sesame-please",
     "unknown verb \"abracadabra-simsalabim-hocuspocus-open-s…\": scenarios/scenario.h and "
     "golden/README.md list the verbs"},
    {"write base 0 8", "SEED is missing: the form is \"write DEV SECTOR COUNT SEED [fua]\""},
    {"write", "DEV is missing: the form is \"write DEV SECTOR COUNT SEED [fua]\""},
    {"read base 0", "COUNT is missing: the form is \"read DEV SECTOR COUNT\""},
    {"flush", "DEV is missing: the form is \"flush DEV\""},
    {"flush base now", "\"now\" is one word too many: the form is \"flush DEV\""},
    {"write base 0 8 1 2",
     "\"2\" is one word too many: the form is \"write DEV SECTOR COUNT SEED [fua]\""},
    {"create s", "TABLE is missing: the form is \"create NAME TABLE\""},
    {"create", "NAME is missing: the form is \"create NAME TABLE\""},
    {"load s", "TABLE is missing: the form is \"load NAME TABLE\""},
    {"new", "NAME is missing: the form is \"new NAME\""},
    {"rename base", "NEW is missing: the form is \"rename OLD NEW\""},
    {"hex s 0", "LEN is missing: the form is \"hex DEV BYTE LEN\""},
    {"writebytes s 0", "HEX is missing: the form is \"writebytes DEV BYTE HEX\""},
    {"rawread cow 0", "COUNT is missing: the form is \"rawread DISK SECTOR COUNT\""},
    {"message lw 0", "TEXT is missing: the form is \"message NAME SECTOR TEXT\""},
    {"say", "TEXT is missing: the form is \"say TEXT\""},
    {"sys", "PROGRAM-ARGS is missing: the form is \"sys PROGRAM-ARGS\""},
    {"sleep", "MS is missing: the form is \"sleep MS\""},
    {"save cow", "TAG is missing: the form is \"save DISK TAG\""},
    {"loglist", "LOG is missing: the form is \"loglist LOG\""},
    {"nosave now", "\"now\" is one word too many: the form is \"nosave\""},
    {"crash now", "\"now\" is one word too many: the form is \"crash\""},
    {"mergewait base 5 6", "\"6\" is one word too many: the form is \"mergewait DEV [MS]\""},
    {"wait", "ID is missing: the form is \"wait ID [MS]\""},
    {"poll", "ID is missing: the form is \"poll ID\""},
    {"status base all", "\"all\" is one word too many: the form is \"status NAME\""},
    {"write base 8x 8 1", "SECTOR \"8x\" is no number: " NUMBERS},
    {"write base -1 8 1", "SECTOR \"-1\" is no number: " NUMBERS},
    {"write base 0x 8 1", "SECTOR \"0x\" is no number: " NUMBERS},
    {"write base 0xfg 8 1", "SECTOR \"0xfg\" is no number: " NUMBERS},
    {"write base 36028797018963969 8 1",
     "SECTOR \"36028797018963969\" is too large: use at most 36028797018963968"},
    {"read base 0 99999999999999999999",
     "COUNT \"99999999999999999999\" is too large: use at most 36028797018963968"},
    {"write base 0 8 18446744073709551616",
     "SEED \"18446744073709551616\" is too large: use at most 18446744073709551615"},
    {"hex s 9223372036854775808 16",
     "BYTE \"9223372036854775808\" is too large: use at most 9223372036854775807"},
    {"sleep 1099511627777", "MS \"1099511627777\" is too large: use at most 1099511627776"},
    {"sleep soon", "MS \"soon\" is no number: " NUMBERS},
    {"read base 1e3 8", "SECTOR \"1e3\" is no number: " NUMBERS},
    {"disk a/b 64", "NAME \"a/b\" is no name: " NAMES},
    {"disk @orig 64", "NAME \"@orig\" is no name: " NAMES},
    {"disk -a 64", "NAME \"-a\" is no name: " NAMES},
    {"resume ä", "NAME \"ä\" is no name: " NAMES},
    {"new "
     "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
     "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
     "NAME \"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn…\" is too long: use at most 127 characters"},
    {"disk orig", "SECTORS is missing: " DISK_FORM},
    {"disk orig 64 full",
     "unknown option \"full\": use zero, fill, image, lbs, on, cache, nocache, atomic or lost"},
    {"disk orig 64 fill", "SEED is missing: " DISK_FORM},
    {"disk orig 64 zero fill 1", "\"fill\" is the second content of this disk: leave one out"},
    {"disk orig 64 image", "MEMBER is missing: " DISK_FORM},
    {"disk orig 64 lbs 513", "lbs 513: use 512, 1024, 2048 or 4096"},
    {"disk orig 64 lbs 0", "lbs 0: use 512, 1024, 2048 or 4096"},
    {"disk orig 64 lbs 512 lbs 512",
     "\"lbs\" is the second logical block of this disk: leave one out"},
    {"disk orig 64 on", "PATH is missing: " DISK_FORM},
    {"disk orig 64 keep", "\"keep\" without a path: write \"on PATH keep\""},
    {"disk orig 64 on /dev/sdb on /dev/sdc",
     "\"on\" is the second path of this disk: leave one out"},
    {"disk orig 64 cache nocache", "\"nocache\" is the second cache of this disk: leave one out"},
    {"disk orig 64 atomic 3", "atomic 3: use a power of two of sectors, at most 256"},
    {"disk orig 64 atomic 512", "atomic 512: use a power of two of sectors, at most 256"},
    {"disk orig 64 atomic 1 atomic 1",
     "\"atomic\" is the second atomic unit of this disk: leave one out"},
    {"create s 0 64 snapshot @orig @cow P 8; 64 8 zero",
     "\"8;\" joins two targets: put blanks around the ;"},
    {"create s 0 64",
     "table \"0 64\": a target is START LENGTH TARGET ARGS, several are separated by \" ; \""},
    {"create s zero 64 zero",
     "table \"zero 64 zero\": a target is START LENGTH TARGET ARGS, several are separated by \" ; "
     "\""},
    {"load s 0 64 zero ; ; 64 64 zero",
     "table \"0 64 zero ; ; 64 64 zero\": a target is START LENGTH TARGET ARGS, several are "
     "separated by \" ; \""},
    {"load s 0 64 zero ;",
     "table \"0 64 zero ;\": a target is START LENGTH TARGET ARGS, several are separated by \" ; "
     "\""},
    {"suspend s quickly", "unknown option \"quickly\": use noflush or nolockfs"},
    {"suspend s noflush noflush", "\"noflush\" is there twice: leave one out"},
    {"writebytes s 0 abc", "HEX \"abc\" is not hexadecimal: write two digits for each byte"},
    {"writebytes s 0 0x12", "HEX \"0x12\" is not hexadecimal: write two digits for each byte"},
    {"fault orig", "table is missing: " FAULT_FORM},
    {"fault orig broken", "unknown table \"broken\": use linear, error, bad, flakey or delay"},
    {"fault orig bad 8", "COUNT is missing: " FAULT_FORM},
    {"fault orig flakey 0", "DOWN is missing: " FAULT_FORM},
    {"fault orig delay 5", "WRITE_MS is missing: " FAULT_FORM},
    {"fault orig error now", "\"now\" is one word too many: " FAULT_FORM},
    {"logreplay log 3", "DISK is missing: the form is \"logreplay LOG K DISK [lossy SEED]\""},
    {"logreplay log 3 dead torn 1", "unknown option \"torn\": use lossy SEED"},
    {"logreplay log 3 dead lossy",
     "SEED is missing: the form is \"logreplay LOG K DISK [lossy SEED]\""},
    {"bg w", "IO-LINE is missing: the form is \"bg ID IO-LINE\""},
    {"bg w write base 0 8", "SEED is missing: the form is \"write DEV SECTOR COUNT SEED [fua]\""},
    {"bg w status base", "\"status\" is no I/O verb: bg " IO_VERBS},
    {"bg w bg v write base 0 8 1", "\"bg\" is no I/O verb: bg " IO_VERBS},
    {"lane", "L is missing: the form is \"lane L IO-LINE\""},
    {"lane a", "IO-LINE is missing: the form is \"lane L IO-LINE\""},
    {"lane a suspend base", "\"suspend\" is no I/O verb: lane " IO_VERBS},
    {"lane a lane b read base 0 8", "\"lane\" is no I/O verb: lane " IO_VERBS},
    {"lane a read base 0 8 9", "\"9\" is one word too many: the form is \"read DEV SECTOR COUNT\""},
    {"join a b", "\"b\" is one word too many: the form is \"join [L]\""},
    {"join a/b", "L \"a/b\" is no name: " NAMES},
    {"inject", "DISK is missing: " INJECT_FORM},
    {"inject cow", "CLASS is missing: " INJECT_FORM},
    {"inject cow writes any eio", "unknown CLASS \"writes\": " CLASSES},
    {"inject cow write 16 eio", "WHERE \"16\": write any or START+COUNT, in sectors"},
    {"inject cow write 16+ eio", "COUNT \"\" is no number: " NUMBERS},
    {"inject cow write 16+0 eio", "WHERE \"16+0\" is empty: give at least one sector"},
    {"inject cow write any", "KIND is missing: " INJECT_FORM},
    {"inject cow write any enospc",
     "unknown KIND \"enospc\": use eio, eio-written, slow, eio-partly, latent, stall, vanish, "
     "shrink, read-only, lying-flush, ignored-fua, phantom-write, misdirected-write, "
     "misdirected-read, bit-rot or bit-flip"},
    {"write base 0 8 1 fua fua",
     "\"fua\" is one word too many: the form is \"write DEV SECTOR COUNT SEED [fua]\""},
    {"disk cow 8 lost", "what is left is missing: " DISK_FORM},
    {"disk cow 8 lost ones", "lost \"ones\": use zero or garbage"},
    {"inject cow heal now", "\"now\" is one word too many: " INJECT_FORM},
    {"inject cow no-memory any",
     "no-memory for \"cow\": it is the engine that allocates, write inject engine no-memory USE"},
    {"inject engine write any eio",
     "\"write\": what can be injected into the engine is no-memory USE"},
    {"inject engine no-memory", "USE is missing: " INJECT_FORM},
    {"inject engine no-memory tables",
     "unknown USE \"tables\": use request, device, target, store, exception-table, "
     "completed-exception, pending-exception, copy-job, origin or any"},
    {"inject cow write any stall", "MS is missing: " INJECT_FORM},
    {"inject cow write any slow", "MS is missing: " INJECT_FORM},
    {"inject cow write any eio twice", "unknown option \"twice\": use once, sticky or nth"},
    {"inject cow write any eio nth", "N is missing: " INJECT_FORM},
    {"inject cow write any eio nth 0",
     "N \"0\" counts nothing: write 1 for the first, 2 for the second, …"},
    {"inject cow write any eio once more", "\"more\" is one word too many: " INJECT_FORM},
    {"power-loss", "what survives is missing: " LOSS_FORM},
    {"power-loss losing",
     "unknown survival \"losing\": use losing everything or keeping everything"},
    {"power-loss losing nothing",
     "unknown survival \"losing nothing\": use losing everything or keeping everything"},
    {"power-loss after", "DISK is missing: " LOSS_FORM},
    {"power-loss after cow", "CLASS is missing: " LOSS_FORM},
    {"power-loss after cow area-wirte 1 losing everything",
     "unknown CLASS \"area-wirte\": " CLASSES},
    {"power-loss after cow area-write first losing everything",
     "NTH \"first\" counts nothing: write 1 for the first, 2 for the second, …"},
    {"power-loss after cow area-write 0 losing everything",
     "NTH \"0\" counts nothing: write 1 for the first, 2 for the second, …"},
    {"power-loss after cow area-write 1", "what survives is missing: " LOSS_FORM},
    {"power-loss after cow area-write 1 begun losing everything",
     "unknown moment \"begun\": use done or issued"},
    {"power-loss losing everything today", "\"today\" is one word too many: " LOSS_FORM},
    {"reload s", "\"s\" is one word too many: the form is \"reload\""},
    {"check s", "\"s\" is one word too many: the form is \"check\""},
    {"pin", "ACTOR is missing: the form is \"pin ACTOR POINT NTH CHOICE\""},
    {"pin s.store commit-exception", "NTH is missing: the form is \"pin ACTOR POINT NTH CHOICE\""},
    {"pin s.store commit-exception 1",
     "CHOICE is missing: the form is \"pin ACTOR POINT NTH CHOICE\""},
    {"pin s.store commit-exception 0 1",
     "NTH \"0\" counts nothing: write 1 for the first, 2 for the second, …"},
    {"pin s.store commit-exception 1st first", "CHOICE \"first\" is no number: " NUMBERS},
    {"pin s.store commit/exception 1 1", "POINT \"commit/exception\" is no name: " NAMES},
    {"pin s.store survive 1 1 1",
     "\"1\" is one word too many: the form is \"pin ACTOR POINT NTH CHOICE\""},
};

// Whole files; the error begins with the place.
constexpr Case files[] = {
    {"cowlab", "x.scn:1: the language version is missing: write \"cowlab 1\""},
    {"cowlab 2\n", "x.scn:1: language version \"2\": this cowlab reads language version 1"},
    {"cowlab one\n", "x.scn:1: language version \"one\" is no number: write \"cowlab 1\""},
    {"cowlab 1 beta\n", "x.scn:1: \"beta\" is one word too many: write \"cowlab 1\""},
    {"cowlab 1\ncowlab 1\n",
     "x.scn:2: the second \"cowlab 1\": it is the first line, leave this one out"},
    {"cowlab 1\npolicy 5.10\n", "x.scn:2: unknown policy \"5.10\": use default, kernel or 4.12"},
    {"cowlab 1\npolicy\n",
     "x.scn:2: policy is missing: the form is \"policy default|kernel|4.12\""},
    {"cowlab 1\npolicy kernel\npolicy kernel\n",
     "x.scn:3: the second policy: a scenario has one, leave one out"},
    {"cowlab 1\nwithout\n", "x.scn:2: RULE is missing: the form is \"without RULE\""},
    {"cowlab 1\nwithout merge-origin-flush\nwithout merge-origin-flush\n",
     "x.scn:3: rule \"merge-origin-flush\" is there twice: leave one out"},
    {"cowlab 1\nwithout a b\n",
     "x.scn:2: \"b\" is one word too many: the form is \"without RULE\""},
    {"cowlab 1\nmute\n", "x.scn:2: ORACLE is missing: the form is \"mute ORACLE\""},
    {"cowlab 1\nmute order\n",
     "x.scn:2: unknown oracle \"order\": use visibility, durability, snapshot-immutability, "
     "structure, containment, ordering, space, events, status, leak or atomic"},
    {"cowlab 1\nmute leak\nmute leak\n", "x.scn:3: oracle \"leak\" is there twice: leave one out"},
    {"cowlab 1\nlimit cows 1\n",
     "x.scn:2: unknown limit \"cows\": use cow, memory, fibers, pool, "
     "piece, throttle or judged"},
    {"cowlab 1\nlimit cow\n", "x.scn:2: VALUE is missing: the form is \"limit NAME VALUE\""},
    {"cowlab 1\nlimit cow many\n", "x.scn:2: VALUE \"many\" is no number: " NUMBERS},
    {"cowlab 1\nlimit cow 1\nlimit cow 1\n",
     "x.scn:3: limit \"cow\" is there twice: leave one out"},
    {"cowlab 1\nverdict\n",
     "x.scn:2: the verdict is missing: the form is \"verdict pass or verdict fail WORD [INV-n]\""},
    {"cowlab 1\nverdict good\n", "x.scn:2: unknown verdict \"good\": use pass or fail"},
    {"cowlab 1\nverdict fail\n",
     "x.scn:2: WORD is missing: the form is \"verdict pass or verdict fail WORD [INV-n]\""},
    {"cowlab 1\nverdict fail ordering 11\n",
     "x.scn:2: invariant \"11\": write INV- and its number"},
    {"cowlab 1\nverdict fail ordering INV-0\n",
     "x.scn:2: invariant \"INV-0\": write INV- and its number"},
    {"cowlab 1\nverdict pass\nverdict pass\n",
     "x.scn:3: the second verdict: a scenario has one, leave one out"},
    {"cowlab 1\nverdict pass INV-1\n",
     "x.scn:2: \"INV-1\" is one word too many: the form is \"verdict pass or verdict fail WORD "
     "[INV-n]\""},
    {"cowlab 1\ncheck\npolicy kernel\n",
     "x.scn:3: \"policy\" below the first verb: move the line up, below \"cowlab 1\""},
    {"# a case\ndisk a 8\npolicy kernel\n",
     "x.scn:3: \"policy\" is the laboratory's: begin the file with \"cowlab 1\""},
    {"disk a 8 zero cache\n",
     "x.scn:1: \"cache\" is the laboratory's: begin the file with \"cowlab 1\""},
    {"disk a 8\ncheck\n",
     "x.scn:2: \"check\" is the laboratory's: begin the file with \"cowlab 1\""},
    {"disk a 8\ncowlab 1\n",
     "x.scn:2: \"cowlab\" is the laboratory's: begin the file with \"cowlab 1\""},
    {"disk a 8\nlane a read a 0 8\n",
     "x.scn:2: \"lane\" is the laboratory's: begin the file with \"cowlab 1\""},
    {"cowlab 1\n= ok\n",
     "x.scn:2: an answer that belongs to no line: put it directly below the line it answers, one "
     "for each line"},
    {"cowlab 1\ncheck\n= ok\n= ok\n",
     "x.scn:4: an answer that belongs to no line: put it directly below the line it answers, one "
     "for each line"},
    {"cowlab 1\ncheck\n# why\n= ok\n",
     "x.scn:4: an answer that belongs to no line: put it directly below the line it answers, one "
     "for each line"},
    {"cowlab 1\ncheck\n| more\n",
     "x.scn:3: \"|\" without an answer above it: begin the answer with \"= \""},
    {"cowlab 1\n> check\ncheck\n",
     "x.scn:3: \"check\" without \"> \": in a file whose first line has it, every line that is "
     "answered begins with it"},
    {"cowlab 1\ncheck\n> check\n",
     "x.scn:3: \"> \" before a line: put it before every line, or before none"},
    {"cowlab 1\ncheck\r\n",
     "x.scn:2: the line ends with a carriage return: save the file with Unix line ends"},
    {"cowlab 1\nsay \001\n",
     "x.scn:2: byte 0x01 in column 5 is not text: save the file as UTF-8, without control "
     "characters"},
    {"cowlab 1\nsay \377\n",
     "x.scn:2: byte 0xff in column 5 is not text: save the file as UTF-8, without control "
     "characters"},
    {"cowlab 1\n# \177\n",
     "x.scn:2: byte 0x7f in column 3 is not text: save the file as UTF-8, without control "
     "characters"},
    {"cowlab 1\npolicyy kernel\n", "x.scn:2: unknown verb \"policyy\": did you mean \"policy\"?"},
};

TEST(Malformed, every_wrong_line_of_a_scenario_has_its_sentence) {
    for (const Case& c : lines) {
        const auto scenario = parse(std::string("cowlab 1\n") + c.text + "\n", "x.scn");
        ASSERT_FALSE(scenario) << c.text;
        EXPECT_EQ(scenario.error().where, "x.scn:2") << c.text;
        EXPECT_EQ(scenario.error().text, c.error) << c.text;
        EXPECT_EQ(scenario.error().kind, Error::Kind::refused) << c.text;
    }
    EXPECT_GE(std::size(lines), 60u);
}

TEST(Malformed, every_wrong_file_has_its_sentence_and_its_line) {
    for (const Case& c : files) {
        const auto scenario = parse(c.text, "x.scn");
        ASSERT_FALSE(scenario) << c.text;
        EXPECT_EQ(scenario.error().where + ": " + scenario.error().text, c.error) << c.text;
    }
}

TEST(Malformed, a_zero_byte_is_no_text) {
    const auto scenario = parse(std::string("cowlab 1\nsay a\0b\n", 16), "x.scn");
    ASSERT_FALSE(scenario);
    EXPECT_EQ(scenario.error().text,
              "byte 0x00 in column 6 is not text: save the file as UTF-8, without control "
              "characters");
}

TEST(Malformed, the_same_lines_are_no_errors_of_a_golden_case) {
    for (const Case& c : lines) {
        const auto scenario = parse(std::string(c.text) + "\n", "x.trace");
        const std::string laboratory = "begin the file with \"cowlab 1\"";
        if (!scenario) {
            EXPECT_TRUE(scenario.error().text.ends_with(laboratory)) << c.text;
        }
    }
}

}  // namespace
}  // namespace cowlab
