#!/usr/bin/env python3
"""Bad input of every kind: what is typed, the exit code, and every word that is answered.

A table: each row makes its files in an empty folder, runs `cowlab` there, and compares exit code and
standard error in full. Standard output must be empty, so that no script takes an error for a result.
Usage: bad_input_test.py PATH-TO-COWLAB
"""
import os
import subprocess
import sys
import tempfile

HELP = ": see `cowlab --help` or `cowlab COMMAND --help`\n"
GOOD = "disk orig 8 fill 1\n= ok\n"

# (what it shows, files {name: text}, arguments, exit code, standard error without the leading "cowlab: ")
TABLE = [
    ("no command", {}, [], 2, "A subcommand is required" + HELP),
    ("an unknown command", {}, ["frobnicate"], 2,
     "frobnicate: no such command: there is conform, run, crash, explore, schedules, bench, replay, shrink, faults, store" + HELP),
    ("a planned command", {}, ["serve"], 2, "serve (volumes over NBD): not in this version" + HELP),
    ("a planned option", {}, ["run", "--html", "x"], 2, "--html: not in this version" + HELP),
    ("a strategy for one scenario", {}, ["run", "--strategy", "exhaustive"], 2,
     "--strategy exhaustive: for one scenario: use `cowlab schedules FILE`" + HELP),
    ("a shard that is none", {}, ["run", "--shard", "3/2"], 2,
     "--shard: `3/2` is no shard: write I/N with 1 <= I <= N, for example --shard 1/4\n"),
    ("no jobs", {}, ["run", "--jobs", "0"], 2, None),
    ("jobs that are none", {}, ["run", "--jobs", "many"], 2, None),
    ("two forms at once", {}, ["run", "--json", "--tap"], 2, None),
    ("nothing to resume", {}, ["run", "--resume", "--seeds", "3-9"], 3, None),
    ("a findings limit that is none", {}, ["run", "--max-findings", "some"], 2, None),
    ("a time to shrink that is none", {}, ["run", "--shrink-for", "x"], 2, None),
    ("a report into a folder that is not there", {}, ["run", "--seeds", "1-1", "--junit", "no/j.xml"], 3,
     "no/j.xml: cannot write: No such file or directory: check the name, or create it first\n"),
    ("a time to measure that is none", {}, ["bench", "--seconds", "0"], 2, None),
    ("a planned store command", {}, ["store", "merge", "x"], 2, "store merge: not in this version" + HELP),
    ("a strategy nobody knows", {}, ["run", "--strategy", "luck"], 2,
     "--strategy luck: there is random, uniform, pct, delays and portfolio" + HELP),
    ("an unknown option", {}, ["run", "--sedes", "1-2"], 2, None),
    ("a range the wrong way round", {}, ["run", "--seeds", "9-2"], 2,
     "--seeds 9-2: write A-B with A <= B, for example --seeds 1-1000" + HELP),
    ("a range that is none", {}, ["run", "--seeds", "a-b"], 2,
     "--seeds a-b: write A-B with A <= B, for example --seeds 1-1000" + HELP),
    ("a duration that is none", {}, ["run", "--for", "10x"], 2,
     "--for 10x: write seconds, or a number with s, m or h, for example 60s" + HELP),
    ("an unknown profile", {}, ["run", "--profile", "slow"], 2,
     "--profile: no profile `slow`: there is quick, nightly and hell\n"),
    ("an unknown policy", {}, ["run", "--compat", "5.4"], 2,
     "--compat: no policy `5.4`: there is none (the correct engine), kernel and 4.12\n"),
    ("an unknown rule", {}, ["run", "--without", "luck"], 2,
     "--without: no safety rule `luck`: there is merge-origin-flush\n"),
    ("a world that is not here", {"a.scn": GOOD}, ["replay", "a.scn", "--on", "moon"], 2,
     "--on moon: there is sim, device and kernel" + HELP),
    ("a binding in the simulator", {"a.scn": GOOD}, ["replay", "a.scn", "--bind", "orig=o.img"], 2,
     "--bind: add --on device" + HELP),
    ("lockstep of nothing", {"a.scn": GOOD}, ["replay", "a.scn", "--lockstep"], 2, "--lockstep: add --on device" + HELP),
    ("a trace of real disks", {"a.scn": GOOD}, ["replay", "a.scn", "--on", "device", "--trace"], 2,
     "--trace: on sim only: leave one of --trace and --on device out" + HELP),
    ("a binding without a path", {"a.scn": GOOD}, ["replay", "a.scn", "--on", "device", "--bind", "orig"], 2,
     "--bind orig: write NAME=PATH, for example --bind base=/dev/loop0\n"),
    ("a disk bound twice", {"a.scn": GOOD},
     ["replay", "a.scn", "--on", "device", "--bind", "orig=a", "--bind", "orig=b"], 2,
     "--bind orig=b: `orig` is bound already: bind each disk once\n"),
    ("a power loss on real disks", {"a.scn": "cowlab 1\n" + GOOD + "power-loss losing everything\n"},
     ["replay", "a.scn", "--on", "device"], 3,
     "a.scn: line 4: power-loss losing everything: faults, power losses and pins are the simulator's: take the line "
     "out, or replay it on sim\n"),
    ("a folder for disks in the simulator", {}, ["conform", ".", "--device-dir", "."], 2, "--device-dir: add --on device" + HELP),
    ("digests of real disks", {}, ["conform", ".", "--on", "device", "--digests"], 2,
     "--digests: of the simulator only: real completions come in any order" + HELP),
    ("an unknown oracle", {}, ["run", "--mute", "luck"], 2,
     "--mute: no oracle `luck`: there is visibility, durability, snapshot-immutability, structure, containment, "
     "ordering, space, events, status, leak, atomic\n"),
    ("a start folder without images", {}, ["run", "--from", "."], 3,
     ".: no origin.img and cow.img (plain, .zst or .xz) in this folder: put them there\n"),
    ("a scenario that is not there", {}, ["replay", "none.scn"], 3,
     "none.scn: cannot read: No such file or directory: check the name, or create it first\n"),
    ("a folder instead of a scenario", {}, ["replay", "."], 3, ".: this is a directory: name a file in it\n"),
    ("laboratory words without a header", {"a.scn": "disk d 8 zero\npower-loss losing everything\n"},
     ["replay", "a.scn"], 3, None),
    ("an unknown verb", {"a.scn": "cowlab 1\ndisc d 8 zero\n"}, ["replay", "a.scn"], 3, None),
    ("a number that is none", {"a.scn": "cowlab 1\ndisk d eight zero\n"}, ["replay", "a.scn"], 3, None),
    ("a language of the future", {"a.scn": "cowlab 2\n"}, ["replay", "a.scn"], 3, None),
    ("an unknown rule in a header", {"a.scn": "cowlab 1\nwithout luck\n" + GOOD}, ["replay", "a.scn"], 3,
     "a.scn:2: no safety rule `luck`: there is merge-origin-flush\n"),
    ("a folder without cases", {}, ["conform", "."], 3,
     ".: no *.trace in this directory: name the folder that holds the cases\n"),
    ("cases without a manifest", {"x.trace": "say a\n", "x.out": "> say a\n= ok\n"}, ["conform", "."], 3,
     "./MANIFEST: cannot read: No such file or directory: check the name, or create it first\n"),
    ("a manifest that is not one", {"x.trace": "", "x.out": "", "MANIFEST": "what is this\n"}, ["conform", "."], 3,
     "./MANIFEST:1: not understood: write `case NAME` or `image NAME SECTORS SHA256 [volatile] [invalid]`\n"),
    ("a case without its answers", {"x.trace": "say a\n", "MANIFEST": "case x\n"}, ["conform", "."], 3,
     "./x.out: cannot read: No such file or directory: check the name, or create it first\n"),
    ("a folder of cases that is not there", {}, ["conform", "nowhere"], 3,
     "nowhere: cannot read the directory: No such file or directory: check the name, or create it first\n"),
    ("a scenario without a failure to shrink", {"a.scn": "cowlab 1\n" + GOOD}, ["shrink", "a.scn"], 4,
     "a.scn: this scenario does not fail: there is nothing to shrink; see `cowlab replay FILE --trace`\n"),
    ("an image that is not there", {}, ["store", "dump", "none.img"], 3, None),
    ("an image that is no store", {"a.img": "x" * 4096}, ["store", "dump", "a.img"], 3, None),
    ("a window outside the image", {"a.img": "x" * 4096}, ["store", "dump", "a.img@100+8"], 3, None),
    ("origin and COW the same file", {"a.img": "x" * 4096}, ["store", "read", "a.img", "--origin", "a.img"], 3, None),
]


def run(cowlab, row):
    what, files, arguments, code, text = row
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(content)
        done = subprocess.run([cowlab, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    problems = []
    if done.returncode != code:
        problems.append(f"exit {done.returncode}, expected {code}")
    if not done.stderr.startswith("cowlab: ") or done.stderr.count("\n") != 1:
        problems.append("not one line that begins with `cowlab: `")
    if text is not None and done.stderr != "cowlab: " + text:
        problems.append(f"expected {('cowlab: ' + text)!r}")
    if text is None and done.stderr.count(":") < 2:
        problems.append("says what is wrong, but not what to do instead")
    if done.stdout and code != 0:
        problems.append(f"standard output is not empty: {done.stdout[:80]!r}")
    print(f"{'ok    ' if not problems else 'FAILED'} exit {done.returncode}  {what}: {done.stderr.rstrip()[:200]}")
    for problem in problems:
        print(f"       {problem}")
    return not problems


def main():
    results = [run(os.path.abspath(sys.argv[1]), row) for row in TABLE]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
