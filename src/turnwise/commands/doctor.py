"""`turnwise doctor`: what is installed, what works, what is missing and how to get it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from .options import JsonFlag, emit_json

_REQUIRED = [
    "gymnasium",
    "numpy",
    "fastapi",
    "uvicorn",
    "orjson",
    "pydantic",
    "httpx",
    "typer",
    "rich",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
]
_OPTIONAL = {
    "matplotlib": ("curves and pictures", "pip install 'turnwise[plots]'"),
    "docker": ("environments in containers", "pip install 'turnwise[docker]'"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether one thing works, and how to get it if not."""

    what: str
    works: bool
    needed: bool
    detail: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at everything turnwise needs or can use."""
    findings = [_python(), *(_package(name, needed=True) for name in _REQUIRED)]
    for name, (purpose, remedy) in _OPTIONAL.items():
        findings.append(_package(name, needed=False, purpose=purpose, remedy=remedy))
    findings += [
        _probe("environments", _environments),
        _probe("tensor arithmetic", _torch),
        _probe("GPU", _gpu, needed=False),
    ]
    findings += [_docker(), _oracle(), _data()]
    return findings


def doctor(as_json: JsonFlag = False) -> None:
    """Say what is installed, what works, what is missing and how to get it."""
    findings = examine()
    broken = any(finding.needed and not finding.works for finding in findings)
    if as_json:
        emit_json({"ok": not broken, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            mark = "ok  " if finding.works else ("FAIL" if finding.needed else "none")
            line = f"{mark}  {finding.what}: {finding.detail}"
            typer.echo(line + (f"  ->  {finding.remedy}" if finding.remedy and not finding.works else ""))
    raise typer.Exit(1 if broken else 0)


def _python() -> Finding:
    works = sys.version_info >= (3, 11)
    return Finding(
        "python",
        works,
        True,
        f"{platform.python_version()} on {platform.system()}",
        "install Python 3.11 or later",
    )


def _package(name: str, *, needed: bool, purpose: str = "", remedy: str = "") -> Finding:
    found = importlib.util.find_spec(name) is not None
    detail = importlib.metadata.version(name) if found else "not installed"
    return Finding(
        name, found, needed, f"{detail} ({purpose})" if purpose else detail, remedy or f"pip install {name}"
    )


def _probe(what: str, probe: Callable[[], tuple[bool, str, str]], needed: bool = True) -> Finding:
    try:
        works, detail, remedy = probe()
    except Exception as error:  # noqa: BLE001 - a broken installation can raise anything; the finding is the report
        return Finding(
            what, False, needed, f"{type(error).__name__}: {error}", "reinstall the package it names"
        )
    return Finding(what, works, needed, detail, remedy)


def _environments() -> tuple[bool, str, str]:
    from ..envs import make, registered

    ids = registered()
    with make("household/demo-v0") as env:
        env.reset(seed=0)
    return True, f"{len(ids)} registered; household/demo-v0 starts", ""


def _torch() -> tuple[bool, str, str]:
    import torch

    return (
        float(torch.ones(4).sum()) == 4.0,
        f"{torch.get_num_threads()} threads on {os.cpu_count()} cores",
        "",
    )


def _gpu() -> tuple[bool, str, str]:
    import torch

    if torch.cuda.is_available():
        return True, torch.cuda.get_device_name(0), ""
    return (
        False,
        "none: everything but large models runs without",
        "install a CUDA build of torch on a machine with one",
    )


def _docker() -> Finding:
    return Finding(
        "Docker engine",
        shutil.which("docker") is not None,
        False,
        shutil.which("docker") or "not installed (environments in containers)",
        "install the Docker engine",
    )


def _oracle() -> Finding:
    python = os.environ.get("TURNWISE_ORACLE", ".oracle/bin/python")
    return Finding(
        "original ALFWorld engine",
        Path(python).is_file(),
        False,
        f"{python} (only for the differential test)",
        "make oracle",
    )


def _data() -> Finding:
    folder = Path(os.environ.get("TURNWISE_DATA", "../shared/data"))
    return Finding(
        "benchmark data",
        folder.is_dir(),
        False,
        f"{folder} (tests that need it are skipped without)",
        "point TURNWISE_DATA to the folder",
    )
