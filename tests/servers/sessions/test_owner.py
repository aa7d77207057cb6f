"""A server that was started by a process ends with it, even when that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

OWNER = """
import sys, time
from turnwise.servers.client.server_process import ServerProcess
server = ServerProcess(["--env", "household/demo-v0"]).start()
print(server.pid, flush=True)
time.sleep(600)
"""


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_server_ends_when_its_owner_is_killed() -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    server = int(owner.stdout.readline())
    try:
        assert _runs(server)
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        deadline = time.monotonic() + 30
        while _runs(server) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _runs(server)
    finally:
        owner.stdout.close()
        owner.kill()
        owner.wait()
