"""Questions of any table: a row is a task, and what is answered is graded.

environment   the episode: a question, an answer, its grade
columns       which columns hold the question, the answer and the choices
graders       exact, numeric, choice, regex, and functions of a user's own
reading       what a message answers: tags, boxes, letters, numbers
table         rows of files (JSON, JSON lines, CSV, parquet), of `datasets`, of lists
"""

from __future__ import annotations

from typing import Any

from ..registry import register

__all__ = ["register_environments", "register_rows"]

_OPERATORS = {"data": None, "function": None}
"""Arguments that clients of a server may not give: they open files and run code."""


def register_environments() -> None:
    """Register the id of the family; called once, by turnwise.envs."""
    register(
        "rows/table-v0",
        "turnwise.envs.rows.environment:Rows",
        description="Questions of a table of yours: -k data=FILE, columns, a grader.",
        for_clients=_OPERATORS,
    )


def register_rows(id: str, data: Any, *, description: str = "", **arguments: Any) -> None:
    """Make a table an environment with an id of its own.

        register_rows("mine/arithmetic-v0", dataset, question="problem", answer="solution", grader="numeric")

    Args:
        id: lower case, `family/name-vN`.
        data: as of `Rows`: a file, `hub:NAME`, a `datasets.Dataset`, or a list of dicts.
        description: one line for people.
        arguments: of `Rows`.

    Raises:
        UsageError: if the id is taken or has another form, or the table cannot be read.
    """
    from .environment import Rows
    from .table import table_of

    table = table_of(data)
    Rows(table, **arguments).close()  # what is wrong is told here
    register(
        id,
        "turnwise.envs.rows.environment:Rows",
        kwargs={"data": table, **arguments},
        description=description or f"Questions of {table}.",
        for_clients=_OPERATORS,
    )
