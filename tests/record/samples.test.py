"""The binary gillogs in samples/ are read whole, are lawful, and show what their scripts say one should see."""
import glob
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recording import *


def waits_of(log, thread):
    waits, begun = [], None
    for t, i, kind, _ in log.events:
        if i == thread and kind == "BUSY":
            begun = t
        if i == thread and kind == "ACQUIRE" and begun:
            waits.append(t - begun)
            begun = None
    return waits


def holds_of(log, thread):
    """[(length, DROP_REQUESTs meanwhile, function at its end)]"""
    holds, since, asked = [], None, 0
    for t, i, kind, a in log.events:
        asked += kind == "DROP_REQUEST"
        if i == thread and kind == "ACQUIRE":
            since, asked = t, 0
        if i == thread and kind == "RELEASE" and since:
            holds.append((t - since, asked, log.funcs[a["func"]].split()[0] if "func" in a else None))
            since = None
    return holds


def convoy(log):
    assert log.count("ACQUIRE") > 100 and log.count("DROP_REQUEST") > 10 and log.count("TIMEOUT") > 10
    log.thread("spinner 1")
    # Most waits of the I/O thread last the switch interval.
    waits = waits_of(log, log.thread("echo server"))
    assert sorted(waits)[len(waits) // 2] >= 5000000, waits


def chold(log):
    # Python code lets go when it is asked; C code goes on, however often, and its caller is known.
    polite = [h for h in holds_of(log, log.thread("in_python")) if h[1]]
    assert polite and all(asked == 1 for _, asked, _ in polite), polite
    for name, function in (("sort", "sort"), ("search", "search"), ("add_up", "add_up")):
        long = [h for h in holds_of(log, log.thread(name)) if h[0] > 8000000]
        assert len(long) >= 3 and any(asked > 1 for _, asked, _ in long), (name, long)
        assert any(f == function for _, _, f in long), (name, long)
    # hashlib lets go for large blocks: its holds are short, but where the block is made, and freed.
    assert sorted(h[0] for h in holds_of(log, log.thread("hashes")))[-3] < 1000000


SHOWS = {"convoy-py311.gillog": convoy, "chold-py311.gillog": chold}
found = glob.glob("samples/*.gillog")
assert {os.path.basename(p) for p in found} == set(SHOWS)
for path in found:
    log = Log(path)
    assert log.complete and log.lawful() == "", (path, log.stderr)
    assert log.funcs, path
    for i in log.threads:
        assert lawful_thread(log, i)[0], (path, log.threads[i])
    t = Timeline(path)
    assert t.one_holder() == "" and not t.info["truncated"]
    assert t.info["acquires"] == log.count("ACQUIRE") and t.info["events"] == len(log.events)
    SHOWS[os.path.basename(path)](log)
