"""CPython's own tests of threads and processes end under the recorder as they end without it.  A few quick ones
on one Python; GILSCOPE_TEST_LONG=1: test_threading, test_subprocess and test_multiprocessing_fork, on several, for
minutes."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recording import *

QUICK = ["test_thread", "test_threading_local", "test_fork1"]
LONG = ["test_threading", "test_subprocess", "test_multiprocessing_fork"]


def outcome(argv, where):
    """{test: how it ended}, from regrtest's verbose lines."""
    r = subprocess.run(argv, capture_output=True, cwd=where, timeout=900, stdin=subprocess.DEVNULL)
    text = (r.stdout + r.stderr).decode("utf-8", "replace")
    return dict(re.findall(r"^(test\w+ \([\w.]+\)).*?\.\.\. (ok|FAIL|ERROR|skipped|expected failure)", text,
                           re.M)), r.returncode, text


def tests_of(python, names):
    """Those that are installed."""
    for n in names:
        if subprocess.run([python, "-c", "import test." + n], capture_output=True).returncode:
            print("      %s is not installed" % n)
        else:
            yield n


def test(version, python):
    for name in tests_of(python, LONG if LONG_WANTED else QUICK):
        where = tempfile.mkdtemp(prefix="gilscope-test-")
        suite = [python, "-m", "test", "-v", name]
        ours, code, text = outcome([GILSCOPE, "record", "--children", "-o", where + "/log.gillog", "--"] + suite, where)
        plain, plain_code, _ = outcome(suite, where)
        shutil.rmtree(where, ignore_errors=True)
        assert code == plain_code, (name, code, plain_code, text[-2000:])
        worse = {t: (plain.get(t), how) for t, how in ours.items() if how != plain.get(t)}
        assert ours and not worse and len(ours) == len(plain), (name, worse, text[-500:])
        print("      %s: %d tests, the same" % (name, len(ours)))


LONG_WANTED = bool(os.environ.get("GILSCOPE_TEST_LONG"))
found = [(v, p) for v, p in pythons((3, 6)) if v[:2] in ((3, 8), (3, 11), (3, 13)) and not subprocess.run(
    [p, "-c", "import test.test_threading"], capture_output=True).returncode]
each(found if LONG_WANTED or not found else [max(found)], test)
