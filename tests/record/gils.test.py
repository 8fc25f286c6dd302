"""Each hold of each GIL ends in the log, though the GIL is made again or ended while it is held; and there may be more
GILs after each other than are told apart.  (By a C program that makes them as CPython does.)"""
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recording import *


def run(*argv):
    r, folder, logs = record([TOOLS + "/gils", *argv])
    assert r.returncode == 0 and len(logs) == 1, r
    log = Log(logs[0])
    problem = log.lawful()
    shutil.rmtree(folder)
    assert not problem, problem
    return r, log


r, log = run("again")
assert log.kinds() == ["ACQUIRE", "RELEASE"] * 4, log.kinds()
r, log = run("many", "20000")
assert log.kinds() == ["ACQUIRE", "RELEASE"] * 20000, len(log.events)
assert len(log.locks) == 4096 and "locks" not in log.facts, (len(log.locks), log.facts)
r, log = run("alive", "5000")
assert log.kinds() == ["ACQUIRE", "RELEASE"] * 4096, len(log.events)
assert len(log.locks) == 4096 and log.facts["locks"].startswith("more than 4096 GILs at once"), log.facts
