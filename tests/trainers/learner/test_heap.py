"""Memory that one thread has freed is of use to another, and much of it goes back to the system."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

needs_glibc = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library is not glibc, and keeps less"
)

PROGRAM = """
import asyncio, ctypes, sys, threading
from turnwise.trainers.learner.heap import Heap, resident
from turnwise.trainers.learner.thread import LearnerThread

SIZE, NUM = 1 << 20, 200
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.mallopt(-3, 1 << 25)  # as a program comes to have it that has freed large blocks
libc.mallopt(-1, 1 << 30)

def use():
    blocks = [libc.malloc(SIZE) for _ in range(NUM)]
    for block in blocks:
        ctypes.memset(block, 1, SIZE)
    pins.append(libc.malloc(100))  # what keeps the top of a heap from sinking
    for block in blocks:
        libc.free(block)

pins = []
thread = LearnerThread(print)
thread._heap = Heap(int(sys.argv[1]))
begun = resident()
use()
asyncio.run(thread.run(use))
thread.close()
print((resident() - begun) >> 20)
"""


@needs_glibc
@pytest.mark.parametrize(("at_least", "least", "most"), [(1 << 40, 190, 260), (1 << 20, -50, 60)])
def test_what_two_threads_have_freed_is_given_back(at_least: int, least: int, most: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(at_least)], capture_output=True, text=True, timeout=60, check=True
    )
    assert least <= int(done.stdout) <= most, done.stdout
