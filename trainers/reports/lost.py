"""Why stored episodes were lost, at the beginning of a run and at its end."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ...agents.causes import rules_for
from ...agents.stored import StoredTrajectories
from ...agents.stored.query import Filter

_UPDATES = 5  # at either end


def lost_by(run: Path) -> list[str]:
    """Return the lines of a section; none where no trajectories are kept, or none was lost."""
    if not any((run / "trajectories").glob("*.jsonl.gz")):
        return []
    with StoredTrajectories(run) as stored:
        updates = sorted(int(str(update)) for update in stored.counts("update"))
        ends = (updates[:_UPDATES], updates[-_UPDATES:])
        first, last = (_counted(stored, numbers) for numbers in ends)
        envs = [str(env) for env in stored.counts("env")]
        problems = [f"`{problem.file}`: not whole, the rest of it is counted" for problem in stored.problems]
    if not first and not last:
        return []
    meanings: dict[str, list[str]] = {}
    for known in {known: None for env in envs for known in rules_for(env)}:
        meanings.setdefault(known.name, []).append(known.meaning)
    lines = [
        "## Why episodes were lost",
        "",
        f"Of the stored episodes of {_which(len(updates))}, by rules (agents/causes); the first that holds "
        "names the cause.",
        "",
        "| cause | first | last | |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {cause} | {first[cause]} | {last[cause]} | {'; or '.join(meanings.get(cause, []))} |"
        for cause, _ in (first + last).most_common()
    ]
    return [*lines, "", *problems, *([""] if problems else [])]


def _which(num: int) -> str:
    """Say of which updates the two columns are."""
    if num <= _UPDATES:
        return f"all {num} stored updates, which are the first and the last ones" if num > 1 else "one update"
    shared = max(0, 2 * _UPDATES - num)
    told = f", {shared} of them in both columns" if shared else ""
    return f"the first and the last {_UPDATES} stored updates{told}"


def _counted(stored: StoredTrajectories, updates: list[int]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for update in updates:
        for cause, number in stored.counts("cause", Filter(update=update)).items():
            counted[str(cause)] += number
    del counted[""]
    return counted
