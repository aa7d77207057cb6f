"""Frozen lists of tasks: which seeds make a benchmark, and what they must give.

A manifest names the seeds of each split, task type and difficulty and holds a
short hash of each game's canonical bytes, so that a change of the generator
cannot go unnoticed. Check the one that ships, or write another:

    python -m turnwise.envs.household.manifest check
    python -m turnwise.envs.household.manifest write tasks.json --count 50
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...files import write_whole
from .game import TASK_TYPES, Game, TaskType
from .generate import GENERATOR_VERSION, canonical_bytes, generate
from .rooms import DIFFICULTIES, SPLITS

FORMAT = 1
MANIFEST = Path(__file__).parent / "data" / "tasks.json"
"""The manifest that ships."""
_MAX_BYTES = 10_000_000
_DIGEST_CHARS = 12


def digest(game: Game) -> str:
    """Return the short hash by which a manifest knows a game."""
    return hashlib.sha256(canonical_bytes(game)).hexdigest()[:_DIGEST_CHARS]


def make_manifest(count: int, *, difficulties: Sequence[str] = DIFFICULTIES) -> dict[str, Any]:
    """Return a manifest with seeds 0 .. count - 1 of every split, task type and difficulty."""
    if count < 1:
        raise UsageError(f"count {count}: expected at least 1")
    return {
        "format": FORMAT,
        "generator": GENERATOR_VERSION,
        "splits": {
            split: {
                difficulty: {
                    task_type: {
                        str(seed): digest(generate(task_type, seed, split, difficulty))
                        for seed in range(count)
                    }
                    for task_type in TASK_TYPES
                }
                for difficulty in difficulties
            }
            for split in SPLITS
        },
    }


def read_manifest(path: str | Path = MANIFEST) -> dict[str, Any]:
    """Read a manifest.

    Raises:
        UsageError: if the file is missing, too long or not a manifest of this format.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UsageError(f"{path} has over {_MAX_BYTES} bytes; expected a manifest of household tasks")
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is not a manifest of household tasks: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UsageError(f"{path} is not a manifest of household tasks of format {FORMAT}")
    return document


def games(manifest: dict[str, Any]) -> Iterator[tuple[TaskType, int, str, str, str]]:
    """Yield (task type, seed, split, difficulty, hash) for each task of a manifest."""
    for split, by_difficulty in manifest["splits"].items():
        for difficulty, by_type in by_difficulty.items():
            for task_type, by_seed in by_type.items():
                for seed, expected in by_seed.items():
                    yield task_type, int(seed), split, difficulty, expected


def check_manifest(manifest: dict[str, Any]) -> list[str]:
    """Generate every task of a manifest again.

    Returns:
        one line for each task that comes out otherwise; empty when all is well.
    """
    if manifest.get("generator") != GENERATOR_VERSION:
        return [f"made by generator {manifest.get('generator')}; this is generator {GENERATOR_VERSION}"]
    problems = []
    for task_type, seed, split, difficulty, expected in games(manifest):
        got = digest(generate(task_type, seed, split, difficulty))
        if got != expected:
            problems.append(f"{split}/{difficulty}/{task_type}/{seed}: expected {expected}, got {got}")
    return problems


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, or 1 when a manifest does not hold."""
    parser = argparse.ArgumentParser(prog="python -m turnwise.envs.household.manifest", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="generate every task again and compare")
    check.add_argument("path", nargs="?", default=str(MANIFEST))
    write = commands.add_parser("write", help="write a manifest of today's generator")
    write.add_argument("path")
    write.add_argument("--count", type=int, default=20, help="seeds per split, task type and difficulty")
    given = parser.parse_args(arguments)
    try:
        if given.command == "write":
            _write(Path(given.path), make_manifest(given.count))
            return 0
        problems = check_manifest(read_manifest(given.path))
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for line in problems or ["all tasks are as they were"]:
        sys.stdout.write(line + "\n")
    return 1 if problems else 0


def _write(path: Path, document: dict[str, Any]) -> None:
    write_whole(path, json.dumps(document, separators=(",", ":")).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
