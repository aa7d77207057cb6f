"""What dead processes left, removed while this one lives: control groups, and folders that were being filled.

Mounts and processes need no sweep: the kernel ends them with the keeper. A look takes a millisecond or so.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

from ....scratch import sweep_scratch
from . import places
from .host import cache_place

log = logging.getLogger("turnwise.envs")

_PAUSE_S = 20.0
_FIRST_PAUSE_S = 0.25
"""Seconds until the next look at what could not be removed yet; twice as many after each."""

_lock = threading.Lock()
_woken = threading.Event()
_thread: threading.Thread | None = None


class Swept(NamedTuple):
    """What was removed, and what could not be yet."""

    keepers: int
    folders: int
    waiting: int


def sweep() -> Swept:
    """Remove what servers and keepers left that have ended."""
    gone, waiting = places.sweep()
    folders = {Path(tempfile.gettempdir()), cache_place()}
    swept = Swept(gone, sum(map(sweep_scratch, folders)), waiting)
    if gone or swept.folders:
        log.info("removed what dead processes left: of %d keepers, %d folders", gone, swept.folders)
    return swept


def keep_swept() -> None:
    """Sweep now and every 20 seconds, on a thread of its own, for as long as this process lives."""
    global _thread
    with _lock:
        if _thread is None:
            _thread = threading.Thread(target=_keep, name="turnwise-sweep", daemon=True)
            _thread.start()


def soon() -> None:
    """Have the thread sweep now: a keeper has ended."""
    _woken.set()


def _keep() -> None:
    again_s = _FIRST_PAUSE_S
    while True:
        try:
            waiting = sweep().waiting
        except OSError as error:
            log.debug("sweep: %s", error)
            waiting = 0
        is_woken = _woken.wait(again_s if waiting else _PAUSE_S)
        _woken.clear()
        again_s = min(2 * again_s, _PAUSE_S) if waiting and not is_woken else _FIRST_PAUSE_S


def _forget() -> None:
    """Begin anew in a forked process: the thread stayed behind."""
    global _lock, _woken, _thread
    _lock, _woken, _thread = threading.Lock(), threading.Event(), None


os.register_at_fork(after_in_child=_forget)
