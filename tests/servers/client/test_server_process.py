"""A server of one's own: Ctrl-C in a terminal is for its owner, which closes its sessions there first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

OWNER = """
import os, signal, time
from turnwise.servers.client import ServerProcess

with ServerProcess() as server:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.killpg(os.getpgrp(), signal.SIGINT)  # as a terminal does, to all of the group
    time.sleep(0.5)
    os.killpg(os.getpgrp(), signal.SIGINT)
    time.sleep(0.5)
    print(os.getpgid(server.pid) == server.pid, server.stop())
"""


def test_a_terminals_ctrl_c_does_not_end_the_server_before_its_owner_does(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OWNER],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        process_group=0,
    )
    assert (done.returncode, done.stdout) == (0, "True 0\n"), done.stderr
