"""Say when and on what a measurement was made."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path

import numpy as np

import turnwise


def today() -> str:
    """Return the date, as year-month-day."""
    return datetime.datetime.now(tz=datetime.UTC).date().isoformat()


def machine() -> str:
    """Return processor, cores and versions on one line."""
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, "
        f"numpy {np.__version__}, turnwise {turnwise.__version__}"
    )


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
