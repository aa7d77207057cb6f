"""Runs a case and says what became of it; sees that the host and another box are unharmed."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from case import HELPERS, Case
from kernel import cases as kernel_cases
from resources import CASES as RESOURCES
from through_backend import CASES as THROUGH_BACKEND

from turnwise.envs.sandbox import Limits

CASES = [*kernel_cases(), *RESOURCES, *THROUGH_BACKEND]
LIMITS = Limits(
    memory_bytes=256 << 20, disk_bytes=64 << 20, num_files=5000, num_processes=64, output_bytes=1 << 16
)
_CANARY = "echo fine > /tmp/fine && cat /tmp/fine && (sleep 0 & wait) && head -c 1M /dev/zero | wc -c"
_WATCHED = (
    "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hostname",
    "/sys/kernel/uevent_helper", "/etc/passwd", "/etc/hosts", "/usr/bin/env",
)  # fmt: skip


@contextmanager
def facts(folder: Path) -> Iterator[dict[str, str]]:
    """Prepare the host: a secret in the environment, a port, an abstract socket, a process, a file."""
    secret, marker = f"secret{uuid.uuid4().hex}", str(40_000 + os.getpid() / 100_000)
    file = folder / "of-the-host"
    file.write_text(secret)
    with ExitStack() as undo:
        listener = undo.enter_context(socket.create_server(("127.0.0.1", 0)))
        abstract = undo.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind(f"\0{secret[:20]}")
        abstract.listen()
        process = undo.enter_context(subprocess.Popen(["sleep", marker], env={"S": secret}))
        undo.callback(process.kill)
        os.environ["TURNWISE_ABUSE_SECRET"] = secret
        undo.callback(os.environ.pop, "TURNWISE_ABUSE_SECRET")
        yield {
            "secret": secret,
            "marker": marker,
            "port": str(listener.getsockname()[1]),
            "abstract": secret[:20],
            "host_file": str(file),
        }


def host_state(known: dict[str, str]) -> dict[str, Any]:
    """Return what of the host no case may change."""
    state: dict[str, Any] = {path: Path(path).read_bytes() for path in _WATCHED if Path(path).exists()}
    state["file"] = Path(known["host_file"]).read_text()
    state["name"] = os.uname()[:2]
    return state


async def judge(case: Case, box: Any, other: Any, known: dict[str, str]) -> str:
    """Run one case in a box; return "refused", "contained" or "succeeded"."""
    before = host_state(known)
    await box.write("helpers.py", HELPERS.encode())
    result = await (case.act(box, other, known) if case.act else _script(case, box, other, known))
    if host_state(known) != before:
        return "succeeded"
    canary = await other.run(
        "echo fine > /tmp/canary && cat /tmp/canary && (sleep 0 & wait) && head -c 1M /dev/zero | wc -c", 60
    )
    return result if canary.output == "fine\n1048576\n" else "succeeded"


async def _script(case: Case, box: Any, other: Any, known: dict[str, str]) -> str:
    script = case.script
    for name, value in known.items():
        script = script.replace("{" + name + "}", value)
    if case.other:
        await other.write("helpers.py", HELPERS.encode())
        running = asyncio.ensure_future(box.run(script, case.timeout_s))
        await asyncio.sleep(2)
        works = "WORKS" in (await other.run(case.other, 20)).output
        await running
        return "contained" if works else "succeeded"
    ran = await box.run(script, case.timeout_s)
    lines = ran.output.splitlines()
    if any(line.startswith("GOT") for line in lines):
        return "succeeded"
    held = any(line.startswith("HELD") for line in lines) or ran.cause != "exit"
    return "contained" if held else "refused"
