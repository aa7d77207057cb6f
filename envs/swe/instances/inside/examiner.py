"""Run tests and report each of them through a pipe whose number is the one argument.

Standard input holds the work as JSON: `token` (hex), `folder`, `kind` (pytest or unittest),
`arguments`, `canary` (a file whose tests must fail). Python was started isolated and without `site`:
nothing of the tree under test is imported before pytest and unittest are, no sitecustomize or
usercustomize at all, and the line `ready` is written before the first of its code can run.

Every line is signed with the token and numbered, so that lines of others are seen as such. Code that
runs inside this process may still find the token: see docs/swe-graders.md.
"""

# mypy: ignore-errors
import contextlib
import hashlib
import hmac
import importlib
import json
import os
import pkgutil
import site
import sys
import types

_FIRST = (
    "argparse ast asyncio atexit base64 bdb cmd code codecs collections contextlib copy csv dataclasses"
    " datetime decimal difflib dis doctest email enum faulthandler fnmatch fractions functools gc"
    " getpass glob gzip hashlib heapq html http importlib.metadata inspect io itertools json linecache"
    " locale logging math multiprocessing numbers operator os pathlib pdb pickle platform pprint queue"
    " random re shlex shutil signal socket sqlite3 statistics string struct subprocess sysconfig"
    " tempfile textwrap threading time timeit token tokenize traceback types typing unittest"
    " unittest.mock urllib.parse uuid warnings weakref xml.etree zipfile zlib pluggy iniconfig"
    " packaging.version exceptiongroup tomli tomllib pytest"
).split()


def main():
    """Run what the order says and end at once, so that nothing left behind has a say."""
    pipe = int(sys.argv[1])
    os.set_inheritable(pipe, False)
    work = json.loads(sys.stdin.buffer.read().decode())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    say = speaker(pipe, bytes.fromhex(work.pop("token")))
    leave = os._exit
    for name in ("sitecustomize", "usercustomize"):
        sys.modules[name] = types.ModuleType(name)
    site.main()
    load_first()
    run = {"pytest": run_pytest, "unittest": run_unittest}[work["kind"]]
    if work["kind"] == "pytest" and "pytest" not in sys.modules:
        say({"missing": "pytest"})
        leave(0)
    say({"ready": sys.version.split()[0]})
    os.chdir(work["folder"])
    sys.path.insert(0, work["folder"])
    sys.path[1:1] = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    code = run(work["arguments"], "test", say)
    os.environ.pop("PYTEST_ADDOPTS", None)
    sys.path.insert(0, os.path.dirname(work["canary"]))
    run(canary(work), "canary", say)
    say({"end": int(code)})
    leave(0)


def speaker(pipe, token):
    """Return a function that writes one signed, numbered line."""
    count = [0]
    new, digest, write, dumps = hmac.new, hashlib.sha256, os.write, json.dumps

    def say(value):
        body = dumps([count[0], value]).encode()
        count[0] += 1
        line = new(token, body, digest).hexdigest().encode() + b" " + body + b"\n"
        while line:
            line = line[write(pipe, line) :]

    return say


def load_first():
    """Import what a folder of the tree could stand before; what is not installed is left out."""
    for name in _FIRST:
        attempt(name)
    if "_pytest" in sys.modules:
        for part in pkgutil.iter_modules(sys.modules["_pytest"].__path__, "_pytest."):
            attempt(part.name)


def attempt(name):
    """Import a module if it can be."""
    with contextlib.suppress(Exception):
        importlib.import_module(name)


def canary(work):
    """Return the arguments that run the canary alone, with nothing of the suite's settings."""
    file = work["canary"]
    if work["kind"] == "unittest":
        return [os.path.basename(file)[:-3]]
    folder = os.path.dirname(file)
    shut = ["--noconftest", "-q", "-p", "no:cacheprovider", "-o", "addopts="]
    return [file, "-c", os.path.join(folder, "canary.ini"), "--rootdir", folder] + shut


class Reporter:
    """A pytest plugin that says what became of each phase of each test."""

    def __init__(self, kind, say):
        self.kind, self.say = kind, say

    def pytest_collectreport(self, report):
        """Say that a file or class could not be collected."""
        if report.failed:
            self.say({self.kind: report.nodeid, "when": "collect", "outcome": "failed"})

    def pytest_runtest_logreport(self, report):
        """Say what became of one phase."""
        said = {self.kind: report.nodeid, "when": report.when, "outcome": report.outcome}
        if hasattr(report, "wasxfail"):
            said["xfail"] = True
        self.say(said)


def run_pytest(arguments, kind, say):
    """Run pytest in this process and return its exit code."""
    import pytest

    return pytest.main(arguments, plugins=[Reporter(kind, say)])


def run_unittest(arguments, kind, say):
    """Run modules, classes or tests by their dotted names; return what pytest would: 0, 1 or 5."""
    import unittest

    class Result(unittest.TestResult):
        """A result that reports as it goes; nothing is asked of its base class."""

        bad = ran = 0

        def _say(self, test, outcome, **more):
            self.ran += 1
            self.bad += outcome == "failed"
            name = test.id()
            say(dict({kind: name, "when": "call", "outcome": outcome}, **more))

        def startTest(self, test):
            pass

        def stopTest(self, test):
            pass

        def addSuccess(self, test):
            self._say(test, "passed")

        def addFailure(self, test, err):
            self._say(test, "failed")

        def addError(self, test, err):
            self._say(test, "failed")

        def addSkip(self, test, reason):
            self._say(test, "skipped")

        def addExpectedFailure(self, test, err):
            self._say(test, "skipped", xfail=True)

        def addUnexpectedSuccess(self, test):
            self._say(test, "failed")

        def addSubTest(self, test, subtest, err):
            if err is not None:
                self._say(test, "failed")

    result = Result()
    unittest.defaultTestLoader.loadTestsFromNames(arguments).run(result)
    return 1 if result.bad else 0 if result.ran else 5


if __name__ == "__main__":
    main()
