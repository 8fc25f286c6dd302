"""However a program dies, its log holds what it did up to that instant."""
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recording import *

N = 1500
BEGIN = """
import os, signal, sys, threading, time
fd = os.open('/dev/null', os.O_WRONLY)
def work(n):
    for i in range(n):
        os.write(fd, b'x')
t = threading.Thread(target=time.sleep, args=(0,)); t.start(); t.join()     # makes the GIL of old versions
""".replace("\n\n", "\n")
ENDINGS = {
    "returns": ("", 0),
    "os._exit": ("os._exit(3)", 3),
    "abort": ("os.abort()", 128 + signal.SIGABRT),
    "SIGKILL": ("os.kill(os.getpid(), signal.SIGKILL)", 128 + signal.SIGKILL),
    "exec": ("os.execv('/bin/true', ['true'])", 0),
    "with a thread that is blocked": (
        "t = threading.Thread(target=time.sleep, args=(1000,)); t.daemon = True; t.start(); time.sleep(0.02)", 0),
    "with daemon threads that compute": ("""
def spin():
    while True:
        pass
for i in range(3):
    t = threading.Thread(target=spin); t.daemon = True; t.start()
time.sleep(0.05)""", 0),
    "in a C call that holds the GIL": (
        "import ctypes; signal.setitimer(signal.ITIMER_REAL, 0.05);"
        "ctypes.PyDLL(None).pause()", 128 + signal.SIGALRM),
}
INGESTED = ("SIGKILL", "with daemon threads that compute", "in a C call that holds the GIL")


def test(version, python):
    for name, (ending, code) in ENDINGS.items():
        r, log, problem, timeline = record_timeline(python, BEGIN + "work(%d)\n" % N + ending + "\n", (),
                                                    name in INGESTED)
        if r.returncode != code and b"ctypes" in r.stderr:
            continue                            # built without it
        assert r.returncode == code, (name, r.returncode, r.stderr)
        assert log and not problem, (name, problem, r.stderr)
        main = log.thread("MainThread")
        assert log.count("RELEASE", main) >= N, (name, log.count("RELEASE", main))
        for i in log.threads:
            good, word = lawful_thread(log, i)
            assert good, (name, log.threads[i], word[-200:])
        if timeline:
            assert timeline.one_holder() == "", (name, timeline.one_holder())
            assert not timeline.info["truncated"] and timeline.info["events"] == len(log.events)
            assert timeline.info["acquires"] == log.count("ACQUIRE") and timeline.info["lost_events"] == 0
        # Nothing was lost, and the last write is there: no gap of a buffer at the end.
        assert log.count("LOST") == 0


each(pythons(), test)
