"""Run every script of this folder, one after the other, and write what came as a table.

    python -m venv /tmp/trl && /tmp/trl/bin/pip install torch==2.13.0 trl==1.16.0
    python -m venv /tmp/verifiers && /tmp/verifiers/bin/pip install verifiers==0.4.0
    python -m venv /tmp/openenv && /tmp/openenv/bin/pip install openenv==0.10.0
    python benchmarks/peers/table.py --trl /tmp/trl/bin/python --verifiers /tmp/verifiers/bin/python \\
        --openenv /tmp/openenv/bin/python --out peers.md
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from faults import FAULTS, FRAMEWORKS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TITLES = {"turnwise": "turnwise", "trl": "TRL", "verifiers": "verifiers", "openenv": "OpenEnv"}
AREAS = {
    "texts": "Texts and templates",
    "endpoints": "Chat endpoints",
    "figures": "Figures and runs",
    "wire": "Rewards, info, experts, odd texts",
}
NO_SCRIPT = {
    (
        "endpoints",
        "trl",
    ): "no policy behind a chat endpoint: it samples its own model, or through vLLM, which does not run here",
}
INTRODUCTION = """\
Faults that users and trials of frameworks of this kind have met, given to four of them. What is
judged is what came of real runs of the packages, used as their documentation says; what a package
leaves to others on purpose is "-", with the reason below, which comes from reading. "partly": some
of the inputs are right, and those that are not are told. No model is asked: messages are written
out beforehand, endpoints answer on loopback as they are told.

The faults were chosen for turnwise and mended there, so its column says that the mends hold, and
not that the others are worse; faults that the others met and mended first were not looked for. What
is not right in its column was found by this trial.

Not tried, because vLLM does not run here: TRL's asynchronous trainer and what it does through vLLM,
verifiers' training client. Not tried either: OpenEnv's capture of other programs' model calls."""

Lines = dict[tuple[str, str], dict[str, Any]]


def run(framework: str, python: str, areas: Collection[str]) -> Lines:
    """Run the scripts of one framework; return the line of each fault."""
    lines: Lines = {}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for area in areas:
        script = HERE / f"{area}_{framework}.py"
        if not script.exists():
            reason = NO_SCRIPT[area, framework]
            lines |= {
                (fault, framework): {"fault": fault, "who": framework, "verdict": "none", "came": reason}
                for fault in FAULTS[area]
            }
            continue
        done = subprocess.run([python, script], capture_output=True, text=True, env=environment, check=False)
        found = [
            json.loads(line)
            for line in done.stdout.replace(f"{ROOT}/", "").splitlines()
            if line.startswith('{"fault"')
        ]
        if {line["fault"] for line in found} != set(FAULTS[area]):
            sys.exit(f"{script.name} ended with {done.returncode}:\n{done.stderr[-2000:]}")
        lines |= {(line["fault"], framework): line for line in found}
        print(script.name, *(line["verdict"] for line in found), flush=True)
    return lines


def cell(line: dict[str, Any]) -> str:
    """Return what stands in the table of one fault and framework."""
    if line["verdict"] == "none":
        return "-"
    if line["verdict"] == "right":
        return "right"
    text = re.sub(r"\s+", " ", line["came"]).replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
    return f"{line['verdict']}: {text}"


def section(area: str, lines: Lines) -> list[str]:
    """Return the table of one area, and what was called."""
    out = [f"## {AREAS[area]}", "", "| fault | given | right | " + " | ".join(TITLES.values()) + " |"]
    out.append("|---" * (3 + len(TITLES)) + "|")
    for fault, (given, right) in FAULTS[area].items():
        cells = [cell(lines[fault, framework]) for framework in FRAMEWORKS]
        out.append(f"| {fault} | {given} | {right} | {' | '.join(cells)} |")
    for title, key in (("Called:", "called"), ("To know:", "note"), ("Not applicable:", "none")):
        said = [
            f"- {TITLES[framework]}, {faults}: {text}"
            for framework in FRAMEWORKS
            for text, faults in grouped(area, framework, lines, key).items()
        ]
        out += ["", title, "", *said] if said else []
    return [*out, ""]


def grouped(area: str, framework: str, lines: Lines, key: str) -> dict[str, str]:
    """Return each text of one kind, with the faults that it is said of."""
    texts: dict[str, list[str]] = {}
    for fault in FAULTS[area]:
        line = lines[fault, framework]
        text = (line["came"] if line["verdict"] == "none" else "") if key == "none" else line.get(key, "")
        if text:
            texts.setdefault(text, []).append(fault)
    return {
        text: "all" if len(faults) == len(FAULTS[area]) else "; ".join(faults)
        for text, faults in texts.items()
    }


def page(lines: Lines) -> str:
    """Return the page of all that was tried."""
    versions = {line["who"]: line["version"] for line in lines.values() if "version" in line}
    shown = ", ".join(f"{TITLES[name]} {version}" for name, version in versions.items())
    text = [f"# The same faults in four frameworks, {datetime.date.today()}", "", INTRODUCTION, ""]
    text += [f"Versions: {shown}; Python {sys.version.split()[0]}.", ""]
    for area in AREAS:
        text += section(area, lines)
    text += ["## Again", "", "\n".join((__doc__ or "").splitlines()[2:]), ""]
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for framework in FRAMEWORKS[1:]:
        parser.add_argument(f"--{framework}", required=True, help="a Python that has it")
    parser.add_argument("--area", choices=AREAS, help="run one alone; the others are read beside the table")
    parser.add_argument(
        "--out", type=Path, required=True, help="the table; what it is made of lies beside it"
    )
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    pythons = {"turnwise": sys.executable, **{name: getattr(options, name) for name in FRAMEWORKS[1:]}}
    kept, lines = options.out.with_suffix(".json"), {}
    if options.area:
        lines = {(line["fault"], line["who"]): line for line in json.loads(kept.read_text())}
    for framework, python in pythons.items():
        lines |= run(framework, python, [options.area] if options.area else list(AREAS))
    kept.write_text(json.dumps(list(lines.values()), indent=1) + "\n")
    options.out.write_text(page(lines))


if __name__ == "__main__":
    main()
