"""Why stored episodes were lost, at the beginning of a run and at its end."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ...agents.causes import rules_for
from ...agents.stored import StoredTrajectories
from ...agents.stored.query import Filter

_UPDATES = 5  # at either end, at most


def lost_by(run: Path) -> list[str]:
    """Return the lines of a section; none where no trajectories are kept, or none was lost."""
    if not any((run / "trajectories").glob("*.jsonl.gz")):
        return []
    with StoredTrajectories(run) as stored:
        updates = sorted(int(str(update)) for update in stored.counts("update"))
        num = min(_UPDATES, len(updates) // 2)  # no update stands in both columns
        ends = {"first": updates[:num], "last": updates[-num:]} if num else {"episodes": updates}
        counted = {end: _counted(stored, numbers) for end, numbers in ends.items()}
        envs = [str(env) for env in stored.counts("env")]
        problems = [f"`{problem.file}`: not whole, the rest of it is counted" for problem in stored.problems]
    if not any(counted.values()):
        return []
    meanings: dict[str, list[str]] = {}
    for known in {known: None for env in envs for known in rules_for(env)}:
        meanings.setdefault(known.name, []).append(known.meaning)
    lines = [
        "## Why episodes were lost",
        "",
        f"Of the stored episodes of {_which(num, len(updates))}, by rules (agents/causes); the first that "
        "holds names the cause.",
        "",
        f"| cause | {' | '.join(counted)} | |",
        "|---" * (len(counted) + 2) + "|",
    ]
    lines += [
        f"| {cause} | {' | '.join(str(of[cause]) for of in counted.values())} | "
        f"{'; or '.join(meanings.get(cause, []))} |"
        for cause, _ in sum(counted.values(), Counter[str]()).most_common()
    ]
    return [*lines, "", *problems, *([""] if problems else [])]


def _which(num: int, of: int) -> str:
    """Say of which updates the columns are."""
    if of == 1:
        return "the one stored update"
    return (
        f"the first and the last of {of} stored updates"
        if num == 1
        else f"the first {num} and the last {num} of {of} stored updates"
    )


def _counted(stored: StoredTrajectories, updates: list[int]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for update in updates:
        for cause, number in stored.counts("cause", Filter(update=update)).items():
            counted[str(cause)] += number
    del counted[""]
    return counted
