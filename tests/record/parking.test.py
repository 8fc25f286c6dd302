"""In a free-threaded build each wait for a lock is in the log, one lock per address: BUSY at the park, ACQUIRE at its
return, TIMEOUT where it ran out.  (By a C program that parks in the same way; and by a real one where there is one.)"""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recording import *

r, folder, logs = record([TOOLS + "/parker", "3", "400"])
assert r.returncode == 0, r.stderr
assert b"built without a GIL" in r.stderr
address, waits = r.stdout.split()
log = Log(logs[0])
shutil.rmtree(folder)
parks = {i: name for i, name in log.locks.items() if name.endswith("park")}
assert len(parks) == 2, log.locks
number = [i for i, name in parks.items() if name.startswith(address.decode() + " ")][0]
for i in log.threads:
    if log.threads[i].endswith("MainThread"):
        assert log.kinds(i) == ["ENTRY", "BUSY", "TIMEOUT", "ACQUIRE"], log.kinds(i)
        times = [t for t, thread, _, _ in log.events if thread == i]
        assert times[2] - times[1] >= 19000000
    else:
        assert log.kinds(i) == ["START"] + ["ENTRY", "BUSY", "ACQUIRE"] * 400 + ["END"], log.kinds(i)[:20]
busy = sum(1 for _, _, kind, _ in log.events if kind == "BUSY")
assert busy == int(waits) == 1201, (busy, waits)

SCRIPT = """
import threading
shared = []
lock = threading.Lock()
def work():
    for i in range(20000):
        with lock:
            shared.append(i)
ts = [threading.Thread(target=work, name='w%d' % i) for i in range(4)]
for t in ts: t.start()
for t in ts: t.join()
"""
for version, python in pythons((3, 13)):
    text = subprocess.run([python, "-c", "import sys; print(sys.version)"], capture_output=True, text=True).stdout
    if "free-threading" not in text:
        continue
    r, log, problem = record_script(python, SCRIPT)
    assert r.returncode == 0 and log.count("BUSY") == log.count("ACQUIRE") - log.count("RELEASE"), log.facts
    print(version, log.count("BUSY"), "waits for", len(log.locks), "locks")
