"""A record as a task: its start in the agent's box, its visible tests, its grader."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from ....errors import UsageError
from ...sandbox import HOST, Backend, Limits, Sandbox, Spec
from ..patches import changed_paths
from ..task import Patch, Task, Tested, Verdict
from .grade import Suite, grade
from .guard import files_of
from .load import load_records
from .logs import PASSING, parser
from .records import Record
from .start import Clones, forget, lay

LIMITS = Limits(memory_bytes=4 << 30, disk_bytes=8 << 30, num_files=1_000_000, num_processes=512, cpus=2.0)

_PRELUDE = """if [ -f /opt/miniconda3/bin/activate ]; then
  . /opt/miniconda3/bin/activate; conda activate testbed 2>/dev/null
elif [ -x .venv/bin/python ]; then PATH="$PWD/.venv/bin:$PATH"; fi"""
"""What makes the image's environment the one in use: conda's `testbed` as in SWE-bench, or a `.venv`."""

_OWN_COMMANDS = {
    "django/django": (
        "./tests/runtests.py --verbosity 2 --settings=test_sqlite --parallel 1 {modules}",
        "unittest",
    ),
    "sympy/sympy": ("PYTHONWARNINGS=ignore bin/test -C --verbose {files}", "sympy"),
}
"""Suites that only their own command runs, as SWE-bench's harness has them."""

_WITH_VALUE = ("-W", "-p", "-o", "-n", "-k", "-m")


class InstanceTask(Task):
    """One record of a data set.

    Args:
        record: the record.
        image: the box's image instead of the record's own: HOST, `dockerfile:...`, `rootfs:...`.
        clones: where the repository comes from, if the image does not hold it.
        suite: how the tests are run, if not as the record or its schema says.
        limits: what a box may use.
    """

    def __init__(
        self,
        record: Record,
        *,
        image: str | None = None,
        clones: Clones | None = None,
        suite: Suite | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        self.record, self.clones = record, clones
        self.id = record.id
        self.instruction = record.problem_statement
        self.suite = suite or suite_of(record)
        self.spec = Spec(image=image or f"image:{record.image}", workdir=record.workdir, limits=limits)
        self.metadata = {"repo": record.repo, "style": record.style, **record.metadata}

    async def prepare(self, box: Sandbox) -> None:
        """Bring a new box to the start, with nothing of the future in it."""
        await lay(box, self.record, self._bundle)
        await forget(box, self.record)

    async def test(self, box: Sandbox) -> Tested:
        """Run the test files of the record that the start has, for the agent's own feedback."""
        names = files_of(self.record.pass_to_pass) or files_of(self.record.fail_to_pass)
        words = " ".join(shlex.quote(name) for name in names)
        here = f'for file in {words}; do [ -f "$file" ] && set -- "$@" "$file"; done'
        run = self.suite.command.replace("{files}", '"$@"') if self.suite.kind == "command" else ""
        run = run or 'python3 -m pytest -p no:cacheprovider -rA --tb=short --color=no "$@"'
        ran = await box.run(f"{self.suite.prelude}\n{here}\n{run}", self.agent_timeout_s)
        found = parser(self.suite.parser)(ran.output)
        passed = frozenset(name for name, status in found.items() if status in PASSING)
        return Tested(ran=ran, passed=passed, failed=frozenset(found) - passed)

    async def grade(self, backend: Backend, patch: Patch, *, box: Sandbox | None = None) -> Verdict:
        """Judge a patch in a box of its own."""
        return await grade(self.record, self.suite, self.spec, self._bundle, backend, patch)

    def gold(self) -> Patch | str:
        """Return bash that applies the right patch.

        Raises:
            UsageError: if the record has none.
        """
        record = self.record
        diff = record.bug or record.gold
        if not diff.strip():
            raise UsageError(f"{self.id}: the record holds no right patch")
        reverse = " -R" if record.bug else ""
        text = base64.b64encode(diff.encode()).decode()
        return f"echo {text} | base64 -d | git apply{reverse} --whitespace=nowarn -"

    @property
    def gold_paths(self) -> Sequence[str]:
        """Return the files that the right patch changes."""
        return changed_paths(self.record.bug or self.record.gold)

    @cached_property
    def _bundle(self) -> bytes | None:
        return self.clones.bundle(self.record.repo, self.record.base_commit) if self.clones else None


def suite_of(record: Record) -> Suite:
    """Return how a record's tests are run: its own command where it is pytest's, or its suite's."""
    if record.repo in _OWN_COMMANDS:
        command, name = _OWN_COMMANDS[record.repo]
        return Suite("command", command=command, parser=name, prelude=_PRELUDE)
    words = shlex.split(record.test_command) if record.test_command else ["pytest"]
    if not any(word.rpartition("/")[2] in ("pytest", "py.test") for word in words):
        return Suite(
            "command", command=record.test_command, parser=record.parser or "pytest", prelude=_PRELUDE
        )
    return Suite(options=_options(words), prelude=_PRELUDE)


def _options(words: Sequence[str]) -> tuple[str, ...]:
    """Return the options among the words of a pytest command; files and what comes before are not."""
    start = next(n for n, word in enumerate(words) if word.rpartition("/")[2] in ("pytest", "py.test"))
    kept: list[str] = []
    for before, word in zip(words[start:], words[start + 1 :], strict=False):
        if word.startswith("-") or before in _WITH_VALUE:
            kept.append(word)
    return tuple(kept)


def load_instances(
    path: str | Path,
    *,
    image: str | None = None,
    clones: str | Path | None = None,
    limits: Limits = LIMITS,
) -> list[InstanceTask]:
    """Return the tasks of a file of records.

    Args:
        path: `.jsonl`, `.json` or `.parquet`; see `load_records`.
        image: one image for all; `{id}` and `{image}` stand for the record's own id and image.
        clones: a folder of git clones, for images that do not hold the repositories.
        limits: what a box may use.

    Raises:
        UsageError: as `load_records` does, and for a repository or a commit that is in no clone.
    """
    made = Clones(Path(clones)) if clones is not None else None
    records = load_records(path)
    if made:
        made.check(records, str(path))
    elif image == HOST:
        repo = records[0].repo
        raise UsageError(
            f"{path}: image='host' holds no repository; give clones=FOLDER with a git clone of {repo} in "
            f"FOLDER/{repo.replace('/', '__')}, or leave image out for the records' own images (Docker)"
        )

    def named(record: Record) -> str | None:
        return image and image.replace("{id}", record.id).replace("{image}", record.image)

    tasks = []
    for record in records:
        if made:
            record = replace(record, workdir="/workspace")
        tasks.append(InstanceTask(record, image=named(record), clones=made, limits=limits))
    return tasks
