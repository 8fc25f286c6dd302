"""Each hold of each GIL ends in the log, though the GIL is made again or ended while it is held.  (By a C program that makes them as CPython does.)"""
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
