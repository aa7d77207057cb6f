"""`turnwise new KIND NAME`: a file to begin with, and its test."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from ..shown import runnable, visible

__all__ = ["new"]

_NEXT = {
    "environment": """
turnwise check {file}:{class_name}
turnwise play {file}:{class_name}
turnwise eval --env {file}:{class_name} --agent random --episodes 50
turnwise train tiny --set env.id={file}:{class_name} --out runs/{name}""",
    "credit": """
turnwise train demo --set {parts} --set credit.name={name} --out runs/{name}
turnwise credit runs/{name} --parts {file} --method {name} --method gigpo""",
    "chooser": """
turnwise train demo --set {parts} --set rollout.chooser.name={name} --set env.num_tasks=256 --out runs/{name}
turnwise report runs/{name}""",
    "policy": """
turnwise eval --env household/demo-v0 --agent {file}:{class_name} --episodes 20""",
    "recipe": """
turnwise train {file} --out runs/{name}
turnwise report runs/{name}
turnwise eval --env household/demo-v0 --split unseen --agent ckpt:runs/{name} --episodes 50""",
    "benchmark": """
turnwise eval --benchmark {file} --agent random
turnwise operator new operator
python3 -c "import secrets; print('me', secrets.token_hex(16), 'benchmark={name}')" > operator/keys
chmod 600 operator/keys
turnwise serve --benchmark {file} --operator operator --journal operator/runs.db --key-file operator/keys""",
}


def new(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help=f"What to begin: {', '.join(_NEXT)}.", show_default=False)
    ],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Lower case letters, digits and '_', as my_task.")
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where to; made if it is not there.")] = Path(),
) -> None:
    """Write a small file of your own to begin with, and a test of it that passes.

    Nothing is overwritten. Printed last are commands to go on with.

    Examples:
      turnwise new environment my_task
      turnwise new credit my_credit --out methods
    """
    from ..trainers.scaffolds.write import write

    written = write(kind, name, out)
    words = {
        "file": written.file,
        "test": written.test,
        "class_name": written.class_name,
        "name": name,
        "parts": f"parts.files={json.dumps([str(written.file)])}",
    }
    quoted = {key: shlex.quote(str(word)) for key, word in words.items()}
    typer.echo(visible(f"wrote {written.file} and {written.test}; go on with"))
    typer.echo(runnable(visible(("pytest {test}" + _NEXT[kind]).format(**quoted))))
