"""What was found, written down as it is found: a line of JSON each, and a page made from the lines."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure, and whether it is as it should be."""

    step: str
    name: str
    value: float | str
    unit: str = ""
    holds: bool | None = None  # None: a figure without a bound
    bound: str = ""

    @property
    def mark(self) -> str:
        """Return a word for whether it is as it should be."""
        return {True: "yes", False: "NO", None: ""}[self.holds]

    @property
    def shown(self) -> str:
        """Return the figure with its unit."""
        value = self.value if isinstance(self.value, str) else f"{self.value:.4g}"
        return f"{value} {self.unit}".strip()


class Record:
    """The files of one run of the script, by day and card.

    Args:
        folder: made if missing.
        card: the name of what is measured.
        command: that was typed.
        facts: of the machine.
    """

    def __init__(self, folder: Path, card: str, command: str, facts: Mapping[str, str]) -> None:
        self._day = datetime.datetime.now(datetime.UTC).date().isoformat()
        stem = f"{self._day}-gpu-{re.sub(r'[^a-z0-9]+', '-', card.lower()).strip('-')}"
        self.lines, self.page = folder / f"{stem}.jsonl", folder / f"{stem}.md"
        self._card, self._command, self._facts = card, command, dict(facts)
        self.findings: list[Finding] = []
        folder.mkdir(parents=True, exist_ok=True)
        self.lines.write_text(json.dumps({"command": command, **facts}) + "\n")
        self._write()

    @property
    def holds(self) -> bool:
        """Tell whether all is as it should be so far."""
        return all(finding.holds is not False for finding in self.findings)

    def add(self, finding: Finding) -> None:
        """Write a finding into both files, and print it."""
        self.findings.append(finding)
        with self.lines.open("a") as file:
            file.write(json.dumps(asdict(finding)) + "\n")
        self._write()
        bound = f" ({finding.bound})" if finding.bound else ""
        print(f"{finding.step}: {finding.name}: {finding.shown}{bound} {finding.mark}".rstrip(), flush=True)

    def _write(self) -> None:
        self.page.write_text("\n".join(self._text()) + "\n")

    def _text(self) -> Iterable[str]:
        yield f"# One GPU: {self._card}"
        yield ""
        yield f"{self._day}, `{self._command}`. Weights are random; nothing was fetched."
        yield ", ".join(f"{name} {value}" for name, value in self._facts.items()) + "."
        yield ""
        yield "| step | what | found | expected | holds |"
        yield "|---|---|---|---|---|"
        for each in self.findings:
            yield f"| {each.step} | {each.name} | {each.shown} | {each.bound} | {each.mark} |"
