"""What environments raise is logged with its traceback once for each place it came from."""

from __future__ import annotations

import logging

import pytest

from turnwise.servers.isolation.faults import RemoteFault
from turnwise.servers.sessions.fault_log import FaultLog


def here() -> None:
    raise ValueError("first")


def there(text: str) -> None:
    raise ValueError(text)


def caught(function, *arguments) -> Exception:
    try:
        function(*arguments)
    except ValueError as error:
        return error
    raise AssertionError


def test_a_place_that_is_known_gets_one_line(caplog: pytest.LogCaptureFixture) -> None:
    faults = FaultLog()
    with caplog.at_level(logging.ERROR):
        for error in (caught(here), caught(there, "b"), caught(there, "c\x1b[2J"), caught(here)):
            faults.write("session 1 failed", error)
    assert [record.exc_info is not None for record in caplog.records] == [True, True, False, False]
    assert caplog.messages[2].startswith("session 1 failed, as before: ValueError: c")
    assert "\x1b" not in caplog.messages[2]


def test_faults_of_other_processes_too(caplog: pytest.LogCaptureFixture) -> None:
    faults = FaultLog()
    trace = 'Traceback:\n  File "a.py", line 3, in step\n    x()\nValueError: {}'
    with caplog.at_level(logging.ERROR):
        for number in (1, 2):
            faults.write("failed", RemoteFault(f"ValueError: {number}", trace.format(number)))
    assert [text.splitlines()[0] for text in caplog.messages] == [
        "failed",
        "in its process:",
        "failed, as before: ValueError: 2",
    ]


def test_what_goes_on_failing_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    faults = FaultLog()
    with caplog.at_level(logging.ERROR):
        for number in range(1, 251):
            faults.write(f"session {number} failed", caught(there, "b"))
    assert [text.partition(":")[0] for text in caplog.messages] == [
        "session 1 failed",
        "session 2 failed, as before",
        "session 3 failed, as before",
        "session 10 failed, as before (10 times by now)",
        "session 100 failed, as before (100 times by now)",
    ]
