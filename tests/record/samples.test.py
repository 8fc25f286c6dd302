"""The binary gillogs in samples/, one of each version of the format, are read whole, and are lawful."""
import glob
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recording import *

found = glob.glob("samples/*.gillog")
assert found
for path in found:
    log = Log(path)
    assert log.complete and log.lawful() == "", (path, log.stderr)
    assert log.count("ACQUIRE") > 100 and log.funcs, path
    spinner = log.thread("spinner 1")
    assert log.count("DROP_REQUEST") > 10 and log.count("TIMEOUT") > 10
    server = log.thread("echo server")
    waits, begun = [], None
    for t, i, kind, _ in log.events:
        if i == server and kind == "BUSY":
            begun = t
        if i == server and kind == "ACQUIRE" and begun:
            waits.append(t - begun)
            begun = None
    # The convoy: most waits of the I/O thread last the switch interval.
    assert sorted(waits)[len(waits) // 2] >= 5000000, waits
    for i in log.threads:
        assert lawful_thread(log, i)[0], (path, log.threads[i])
