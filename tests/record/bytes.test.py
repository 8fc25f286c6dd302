"""A reader made from docs/gillog-binary.md alone finds in a recorded log what ours finds, from 2.7 and from 3.x."""
import os
import shutil
import struct
import subprocess
import sys
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recording import *

KINDS = ["", "ENTRY", "BUSY", "TIMEOUT", "DROP_REQUEST", "RETRY", "ACQUIRE", "RELEASE", "SWITCH_WAIT", "SWITCH_DONE",
         "SCHED_IN", "SCHED_OUT", "WAKEUP", "WOKEN", "LOST", "START", "END"]
ATTRS = ["", "cpu", "target", "count", "since", "checks", "countdown", "func"]
FOLLOW = {}             # the page's own table
for line in open("docs/gillog-binary.md"):
    cells = [c.strip() for c in line.strip().strip("|").split("|")]
    if len(cells) == 8 and (cells[0] in KINDS or cells[0] == "(none)"):
        FOLLOW[cells[0].replace("(none)", "")] = cells[1:]
assert len(FOLLOW) == len(KINDS)


def varints(data):
    v = shift = 0
    for byte in data:
        v |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield v
            v = shift = 0
    assert not shift


def zz(v):
    return v >> 1 if not v & 1 else -(v + 1 >> 1)


def wrap(v):
    return (v + 2**63) % 2**64 - 2**63


def unzip(data):
    return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout


def unpack(method, data, heads):
    if method == 0:
        return data
    data = unzip(data)
    if method == 1:
        return data
    out, tail = bytearray(), heads
    for byte in data[:heads]:
        out.append(byte)
        while byte > 127:
            byte = data[tail]
            out.append(byte)
            tail += 1
    assert tail == len(data)
    return bytes(out)


class Ticks:
    def __init__(self):
        self.checks = self.countdown = None
        self.run = self.used = 0
        self.interval = 100

    def take(self, kind, checks_off, countdown_off):
        before = self.checks, self.countdown
        checks, countdown = self.checks or 0, self.countdown or 0
        if kind == "RELEASE" and self.checks is not None:
            left = wrap(self.run - self.used)
            if self.countdown is None or left < 0 or left > countdown:
                checks = wrap(checks + 1)
                countdown = countdown if self.countdown is None else self.interval
            else:
                countdown = wrap(countdown - left)
        if checks_off is not None or self.checks is not None:
            self.checks = wrap(checks + (checks_off or 0))
        if countdown_off is not None or self.countdown is not None:
            self.countdown = wrap(countdown + (countdown_off or 0))
        if kind == "RELEASE" and None not in before:
            if self.checks == wrap(before[0] + 1):
                self.used = wrap(self.used + before[1] + 1)
                self.interval = self.countdown
            else:
                self.run, self.used = wrap(self.used + before[1] - self.countdown), 0


def events(thread, first, data):
    t, kind, lock, cpu, func, ticks = first, "", 0, None, 0, Ticks()
    attrs, given, off = {}, None, [None, None]
    numbers = varints(data)
    for v in numbers:
        code, x = v & 7, v >> 6
        if code < 7:
            t += v >> 3
            kind = given or FOLLOW[kind][code]
            ticks.take(kind, *off)
            if ticks.checks is not None:
                attrs["checks"] = ticks.checks
            if ticks.countdown is not None:
                attrs["countdown"] = ticks.countdown
            if func and kind in ("ACQUIRE", "RELEASE"):
                attrs["func"] = func - 1
            yield t, thread, kind, dict(attrs, lock=lock)
            attrs, given, off = {}, None, [None, None]
            continue
        op = v >> 3 & 7
        if op == 0:
            lock = x
        elif op == 1:
            attrs["cpu"] = x
        elif op == 2:
            func = x
        elif op == 3:
            given = KINDS[x]
        elif op == 4:
            attrs[ATTRS[x]] = zz(next(numbers))
        elif op == 5:
            off[0] = zz(x)
        elif op == 6:
            off[1] = zz(x)


def read(path):
    data = open(path, "rb").read()
    assert data[:8] == b"\x89GILLOG\n" and data[8:12] == b"\1\0\0\0", data[:16]
    assert struct.unpack("<I", data[12:16])[0] == zlib.crc32(data[:12])
    at, found, n, blocks, methods, ended = 16, [], 0, 0, set(), False
    while at < len(data):
        assert not ended
        kind, method, zero, stored, raw, thread, first, last, count, heads, crc, own = struct.unpack_from(
            "<BBHIIIQQIIII", data, at)
        assert own == zlib.crc32(data[at:at + 44]) and not zero
        body = data[at + 48:at + 48 + stored]
        at += 48 + stored
        assert zlib.crc32(body) == crc and len(body) == stored
        if kind == 2:
            body = unpack(method, body, heads)
            here = list(events(thread, first, body))
            assert len(body) == raw and len(here) == count and here[0][0] == first and here[-1][0] == last
            n += count
            blocks += 1
            methods.add(method)
            found += here
        elif kind == 4:
            assert (first, last) == (n, blocks)
            ended = True
    assert ended
    return found, methods


SCRIPT = """
import os, threading, time
fd = os.open('/dev/null', os.O_WRONLY)
end = time.time() + 0.05
def spin():
    while time.time() < end:
        pass
def work():
    for i in range(3000):
        os.write(fd, b'x')
        if i % 50 == 0:
            sum(range(i))
ts = [threading.Thread(target=f) for f in (work, spin, spin)]
for t in ts: t.start()
for t in ts: t.join()
"""


def test(version, python):
    with open(folder + "/s.py", "w") as f:
        f.write(SCRIPT)
    for options in ((), ("--frames",) if version > (3,) else ("--no-cpu",)):
        r, where, logs = record([python, folder + "/s.py"], options)
        assert r.returncode == 0 and len(logs) == 1, r.stderr
        theirs, methods = read(logs[0])
        ours = Log(logs[0]).events
        shutil.rmtree(where)
        assert sorted(theirs, key=lambda e: (e[0], e[1])) == sorted(ours, key=lambda e: (e[0], e[1]))
        assert len(ours) > 6000 and 2 in methods, (len(ours), methods)


folder = tempfile.mkdtemp(prefix="gilscope-test-")
found = {v[:2]: (v, p) for v, p in pythons()}
try:
    each([found[v] for v in ((2, 7), (3, 11)) if v in found] or list(found.values())[:1], test)
finally:
    shutil.rmtree(folder)
