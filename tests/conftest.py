"""What every test may use: where the benchmark data lies, a quiet torch, and the count of the house.

A new test stays cheap where it runs commands by `here`, starts a process or a server only for what a process
alone can show, and shares what is slow to make or draw: sessions' fixtures, one batch for every method.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from turnwise.__main__ import main
from turnwise.envs.sandbox import SandboxError, backend_by_name

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# as in an activated environment: commands are printed without a path, whoever runs the tests
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

# A process in the background of a script inherits that Ctrl-C is ignored, and hands it on: tests press it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no finding: properties are bounded in number, not in seconds.
settings.register_profile("calm", deadline=None)
settings.load_profile("calm")

ROOT = Path(__file__).resolve().parents[1]

# The modules in tests/house are a script's, not a package's; those in tests/small are shared by tests,
# and docs/site holds what the site is made by.
sys.path[:0] = [str(ROOT / folder) for folder in ("tests/house", "tests/small", "docs/site")]


@pytest.fixture(scope="session")
def benchmark_data() -> Path:
    """Return the folder of benchmark data, or skip with the reason."""
    folder = Path(os.environ.get("TURNWISE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"benchmark data not found at {folder}; point TURNWISE_DATA to it")
    return folder


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a command of turnwise in this process, in the folder of the test.

    A process of its own takes 0.6 s of a core until it does anything, and 2.5 s with torch.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.syspath_prepend(tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["turnwise", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, int(ended.value.code or 0), said.out, said.err)

    return run


def pytest_collection_finish() -> None:
    """Let what is loaded now stay: to look through it again and again is a tenth of a second each time."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a sandbox where none works, with the reason."""
    if item.get_closest_marker("sandbox"):
        try:
            asyncio.run(backend_by_name("namespace"))
        except SandboxError as error:
            pytest.skip(f"no sandbox works here: {error}")


class _Unretrieved(logging.Handler):
    """What asyncio says of failures that nobody has asked for: it says so when the task is collected."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{record.getMessage()} ({record.exc_info and record.exc_info[1]!r})")


UNRETRIEVED = _Unretrieved()
logging.getLogger("asyncio").addHandler(UNRETRIEVED)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, Any, Any]:
    """Fail where a failure was lost, in this test or in one before it, whose task was collected now.

    Telling it parses source code in the middle of whatever runs, which may be parsing some itself: CPython
    3.11 then raises a SystemError there ("AST constructor recursion depth mismatch").
    """
    try:
        return (yield)
    finally:
        lost, UNRETRIEVED.said = UNRETRIEVED.said, []
        assert not lost, "a failure was lost, in this test or in one before it: " + "; ".join(lost)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Let workers send reports of texts with half a character, which cannot be sent as they are."""
    return _sendable((yield))


def _sendable(value: Any) -> Any:
    if isinstance(value, dict):
        return {_sendable(key): _sendable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_sendable, value))
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
