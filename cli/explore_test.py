#!/usr/bin/env python3
"""cowlab explore: counts do not depend on shards, jobs, or on having been stopped; run --crash-states."""
import json
import os
import subprocess
import sys
import tempfile

COWLAB = os.path.abspath(sys.argv[1])


def run(*options, expect=0):
    done = subprocess.run([COWLAB, "explore", *options], capture_output=True, text=True, timeout=600)
    assert done.returncode == expect, (options, done.returncode, done.stdout, done.stderr)
    return done.stdout


def counts(text):
    """Everything but the first line, which names the options, and the last, which has the time."""
    return [l for l in text.splitlines()[1:] if not l.startswith("file ")]


def file_of(text):
    return [l.split()[1] for l in text.splitlines() if l.startswith("file ")][0]


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    whole = run("--ops", "1", "--out", "whole")
    assert "exhaustive" in whole and "passes" in whole, whole

    # Again, one process at a time.
    assert counts(run("--ops", "1", "--jobs", "1", "--out", "again")) == counts(whole)

    # In four parts that know nothing of each other, put together.
    files = [file_of(run("--ops", "1", "--shard", f"{i}/4", "--out", "parts")) for i in range(1, 5)]
    assert counts(run("--ops", "1", "--merge", *files)) == counts(whole)

    # A part is missing: said so, and no verdict.
    part = run("--ops", "1", "--merge", *files[:3], expect=4)
    assert "are missing" in part and "passes" not in part, part

    # Stopped half way: what the file lacks is made, and nothing else.
    path = file_of(whole)
    with open(path) as f:
        state = json.load(f)
    for unit in list(state["units"])[::2]:
        del state["units"][unit]
    with open(path, "w") as f:
        json.dump(state, f)
    assert counts(run("--ops", "1", "--out", "whole", "--resume")) == counts(whole)

    # The file of something else is refused with what to do.
    with open("junk", "w") as f:
        f.write("{}")
    done = subprocess.run([COWLAB, "explore", "--ops", "1", "--merge", "junk"], capture_output=True,
                          text=True)
    assert done.returncode == 3 and "is not the file of an exploration" in done.stderr, done
    done = subprocess.run([COWLAB, "explore", "--ops", "2", "--merge", *files], capture_output=True,
                          text=True)
    assert done.returncode == 3 and "is of another exploration" in done.stderr, done

    # A bug that takes two operations is found, as a scenario that replays.
    found = run("--ops", "2", "--compat", "4.12", "--mute", "ordering", "--out", "bug", expect=1)
    assert "FAIL durability" in found, found
    scenario = [l.split()[1] for l in found.splitlines() if l.startswith("scenario ")][0]
    again = subprocess.run([COWLAB, "replay", scenario], capture_output=True, text=True)
    assert again.returncode == 1 and "FAIL durability" in again.stdout, again
    # Beside random runs: what a power loss breaks that the run itself did not meet; the same for
    # every number of jobs, and as a scenario that replays.
    def campaign(jobs):
        done = subprocess.run([COWLAB, "run", "--seeds", "1-30", "--compat", "4.12", "--mute", "ordering",
                               "--crash-states", "60", "--jobs", jobs, "--out", f"run{jobs}"],
                              capture_output=True, text=True, timeout=600)
        assert done.returncode == 1, done
        return done.stdout

    one, two = campaign("1"), campaign("2")
    found = [l for l in one.splitlines() if l.startswith("found ")]
    assert any(" at crash: " in l for l in found), one
    assert found == [l for l in two.splitlines() if l.startswith("found ")], two
    for line in one.splitlines():
        if line.startswith("scenario "):
            again = subprocess.run([COWLAB, "replay", line.split()[1]], capture_output=True, text=True)
            assert again.returncode == 1, again
print("explore: all is well")
