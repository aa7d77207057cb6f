"""`turnwise verify`: check records of hosted runs, offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from ..shown import visible
from .options import JsonFlag, emit_json

if TYPE_CHECKING:
    from ..servers.benchmarks.verify import Checked

__all__ = ["verify"]


def verify(
    first: Annotated[Path, typer.Argument(metavar="RECORD...", help="As their server gave them.")],
    keys: Annotated[Path, typer.Option("--keys", metavar="FILE", help="The operator's public keys.")],
    others: Annotated[list[Path] | None, typer.Argument(metavar="MORE", hidden=True)] = None,
    benchmark: Annotated[
        str | None, typer.Option(metavar="HASH", help="Accept only records of this benchmark.")
    ] = None,
    witnessed: Annotated[
        Path | None,
        typer.Option(metavar="HEAD", help="A head of the log that was kept earlier; needs --growth."),
    ] = None,
    growth: Annotated[
        Path | None,
        typer.Option(metavar="PROOF", help="What GET /v1/log/SIZE gives for the size of that head."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check records: signature, keys, score, place in the log, and that the log has only grown.

    Ends with 1 if anything is wrong, or a run was withdrawn. Nothing is asked of any server.

    Examples:
      turnwise verify record.json --keys keys.json
      turnwise verify first.json second.json --keys keys.json
      turnwise verify record.json --keys keys.json --witnessed head.json --growth proof.json
    """
    from ..servers.benchmarks.signing import keys_in
    from ..servers.benchmarks.verify import check_all

    if (witnessed is None) != (growth is None):
        raise UsageError("--witnessed and --growth belong together: give both, or neither")
    records = [first, *(others or [])]
    known = keys_in(keys)
    found = check_all([_document(file) for file in records], known)
    wrong = [list(one.problems) for one in found]
    for place, one in enumerate(found):
        of = one.record.get("benchmark")
        if benchmark is not None and (of.get("hash") if isinstance(of, dict) else None) != benchmark:
            wrong[place].append(f"is not of the benchmark {benchmark}")
    of_log = [] if witnessed is None or growth is None else _growth(witnessed, growth, known)
    if as_json:
        rows = [
            {
                "file": str(file),
                "run": one.record.get("run"),
                "problems": problems,
                "withdrawn": one.withdrawn or None,
            }
            for file, one, problems in zip(records, found, wrong, strict=True)
        ]
        emit_json({"records": rows, "log": of_log})
    else:
        for file, one, problems in zip(records, found, wrong, strict=True):
            _show(file, one, problems)
        for problem in of_log:
            typer.echo(f"log: {problem}")
        if witnessed is not None and not of_log:
            typer.echo("log: begins with all that the witnessed head tells of")
    raise typer.Exit(1 if any(wrong) or of_log or any(one.withdrawn for one in found) else 0)


def _show(file: Path, one: Checked, problems: list[str]) -> None:
    if problems:
        for problem in problems:
            typer.echo(visible(f"{file}: WRONG: {problem}"))
        return
    record = one.record
    measured, benchmark, score = record["measured"], record["benchmark"], record["measured"]["score"]
    low, high = measured["ci_low"], measured["ci_high"]
    between = "" if low is None else f" (95 % interval {low:.4g} to {high:.4g})"
    typer.echo(visible(f"{file}: sound; run {record['run']} of {benchmark['name']} v{benchmark['version']}"))
    told = f"{benchmark['split']} split, hash {benchmark['hash'][:16]}, attempt {record['attempt']}"
    typer.echo(visible(f"  {told} of the key {record['key']}, ended {record['ended']}"))
    shown = "unknown" if score is None else f"{score:.4g}"
    typer.echo(f"  measured: {benchmark['metric']} {shown}{between} over {len(measured['tasks'])} tasks")
    typer.echo(visible(f"  declared: agent {record['declared']['agent']}"))
    if one.withdrawn:
        typer.echo(visible(f"{file}: WITHDRAWN by the operator, {one.withdrawn}"))


def _growth(witnessed: Path, growth: Path, known: Any) -> list[str]:
    from ..servers.benchmarks.verify import check_growth

    old, proof = _document(witnessed), _document(growth)
    for file, given, name, call in ((witnessed, old, "signature", ""), (growth, proof, "proof", "/SIZE")):
        if "head" not in given or name not in given:
            raise UsageError(
                f"{file}: has {', '.join(map(repr, given)) or 'nothing'}; expected 'head' and {name!r}, as "
                f"GET /v1/log{call} gives them"
            )
    try:
        return check_growth(old, proof, known)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, UsageError):
            raise
        return [f"head or proof is not in its form: {type(error).__name__}: {error}"]


def _document(file: Path) -> dict[str, Any]:
    from ..servers.benchmarks.verify import read_document

    return read_document(_content(file), str(file))


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; expected a file that can be read") from error
