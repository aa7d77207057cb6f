"""`turnwise envs`: list the environments that are registered."""

from __future__ import annotations

from ..envs.registry import registered
from .options import JsonFlag, emit_json


def envs(as_json: JsonFlag = False) -> None:
    """List the registered environments.

    A class of your own needs no registration: name it package.module:Class or
    path/to/file.py:Class wherever an environment is asked for.
    """
    table = registered()
    if as_json:
        emit_json([{"id": name, "description": text} for name, text in table.items()])
        return
    from rich.console import Console
    from rich.table import Table

    view = Table(box=None, pad_edge=False)
    view.add_column("environment", no_wrap=True)
    view.add_column("what it is")
    for name, text in table.items():
        view.add_row(name, text)
    Console().print(view)
