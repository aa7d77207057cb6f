"""`turnwise operator`: the folder of who hosts benchmarks, with its secret and its keys."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from ..errors import TurnwiseError, UsageError
from .options import emit_json

__all__ = ["operator"]

_WAIT_S = 4.0  # for a server that looks every second

operator = typer.Typer(
    name="operator",
    help="Keep the secret and the signing keys of who hosts benchmarks.",
    no_args_is_help=True,
)
Folder = Annotated[Path, typer.Argument(help="The operator's folder.")]


@operator.command()
def new(folder: Folder) -> None:
    """Make the folder: a secret, a signing key, and the public keys."""
    from ..servers.benchmarks.signing import Operator

    made = Operator.new(folder)
    typer.echo(f"made {folder}, key {made.key.id}; give {folder / 'keys.json'} to whoever verifies")


@operator.command()
def rotate(folder: Folder) -> None:
    """Let a new key sign from now on; start the server anew to use it."""
    from ..servers.benchmarks.signing import Operator

    typer.echo(f"key {Operator(folder).rotate().key.id} signs from the next start of the server")


@operator.command()
def revoke(
    folder: Folder,
    reason: Annotated[str, typer.Option(help="Why, for whoever verifies.")] = "",
    key: Annotated[
        str, typer.Option(metavar="ID", help="One that signed before; by default the one that signs.")
    ] = "",
) -> None:
    """Revoke a key because others may have it; where it is the one that signs, let a new one sign."""
    from ..servers.benchmarks.signing import Operator

    operator = Operator(folder)
    revoked = key or operator.key.id
    typer.echo(f"key {revoked} is revoked; key {operator.revoke(revoked, reason).key.id} signs now")


@operator.command()
def withdraw(
    folder: Folder,
    run: Annotated[str, typer.Argument(help="Its record, as a file, or the id that stands there.")],
    reason: Annotated[str, typer.Option(help="Why, for everybody who looks at the board.")],
) -> None:
    """Withdraw a run for good: it stays on the board, as withdrawn, with the reason.

    The server that holds the journal signs it into the log: within seconds, or when it starts next.

    Examples:
      turnwise operator withdraw operator record.json --reason "its owner asked for it"
      turnwise operator withdraw operator 0123456789abcdef0123456789abcdef --reason "a person played it"
    """
    from ..servers.benchmarks.withdrawals import answer_to, ask

    run = _id_in(run)
    request = ask(folder, run, reason)
    until = time.monotonic() + _WAIT_S
    while (told := answer_to(request)) is None and time.monotonic() < until:
        time.sleep(0.1)
    if told:
        raise TurnwiseError(f"run {run} was not withdrawn: {told}")
    state = "is withdrawn" if told == "" else "will be withdrawn when the server of its journal starts next"
    typer.echo(f"run {run} {state}")


@operator.command()
def public(folder: Folder) -> None:
    """Print the public keys."""
    from ..servers.benchmarks.signing import keys_document, keys_in

    keys = keys_in(folder / "keys.json")
    emit_json(keys_document(list(keys.values())))


@operator.command()
def reveal(
    folder: Folder,
    name: Annotated[str, typer.Argument(help="The benchmark.")],
    version: Annotated[int, typer.Argument(min=1, help="Its version, which nobody is to play any more.")],
    file: Annotated[
        Path | None, typer.Option(help="Its benchmark file, where the folder does not know the version.")
    ] = None,
) -> None:
    """Print the secret of a version that was hosted, and let no server host it again.

    Anyone can make its tasks again with it. A server that runs has to be stopped first.
    """
    from ..servers.benchmarks.draws import commitment
    from ..servers.benchmarks.known import reveal as revealed
    from ..servers.benchmarks.signing import Operator

    split = None if file is None else _split_of(file, name, version)
    secret = revealed(Operator(folder), name, version, split)
    emit_json({"name": name, "version": version, "secret": secret.hex(), "secret_sha256": commitment(secret)})


def _id_in(run: str) -> str:
    """Return the id of the run that a record is of, given as a file; what is no file is an id."""
    from ..servers.benchmarks.verify import read_document

    try:
        content = Path(run).read_bytes()
    except OSError:
        return run
    record = read_document(content, run).get("record")
    found = record.get("run") if isinstance(record, dict) else None
    if not isinstance(found, str):
        raise UsageError(f"{run}: names no run; expected a record, as GET /v1/runs/RUN/record gives it")
    return found


def _split_of(file: Path, name: str, version: int) -> str:
    """Return the split that the file of a version names."""
    from ..servers.benchmarks.file import load

    found = load(file)
    if (found.name, found.version) != (name, version):
        raise UsageError(f"{file}: is {found.name} {found.version}; expected the file of {name} {version}")
    return found.split
