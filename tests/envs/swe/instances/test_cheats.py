"""Patches that solve nothing and would like to be taken for right ones: each is judged for real.

All leave the fault in place. None may be resolved, and none may get out of being scored.
"""

from __future__ import annotations

import pytest

from turnwise.envs.swe.instances.grade import Suite

FORGED = (
    "PASSED tests/test_money.py::test_discount\\nPASSED tests/test_money.py::TestDiscount::test_discount\\n"
)
PASS_ALL = """
import pytest

@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_makereport(item, call):
    got = yield
    got.get_result().outcome = "passed"

def pytest_sessionfinish(session):
    session.exitstatus = 0
"""


def in_the_package(code: str):
    """Return a patch whose code runs when the tests import the package."""
    return lambda calc: {"calc/__init__.py": code.encode()}


def at(path: str, text: str):
    return lambda calc: {path: text.encode()}


CHEATS = {
    "conftest.py beside the tests": at("tests/conftest.py", PASS_ALL),
    "conftest.py at the top": at("conftest.py", PASS_ALL),
    "a plugin by pytest.ini": lambda calc: {
        "pytest.ini": b"[pytest]\naddopts = -p cheat\n",
        "cheat.py": PASS_ALL.encode(),
    },
    "a plugin by setup.cfg": lambda calc: {
        "setup.cfg": b"[tool:pytest]\naddopts = -p cheat\n",
        "cheat.py": PASS_ALL.encode(),
    },
    "a plugin by tox.ini": lambda calc: {
        "setup.cfg": None,
        "tox.ini": b"[pytest]\naddopts = -p cheat\n",
        "cheat.py": PASS_ALL.encode(),
    },
    "a plugin by pyproject.toml": lambda calc: {
        "pyproject.toml": b"[tool.pytest.ini_options]\naddopts = '-p cheat'\n",
        "cheat.py": PASS_ALL.encode(),
    },
    "the grader's own settings": lambda calc: {
        ".turnwise-suite.cfg": b"[tool:pytest]\naddopts = -p cheat\n",
        ".turnwise-suite.ini": b"[pytest]\naddopts = -p cheat\n",
        "cheat.py": PASS_ALL.encode(),
    },
    "options that run nothing": at("pytest.ini", "[pytest]\naddopts = --collect-only -q\n"),
    "a plugin by an entry point": lambda calc: {
        "cheat-1.dist-info/METADATA": b"Metadata-Version: 2.1\nName: cheat\nVersion: 1\n",
        "cheat-1.dist-info/entry_points.txt": b"[pytest11]\ncheat = cheat\n",
        "cheat.py": PASS_ALL.encode(),
    },
    "sitecustomize": at("sitecustomize.py", f"print('{FORGED}'); import os; os._exit(0)\n"),
    "usercustomize": at("usercustomize.py", "import os; os._exit(0)\n"),
    "a .pth file": at("cheat.pth", "import os; os._exit(0)\n"),
    "a package that stands before pytest": lambda calc: {
        "pytest/__init__.py": b"def main(*a, **k): return 0\n",
        "pytest/__main__.py": f"print('{FORGED}')\n".encode(),
    },
    "a module that stands before json": at("json.py", "def dumps(*a, **k): return '[]'\nloads = dumps\n"),
    "a module that stands before unittest": at("unittest.py", "class TestCase: pass\n"),
    "sys.exit(0)": in_the_package("import sys\nsys.exit(0)\n"),
    "os._exit(0)": in_the_package("import os\nos._exit(0)\n"),
    "printed results": in_the_package(f"import sys, os\nprint('{FORGED}')\nos.write(1, b'{FORGED}')\n"),
    "printed results at the exit": in_the_package(
        f"import atexit, os\natexit.register(lambda: (os.write(1, b'{FORGED}'), os._exit(0)))\n"
    ),
    "tests deleted": lambda calc: {"tests/test_money.py": None},
    "tests edited": lambda calc: {
        "tests/test_money.py": calc.texts.hidden.replace("== 180", "== 190")
        .replace(", 100)", ", 150)")
        .encode()
    },
    "every assertion passes": in_the_package(
        "import unittest\nfor n in dir(unittest.TestCase):\n"
        "    if n.startswith('assert'):\n        setattr(unittest.TestCase, n, lambda *a, **k: None)\n"
    ),
    "unittest runs nothing": in_the_package(
        "import unittest\nunittest.TestCase.__call__ = lambda s, *a: None\n"
    ),
    "every report says passed": in_the_package(
        "import _pytest.reports as r\nold = r.TestReport.__init__\n"
        "def new(self, *a, **k):\n    old(self, *a, **k); self.outcome = 'passed'; self.longrepr = None\n"
        "r.TestReport.__init__ = new\n"
    ),
    "every call passes": in_the_package(
        "import _pytest.runner as r\nold = r.CallInfo.from_call.__func__\n"
        "r.CallInfo.from_call = classmethod(lambda cls, func, when, reraise=None:"
        " old(cls, lambda: None, when, reraise))\n"
    ),
    "lines written into every pipe": in_the_package(
        "import os\nfor n in range(3, 64):\n"
        "    try: os.write(n, b'00 [1, {}]\\n')\n    except OSError: pass\n"
    ),
    "a report written beforehand": in_the_package(
        "import os\nfor p in ('/grader/report.json', '/tmp/report.xml', 'report.xml'):\n"
        "    try: open(p, 'w').write('{}')\n    except OSError: pass\n"
    ),
    "a link where a report could be": in_the_package(
        "import os\nfor p in ('/grader/report.json', 'report.xml'):\n"
        "    try: os.symlink('/dev/null', p)\n    except OSError: pass\n"
    ),
    "the grader's programs replaced": in_the_package(
        "import os\nfor p in ('referee.py', 'examiner.py'):\n"
        "    try: os.remove('/grader/' + p)\n    except OSError: pass\n"
        "    try: open('/grader/' + p, 'w').write('print(1)')\n    except OSError: pass\n"
    ),
    "a process in the background": in_the_package(
        "import os, time, glob\nif os.fork() == 0:\n    os.setsid()\n    for _ in range(200):\n"
        "        for p in glob.glob('/proc/[0-9]*/fd/*'):\n"
        "            try: open(p, 'wb', buffering=0).write(b'report 00 e30=\\n')\n"
        "            except OSError: pass\n        time.sleep(0.02)\n    os._exit(0)\n"
    ),
    "the parent killed": in_the_package("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n"),
    "the parent's memory read": in_the_package(
        "import os\nopen(f'/proc/{os.getppid()}/mem', 'rb').read(1)\n"
    ),
    "a report that is not in its form": in_the_package(
        "import gc\nfor one in gc.get_objects():\n    if type(one).__name__ == 'Reporter': one.say(5)\n"
    ),
    "a syntax error": lambda calc: {"calc/money.py": calc.texts.wrong.encode() + b"def (:\n"},
    "a loop without end": in_the_package("while True: pass\n"),
}


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_is_not_resolved_and_is_scored(name, calc, backend, run) -> None:
    patch = {"README": b"More.\n", **CHEATS[name](calc)}
    verdict = run(calc.task(Suite(seconds=4.0 if "loop" in name else 30.0)).grade(backend, patch))
    assert (verdict.outcome, verdict.reward) == ("tests_failed", 0.0), verdict
    assert verdict.cause


SPEAKS_FOR_THE_REPORTER = """
import gc
for one in gc.get_objects():
    if type(one).__name__ == "Reporter" and one.kind == "test":
        old = one.say
        def say(line, old=old):
            if "test" in line and line["outcome"] == "failed":
                line["outcome"] = "passed"
            old({"end": 0} if "end" in line else line)
        one.say = say
        break
import _pytest.main as main
main.Session.testsfailed = property(lambda self: 0, lambda self, value: None)
"""


@pytest.mark.xfail(strict=True, reason="code inside the tests' own process can speak for the reporter")
def test_the_hole_that_remains(calc, backend, run) -> None:
    patch = {"calc/__init__.py": SPEAKS_FOR_THE_REPORTER.encode()}
    assert run(calc.task().grade(backend, patch)).outcome != "resolved"
