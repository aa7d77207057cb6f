"""Run several `turnwise` commands in one process, which loads torch once.

Reads a JSON list of commands, each a list of arguments, from standard input; writes
what each printed, its exit code, and the machine where torch was loaded.
"""

from __future__ import annotations

import contextlib
import io
import json
import platform
import runpy
import sys
from pathlib import Path
from typing import Any


def run(arguments: list[str]) -> dict[str, Any]:
    """Run one command as `python -m turnwise` does."""
    out, code = io.StringIO(), 0
    sys.argv = ["turnwise", *arguments]
    with contextlib.redirect_stdout(out):
        try:
            runpy.run_module("turnwise", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return {"code": code, "out": out.getvalue()}


def machine() -> dict[str, str]:
    """Return what the last bits of floating-point results depend on."""
    if "torch" not in sys.modules:
        return {}
    import numpy
    import torch

    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "torch": torch.__version__,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "processor": names[0] if names else platform.processor(),
        "numpy": numpy.__version__,
    }


if __name__ == "__main__":
    done = [run(arguments) for arguments in json.load(sys.stdin)]
    print(json.dumps({"done": done, "machine": machine()}))
