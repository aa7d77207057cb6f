"""The machine that is measured: whether it has a card, which packages, and how its memory stands."""

from __future__ import annotations

import importlib.metadata
import platform
import re

import torch

NEEDED = {"torch": "2.11", "transformers": "5.23", "tokenizers": "0.20", "peft": "0.18", "numpy": "2.0"}
"""What the script imports and the least version that it is written for; vllm is not among them."""
GIB = 1 << 30


def missing() -> list[str]:
    """Return which packages are missing or too old, as one would install them."""
    wanted = []
    for name, least in NEEDED.items():
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            wanted.append(f"{name}>={least}")
            continue
        if _numbers(found) < _numbers(least):
            wanted.append(f"{name}>={least} (found {found})")
    return wanted


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:2])


def unreachable() -> str:
    """Return why no card can be used; empty where one can."""
    if torch.cuda.is_available():
        return ""
    build = torch.version.cuda or "none"
    return f"no GPU can be reached: torch {torch.__version__} is built for CUDA {build}" + (
        "" if torch.version.cuda else "; install the build of torch that has it"
    )


def name_of(device: torch.device) -> str:
    """Return the name of a card, or of the processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU {platform.machine()}"


def facts(device: torch.device) -> dict[str, str]:
    """Return what a reader wants to know of the machine."""
    found = {"device": name_of(device), "torch": torch.__version__, "python": platform.python_version()}
    found |= {name: importlib.metadata.version(name) for name in ("transformers", "peft")}
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        major, minor = torch.cuda.get_device_capability(device)
        found |= {
            "CUDA": str(torch.version.cuda),
            "capability": f"{major}.{minor}",
            "memory": f"{total / GIB:.1f} GiB, {free / GIB:.1f} free",
            "bfloat16": str(torch.cuda.is_bf16_supported()),
        }
    return found


def free_bytes(device: torch.device) -> int:
    """Return how much memory there is left for us; of the machine's own, 2 GiB."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 2 * GIB


def wait_for(device: torch.device) -> None:
    """Wait until a card has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
