#!/usr/bin/env python3
"""Campaigns as a user runs them: the real program, its workers, its files, its signals.

Each test makes a folder of its own, runs `cowlab run` there and looks at exit code, output and files.
Nothing here depends on how fast the machine is: a test waits for what must happen, not for a time.
Usage: campaign_test.py PATH-TO-COWLAB [NAME...]
"""
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

COWLAB = os.path.abspath(sys.argv[1])
CLEAN = {k: v for k, v in os.environ.items() if "SHARD" not in k}
BROKEN = ["--compat", "4.12"]  # without one safety rule
TESTS = []


class First:
    """The first seed that shows what is broken, and as what: another generator, another seed."""

    @classmethod
    def find(cls):
        with tempfile.TemporaryDirectory() as path:
            done = Folder(path).run("run", "--seeds", "1-2000", *BROKEN, "--max-findings", "1", "--json", code=1)
            finding = next(e for e in map(json.loads, done.stdout.splitlines()) if e["event"] == "finding")
        cls.seed, cls.word, cls.invariant = finding["seed"], finding["word"], finding["invariant"]
        cls.named = f"{cls.word} INV-{cls.invariant}"
        cls.alone = f"{cls.seed}-{cls.seed}"


def test(function):
    TESTS.append(function)
    return function


class Folder:
    """A folder to run in."""

    def __init__(self, path):
        self.path = path

    def command(self, arguments):
        return [COWLAB, *arguments]

    def run(self, *arguments, environment=None, code=None, **more):
        done = subprocess.run(self.command(arguments), cwd=self.path, capture_output=True, text=True, check=False,
                              env={**CLEAN, **(environment or {})}, timeout=300, stdin=subprocess.DEVNULL, **more)
        if code is not None:
            equal(done.returncode, code, f"exit code of {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done

    def start(self, *arguments):
        return subprocess.Popen(self.command(arguments), cwd=self.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env=CLEAN, stdin=subprocess.DEVNULL)

    def file(self, *parts):
        return os.path.join(self.path, *parts)

    def findings(self, out="out"):
        folder = self.file(out)
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return sorted(n for n in names if os.path.exists(os.path.join(folder, n, "verdict.json")))


def equal(actual, expected, what=""):
    if actual != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {actual!r}")


def holds(condition, what):
    if not condition:
        raise AssertionError(what)


def without_times(text):
    """What must not depend on the jobs: all but how many there were and how long it took."""
    text = re.sub(r"   \d+ jobs?$", "", text, flags=re.M)
    return re.sub(r" in [\d.]+ s \(.*\)", "", text)


def workers_of(process):
    """Children that run seeds, by their process ids."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
        return [int(pid) for pid in children.read().split()]


def wait_for(condition, process):
    while not condition():
        holds(process.poll() is None, f"it ended before what was waited for: {process.poll()}")
        time.sleep(0.005)


@test
def output_and_totals_are_the_same_for_every_number_of_jobs(folder):
    said = []
    seeds = f"1-{First.seed + 100}"
    for jobs in ("1", "2", "5"):
        done = folder.run("run", "--seeds", seeds, *BROKEN, "--jobs", jobs, "--out", "out", code=1)
        said.append(without_times(done.stdout))
        subprocess.run(["rm", "-rf", folder.file("out")], check=True)
    equal(said[1], said[0], "two jobs")
    equal(said[2], said[0], "five jobs")
    holds(re.search(rf"^seed {First.seed}\n", said[0], re.M), "the lowest seed of the group is the one that is shown")
    limited = [without_times(folder.run("run", "--seeds", seeds, *BROKEN, "--jobs", jobs, "--max-findings", "1",
                                        "--out", "out" + jobs, code=1).stdout).replace("out" + jobs, "out")
               for jobs in ("1", "3")]
    equal(limited[1], limited[0], "three jobs, stopped by --max-findings")


@test
def shards_share_the_seeds_and_each_seed_is_the_same_run(folder):
    whole = folder.run("run", "--seeds", "5-44", "--digests", code=0).stdout.splitlines()
    parts = []
    for i in (1, 2, 3):
        parts += folder.run("run", "--seeds", "5-44", "--digests", "--shard", f"{i}/3", code=0).stdout.splitlines()
    equal(sorted(parts, key=lambda l: int(l.split()[0])), whole, "three shards together")
    found = folder.run("run", "--seeds", "5-44", "--digests", code=0,
                       environment={"TEST_SHARD_INDEX": "1", "TEST_TOTAL_SHARDS": "3"})
    equal(found.stdout.splitlines(), [l for l in whole if (int(l.split()[0]) - 5) % 3 == 1], "a shard of the environment")
    said = folder.run("run", "--seeds", "1-4", code=0, environment={"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_MIN": "2",
                                                                    "SLURM_ARRAY_TASK_COUNT": "2"}).stdout
    holds("shard 2/2 (SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT)" in said.splitlines()[0], said)


@test
def a_finding_is_a_whole_run_directory_and_replays(folder):
    done = folder.run("run", "--seeds", First.alone, *BROKEN, code=1)
    names = folder.findings()
    equal(len(names), 1, "run directories")
    inside = sorted(os.listdir(folder.file("out", names[0])))
    equal(inside, ["options.json", "original.scn", "seed.txt", "shrunk.scn", "trace.jsonl", "verdict.json"], "its files")
    holds(not [n for n in os.listdir(folder.file("out")) if n.endswith(".part")], "nothing half-written is left")
    verdict = json.load(open(folder.file("out", names[0], "verdict.json"), encoding="utf-8"))
    equal((verdict["word"], verdict["invariant"], verdict["seed"], verdict["reproduced"], verdict["minimal"]),
          (First.word, First.invariant, First.seed, True, True))
    holds(verdict["operations"] <= 12, f"shrunk: {verdict}")
    options = json.load(open(folder.file("out", names[0], "options.json"), encoding="utf-8"))
    equal((options["profile"], options["policy"], options["seed"]), ("quick", "4.12", First.seed))
    replay = re.search(r"^replay +cowlab (replay \S+) --trace$", done.stdout, re.M)
    folder.run(*replay[1].split(), code=1)
    whole = folder.run(*replay[1].split(), "--compat", "none", code=0)
    holds("passes" in whole.stdout, whole.stdout)


@test
def stored_findings_are_replayed_first_under_the_policy_of_this_run(folder):
    folder.run("run", "--seeds", First.alone, *BROKEN, code=1)
    again = folder.run("run", "--seeds", "1-3", *BROKEN, code=1).stdout.splitlines()
    holds(re.match(r"stored +out/\S+/shrunk.scn +still fails   " + First.named, again[1]), again[1])
    holds("stored     1 still fail" in again, "and counted at the end")
    # Options of another policy have another digest: the same finding, given to them, passes.
    name = folder.findings()[0]
    digest = re.search(r"options (\w+)", folder.run("run", "--seeds", "1-1", "--out", "clean", code=0).stdout)[1]
    os.rename(folder.file("out", name), folder.file("out", f"{digest}-{First.seed}"))
    clean = folder.run("run", "--seeds", "1-3", code=0).stdout.splitlines()
    holds(re.match(r"stored +out/\S+/shrunk.scn +passes now$", clean[1]), clean[1])


@test
def json_is_an_event_a_line_and_nothing_else(folder):
    done = folder.run("run", "--seeds", First.alone, *BROKEN, "--json", code=1)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [e["event"] for e in events]
    equal((kinds[0], kinds[-1]), ("start", "summary"))
    holds("progress" in kinds and "finding" in kinds, str(kinds))
    finding = next(e for e in events if e["event"] == "finding")
    equal((finding["seed"], finding["word"]), (First.seed, First.word))
    holds(os.path.exists(folder.file(finding["directory"], "shrunk.scn")), "the directory it names is there")
    equal((events[-1]["runs"], events[-1]["exit"], events[-1]["stopped"]), (1, 1, False))
    equal(events[-1]["counters"]["runs"], 1)


@test
def tap_and_junit_say_what_passed_and_what_did_not(folder):
    done = folder.run("run", "--seeds", First.alone, *BROKEN, "--tap", "--junit", "junit.xml", code=1)
    lines = done.stdout.splitlines()
    equal(lines[0], "TAP version 13")
    points = [l for l in lines if re.match(r"(not )?ok \d+ - ", l)]
    equal([l for l in lines if not l.startswith("#")], ["TAP version 13", *points, f"1..{len(points)}"])
    holds(points[0].startswith(f"not ok 1 - seed {First.seed}: {First.named}"), points[0])
    suite = xml.etree.ElementTree.parse(folder.file("junit.xml")).getroot().find("testsuite")
    equal((suite.get("tests"), suite.get("failures")), ("2", "1"))
    holds(f"FAIL {First.word}" in suite.find("testcase/failure").text, "the story is in it")


def stop_and_resume(folder, number):
    process = folder.start("run", "--seeds", "1-100000000", "--jobs", "2")
    process.stdout.readline()
    wait_for(lambda: len(workers_of(process)) == 2, process)
    time.sleep(0.3)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    equal(process.returncode, 4, f"stopped, nothing found: {out}{err}")
    holds("stopped    before the end; go on with --resume" in out, out)
    runs = int(re.search(r"^(\d+) runs in", out, re.M)[1])
    states = [n for n in os.listdir(folder.file("out")) if n.startswith("campaign-")]
    equal(len(states), 1, "a state file")
    state = json.load(open(folder.file("out", states[0]), encoding="utf-8"))
    frontier = state["frontier"]
    holds(0 < frontier <= 100000000 and state["counters"]["runs"] == frontier <= runs + 64, f"{state['counters']['runs']} {frontier} {runs}")
    last = frontier + 40
    resumed = folder.run("run", "--seeds", f"1-{last}", "--resume", code=0).stdout
    holds(f"resumed    after {frontier} runs" in resumed, resumed)
    equal(int(re.search(r"^(\d+) runs in", resumed, re.M)[1]), last, "all seeds, once each")
    holds(not [n for n in os.listdir(folder.file("out")) if n.startswith("campaign-")], "nothing is left to resume")


@test
def sigint_finishes_writes_and_can_be_resumed(folder):
    stop_and_resume(folder, signal.SIGINT)


@test
def sigterm_finishes_writes_and_can_be_resumed(folder):
    stop_and_resume(folder, signal.SIGTERM)


@test
def sigterm_with_a_finding_exits_1(folder):
    process = folder.start("run", "--seeds", f"{First.seed}-100000000", *BROKEN, "--jobs", "2")
    wait_for(lambda: folder.findings(), process)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    equal(process.returncode, 1, out + err)
    holds(f"found      {First.named}" in out, out)


@test
def a_worker_killed_from_outside_is_no_finding(folder):
    expected = folder.run("run", "--seeds", "1-6000", "--jobs", "2", "--out", "before", code=0).stdout
    process = folder.start("run", "--seeds", "1-6000", "--jobs", "2")
    for _ in range(2):
        wait_for(lambda: workers_of(process), process)
        os.kill(workers_of(process)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    equal(process.returncode, 0, out + err)
    rest = "\n".join(l for l in out.splitlines() if not l.startswith("worker killed from outside (SIGKILL), seed "))
    equal(without_times(rest).strip(), without_times(expected).strip(), "all else is as if nothing had happened")


@test
def a_worker_that_dies_of_a_fault_only_once_is_told(folder):
    process = folder.start("run", "--seeds", "1-100000", "--jobs", "1", "--json", "--max-findings", "1")
    process.stdout.readline()
    wait_for(lambda: workers_of(process), process)
    time.sleep(0.1)
    # Once, and the worker: what a sanitizer starts at the end looks like a child as well. SIGABRT,
    # which it leaves to us: its own report of a fault that comes at any moment may wait for a lock
    # that is held.
    os.kill(workers_of(process)[0], signal.SIGABRT)
    out, err = process.communicate(timeout=120)
    equal(process.returncode, 1, out + err)
    finding = next(json.loads(l) for l in out.splitlines() if json.loads(l)["event"] == "finding")
    equal((finding["word"], finding["reproduced"]), ("died SIGABRT", False))


@test
def a_full_disk_is_exit_75_and_leaves_nothing_half_written(folder):
    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    done = folder.run("run", "--seeds", First.alone, *BROKEN, code=75, preexec_fn=small_files)
    holds("no file may become so large here: raise `ulimit -f`" in done.stderr, done.stderr)
    holds(f"FAIL {First.word}" in done.stdout, "what was found is told all the same")
    equal(os.listdir(folder.file("out")), [], "nothing half-written")
    full = subprocess.run(folder.command(["run", "--seeds", "1-2"]), cwd=folder.path, stdout=open("/dev/full", "w"),
                          stderr=subprocess.PIPE, text=True, check=False)
    equal(full.returncode, 75, full.stderr)
    holds("cannot be written to" in full.stderr, full.stderr)
    junit = folder.run("run", "--seeds", "1-2", "--junit", "/dev/full/x", code=3)
    holds("/dev/full/x" in junit.stderr, junit.stderr)


@test
def determinism_is_checked_in_this_process_and_in_a_new_one(folder):
    done = folder.run("run", "--seeds", "1-100", "--check-determinism", "--jobs", "2", code=0)
    holds("determinism  0 runs differed from their repetition" in done.stdout, done.stdout)


@test
def at_most_twenty_findings_are_kept(folder):
    folder.run("run", "--seeds", First.alone, *BROKEN, code=1)
    name = folder.findings()[0]
    for i in range(25):
        subprocess.run(["cp", "-r", folder.file("out", name), folder.file("out", f"00000000-{i}")], check=True)
    folder.run("run", "--seeds", First.alone, *BROKEN, code=1)
    equal(len(folder.findings()), 20, "run directories")
    holds(name in folder.findings(), "the newest is among them")


@test
def known_defects_of_linux_are_counted_by_name_and_are_no_findings(folder):
    done = folder.run("run", "--compat", "kernel", "--seeds", "1-60", "--shrink-for", "1", code=0)
    holds(re.search(r"^known      L\d+", done.stdout, re.M), done.stdout)
    holds("nothing found that is not known" in done.stdout, done.stdout)
    folder.run("run", "--compat", "kernel", "--seeds", "1-60", "--stop-on-known", "--shrink-for", "1", "--out", "o", code=1)


@test
def bench_gives_the_figures_it_promises(folder):
    done = json.loads(folder.run("bench", "--json", "--seconds", "1", code=0).stdout)
    for key in ("sim_ios_per_second_tags", "sim_ios_per_second_bytes", "world_reset_us", "world_branch_us",
                "recording_overhead_ratio"):
        figure = done["figures"][key]
        holds(0 < figure["min"] <= figure["median"] <= figure["max"] and figure["n"] >= 1, f"{key}: {figure}")
    holds(done["host"]["profile"] == "quick" and done["host"]["checkers"]["structure"] > 0, str(done["host"]))


def main():
    wanted = sys.argv[2:]
    failed = 0
    ran = 0
    First.find()
    for function in TESTS:
        if wanted and not any(w in function.__name__ for w in wanted):
            continue
        ran += 1
        with tempfile.TemporaryDirectory() as path:
            try:
                function(Folder(path))
                print(f"ok      {function.__name__}", flush=True)
            except (AssertionError, subprocess.TimeoutExpired, StopIteration, KeyError, IndexError, TypeError) as e:
                failed += 1
                print(f"FAILED  {function.__name__}: {e!r}", flush=True)
    print(f"{ran - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
