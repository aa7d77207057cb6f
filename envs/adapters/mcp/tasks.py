"""What is asked of an agent that has the tools of an MCP server, and how its answer is judged."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ....errors import EnvironmentFault, UsageError
from ....files import load_object

Grader = Callable[[str, dict[str, Any]], float | bool]
"""From the agent's answer and the task's own row to a score; 1 is right."""


@dataclass(frozen=True, slots=True)
class McpTask:
    """One task.

    Args:
        text: what is asked.
        answer: the right answer; None where there is none to compare with.
        row: all that a file of tasks says of it, for a grader.
    """

    text: str
    answer: str | None = None
    row: dict[str, Any] = field(default_factory=dict)


def load_tasks(file: Path) -> tuple[McpTask, ...]:
    """Read tasks, one JSON object a line with `task`, and `answer` where an answer is compared.

    Raises:
        UsageError: if the file cannot be read, naming the line.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"tasks {str(file)!r}: {error}") from error
    return tuple(_task(line, f"{file}, line {n}") for n, line in enumerate(lines, 1) if line.strip())


def grader_of(grade: str | Grader | None, tasks: tuple[McpTask, ...]) -> Grader | None:
    """Return what judges answers; None where nothing does, and success stays unknown.

    Args:
        grade: a function, or where it stands: `file.py:function`.
        tasks: all there are; with right answers in all of them an answer is compared.

    Raises:
        UsageError: if it cannot be imported, is no function, or some tasks alone have an answer.
    """
    if grade is not None:
        function = load_object(grade, given="grade") if isinstance(grade, str) else grade
        if not callable(function):
            raise UsageError(f"grade {grade!r}: expected a function from an answer and a task to a score")
        return function
    answered = [task for task in tasks if task.answer is not None]
    if answered and len(answered) < len(tasks):
        raise UsageError(f"{len(answered)} of {len(tasks)} tasks have an answer; expected all, or a grade")
    return None if not answered else _equals


def score_of(grader: Grader, answer: str, task: McpTask) -> float:
    """Judge an answer.

    Raises:
        EnvironmentFault: if the grader gives something else than a finite number.
    """
    row = {"task": task.text, "answer": task.answer, **task.row}
    score = grader(answer, row)
    if not isinstance(score, bool | int | float) or not math.isfinite(score):
        raise EnvironmentFault(
            f"the grader gave {score!r} for the task {task.text[:80]!r}; expected a number"
        )
    return float(score)


def _equals(answer: str, row: dict[str, Any]) -> bool:
    """Compare an answer with the right one, whatever their case, blanks and a full stop at the end."""
    return _plain(answer) == _plain(row["answer"])


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).removesuffix(".")


def _task(line: str, where: str) -> McpTask:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"tasks {where}: not JSON: {error}") from error
    text = row.get("task") if isinstance(row, dict) else None
    answer = row.get("answer") if isinstance(row, dict) else None
    if not isinstance(text, str) or not (answer is None or isinstance(answer, str)):
        raise UsageError(f'tasks {where}: expected {{"task": TEXT, "answer": TEXT}}, the answer optional')
    return McpTask(text, answer, row)
