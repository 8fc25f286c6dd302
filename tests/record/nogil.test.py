"""Where no GIL was seen there is no log, and a sentence says why."""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recording import *


def expect(argv, *words, code=0):
    r, folder, logs = record(argv)
    shutil.rmtree(folder)
    assert r.returncode == code and not logs, r
    for w in words:
        assert w in r.stderr.decode(), (w, r.stderr)


folder = tempfile.mkdtemp(prefix="gilscope-test-")
with open(folder + "/s.c", "w") as f:
    f.write("int main(void) { return 0; }\n")
subprocess.run(["gcc", "-static", folder + "/s.c", "-o", folder + "/static"], check=True)
expect([folder + "/static"], "no GIL was seen", "statically linked")
expect(["true"], "no GIL was seen", "is no Python")
expect(["sh", "-c", "env -i /usr/bin/env true"], "no GIL was seen", "env -i")
expect(["sh", "-c", "kill -9 $$"], "signal 9 ended sh before it made one", code=137)
for version, python in pythons():
    if version < (3, 7):
        expect([python, "-c", "pass"], "no GIL was seen", "first thread")
shutil.rmtree(folder)
