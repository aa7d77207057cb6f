"""The folder of an evaluation: settings.json, rows.jsonl and trajectories as episodes end, evaluation.json.

An evaluation that was interrupted goes on from its rows if its settings are the
same. Rows of episodes that failed for the machine's reasons are played again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...files import write_whole
from ..control import Kind, hold
from ..stored import KeptTrajectories
from ..types import Trajectory
from .config import KEEP_MB
from .results import EvalRow, Evaluation

_UNSET = "not set"


class EvaluationFolder:
    """The rows of one evaluation on disk; used with `with`.

    Args:
        folder: made if missing.
        settings: what the rows depend on.
        keep_mb: how much of its trajectories is kept, in megabytes; 0 keeps none.
        kind: whether it is an evaluation of its own, or a cell of a suite.

    Attributes:
        rows: seed -> the row that counts.
        control: what is asked of it while it goes on.

    Raises:
        UsageError: if the folder holds an evaluation with other settings, or a broken one, or another
            process plays in it.
    """

    def __init__(
        self,
        folder: str | Path,
        settings: Mapping[str, Any],
        keep_mb: float = KEEP_MB,
        kind: Kind = "evaluation",
    ) -> None:
        self.folder = Path(folder)
        self._settings = json.loads(json.dumps(settings))
        self._rows_file = self.folder / "rows.jsonl"
        self.rows: dict[int, EvalRow] = {}
        self._check_settings()
        with ExitStack() as stack:
            self.control = stack.enter_context(hold(self.folder, kind))
            self._open(keep_mb)
            self._stack = stack.pop_all()

    def _open(self, keep_mb: float) -> None:
        known = self._load_rows()
        self._kept = KeptTrajectories(self.folder, keep_mb) if keep_mb > 0 else None
        self._file = self._rows_file.open("ab")
        last = self._kept.last if self._kept is not None else None
        if last is not None and _line(EvalRow.of(last)) not in known:  # its row was not written any more
            self._write(EvalRow.of(last))

    def __enter__(self) -> EvaluationFolder:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self._file.close()
        if self._kept is not None:
            self._kept.close()
        self._stack.close()

    def add(self, trajectory: Trajectory) -> EvalRow:
        """Keep an episode and append its row, which survives the end of this process."""
        if self._kept is not None:
            self._kept.add(trajectory)
        return self._write(EvalRow.of(trajectory))

    def _write(self, row: EvalRow) -> EvalRow:
        self._file.write(_line(row))
        self._file.flush()
        if row.counts:
            self.rows[row.seed] = row
        return row

    def finish(self, evaluation: Evaluation) -> None:
        """Write evaluation.json."""
        text = json.dumps(evaluation.document(), indent=2, sort_keys=True)
        write_whole(self.folder / "evaluation.json", text.encode() + b"\n")

    def former_report(self) -> dict[str, Any]:
        """Return what the policy said when the evaluation was finished; {} if it was not, or is broken."""
        try:
            said = json.loads((self.folder / "evaluation.json").read_bytes())["policy"]
        except (OSError, ValueError, LookupError, TypeError):
            return {}
        return said if isinstance(said, dict) else {}

    def _check_settings(self) -> None:
        path = self.folder / "settings.json"
        if not path.exists():
            if self._rows_file.exists():
                raise UsageError(
                    f"{self.folder}: has rows.jsonl without settings.json; choose another folder"
                )
            write_whole(path, json.dumps(self._settings, indent=2, sort_keys=True).encode() + b"\n")
            return
        try:
            former, now = _flat(json.loads(path.read_bytes()).items()), _flat(self._settings.items())
            differing = sorted(
                name for name in {*former, *now} if former.get(name, _UNSET) != now.get(name, _UNSET)
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise UsageError(f"{path}: cannot be read: {error}; choose another folder") from error
        if differing:
            shown = ", ".join(
                f"{name} was {former.get(name, _UNSET)} and is {now.get(name, _UNSET)}" for name in differing
            )
            raise UsageError(f"{self.folder} holds another evaluation: {shown}; choose another folder")

    def _load_rows(self) -> frozenset[bytes]:
        """Read the rows of a former process; return its lines."""
        if not self._rows_file.exists():
            return frozenset()
        content = self._rows_file.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):  # the last row was being written when the process ended
            write_whole(self._rows_file, whole)
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                row = EvalRow.read(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(f"{self._rows_file}, line {number}: is not a row: {error!r}") from error
            if row.counts:
                self.rows[row.seed] = row
        return frozenset(whole.splitlines(keepends=True))


def _line(row: EvalRow) -> bytes:
    return json.dumps(row.document()).encode() + b"\n"


def _flat(items: Iterable[tuple[str, Any]], prefix: str = "") -> dict[str, str]:
    """Return tables in tables as one, under dotted names, with values as they are shown."""
    flat: dict[str, str] = {}
    for name, value in items:
        if isinstance(value, Mapping) and value:
            flat |= _flat(value.items(), f"{prefix}{name}.")
        else:
            flat[prefix + name] = repr(value)
    return flat
