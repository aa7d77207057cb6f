"""Environments that are closed on threads are waited for, also between a thread's making and its start."""

from __future__ import annotations

import threading

from turnwise.envs.registry import make
from turnwise.servers.isolation.hosts import LocalHost, wait_until_closed


def test_what_has_not_begun_to_close_is_waited_for(world, monkeypatch):
    still: list[int] = []
    start = threading.Thread.start

    def late(thread: threading.Thread) -> None:
        still.append(wait_until_closed(0.0))  # as a shutdown that falls between the two
        start(thread)

    host = LocalHost(make(world("Counter")))
    host.closes_on_thread = True
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", late)
        host.close()
    assert still == [1]
    assert wait_until_closed(10.0) == 0
