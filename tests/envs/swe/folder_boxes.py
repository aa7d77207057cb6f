"""A backend on plain folders and a task for it: quick, and safe for our own commands only."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, cast

from turnwise.envs.sandbox import Backend, Ran, Sandbox, SandboxError, Spec
from turnwise.envs.swe.environment import SweEnv
from turnwise.envs.swe.episode import Rules
from turnwise.envs.swe.task import Patch, Task, Tested, Verdict
from turnwise.envs.swe.task_sets import TaskSet
from turnwise.errors import UsageError

_numbers = count()


class FolderBox(Sandbox):
    """A folder, its snapshots beside it."""

    def __init__(self, backend: FolderBackend, spec: Spec) -> None:
        self.backend, self.spec, self.id = backend, spec, f"box-{next(_numbers)}"
        self.top = Path(tempfile.mkdtemp(prefix="turnwise-fake-"))
        self.files = self.top / "files"
        self.files.mkdir()
        self.snapshots: dict[str, Path] = {}
        self.broken = False
        backend.open.add(self)

    async def run(
        self,
        command: str,
        timeout_s: float = 60.0,
        stdin: bytes | None = None,
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Ran:
        if self.broken or not self.top.exists():
            raise SandboxError(f"{self.id} is gone")
        started = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            "/bin/bash", "-c", command,
            cwd=self.files / (cwd or "."), stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], **(env or {})}, start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(timeout_s):
                output, _ = await process.communicate(stdin or b"")
        except TimeoutError:
            os.killpg(process.pid, 9)
            await process.wait()
            return Ran(None, "", 0, time.monotonic() - started, "timeout")
        text = output.decode("utf-8", "replace")
        return Ran(process.returncode, text, 0, time.monotonic() - started, "exit")

    async def read(self, path: str, max_bytes: int = 1 << 24) -> bytes:
        if (self.files / path).stat().st_size > max_bytes and (self.files / path).is_file():
            raise UsageError(f"{path} is longer than {max_bytes} bytes")
        return (self.files / path).read_bytes()

    async def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        (self.files / path).parent.mkdir(parents=True, exist_ok=True)
        (self.files / path).write_bytes(data)
        (self.files / path).chmod(mode)

    async def write_tree(self, files: Mapping[str, bytes], folder: str = ".", *, root: bool = False) -> None:
        for path, data in files.items():
            await self.write(f"{folder}/{path}", data)

    async def changes(self, since: str, folder: str = ".") -> dict[str, bytes | None]:
        before, now = _tree(self.snapshots[since]), _tree(self.files)
        if sum(map(len, now.values())) > 1 << 20:
            raise UsageError("too large")
        return {path: now.get(path) for path in {*before, *now} if before.get(path) != now.get(path)}

    async def snapshot(self) -> str:
        name = f"snapshot-{next(_numbers)}"
        self.snapshots[name] = self.top / name
        shutil.copytree(self.files, self.snapshots[name])
        return name

    async def fork(self, n: int) -> Sequence[Sandbox]:
        return [self._copy() for _ in range(n)]

    async def rollback(self, snapshot: str) -> None:
        shutil.rmtree(self.files)
        shutil.copytree(self.snapshots[snapshot], self.files)

    async def aclose(self) -> None:
        self.backend.open.discard(self)
        shutil.rmtree(self.top, ignore_errors=True)

    def _copy(self) -> FolderBox:
        twin = FolderBox(self.backend, self.spec)
        shutil.copytree(self.files, twin.files, dirs_exist_ok=True)
        for name, folder in self.snapshots.items():
            twin.snapshots[name] = twin.top / name
            shutil.copytree(folder, twin.snapshots[name])
        return twin


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


class FolderBackend(Backend):
    """Boxes on plain folders, counted while they are open."""

    name = "namespace"

    def __init__(self) -> None:
        self.open: set[FolderBox] = set()

    async def start(self, spec: Spec) -> Sandbox:
        return FolderBox(self, spec)

    async def warm(self, spec: Spec, count: int) -> None:
        pass

    async def sweep(self) -> dict[str, int]:
        return {}

    async def aclose(self) -> None:
        for box in list(self.open):
            await box.aclose()


START = {
    "sums.py": b"def add(a, b):\n    return a - b\n\n\ndef twice(a):\n    return a * 2\n",
    "README.md": b"# Sums\n",
    "tests/test_sums.py": b"from sums import add\n",
}
GOLD = {"sums.py": START["sums.py"].replace(b"a - b", b"a + b")}


class SumsTask(Task):
    """One file with one bug; its tests count without pytest."""

    def __init__(self, id: str = "sums-01", gold: Patch | str = GOLD, grader_fails: bool = False) -> None:
        self.id, self.instruction = id, "add(2, 3) gives -1; it should give 5."
        self.spec, self.metadata = Spec(), {"family": "sums", "difficulty": 1}
        self.solution, self.grader_fails = gold, grader_fails

    async def prepare(self, box: Sandbox) -> None:
        await box.write_tree(START)

    async def test(self, box: Sandbox) -> Tested:
        ran = await box.run(f"python3 -B - <<'END'\n{_PROGRAM}\nEND")
        said = [line.split() for line in ran.output.splitlines() if line.startswith(("PASS ", "FAIL "))]
        return Tested(
            ran=ran,
            passed=frozenset(name for mark, name in said if mark == "PASS"),
            failed=frozenset(name for mark, name in said if mark == "FAIL"),
        )

    async def grade(self, backend: Backend, patch: Patch, *, box: Sandbox | None = None) -> Verdict:
        if self.grader_fails:
            return Verdict(outcome=None, reward=None, cause="the grader has a fault of its own")
        if not patch:
            return Verdict(outcome="empty_patch", reward=0.0)
        async with await backend.start(self.spec) as judge:
            await judge.write_tree({**START, **{path: data for path, data in patch.items() if data}})
            tested = await self.test(judge)
        resolved = tested.passed == {"add", "twice"}
        return Verdict(outcome="resolved" if resolved else "tests_failed", reward=float(resolved))

    def gold(self) -> Patch | str:
        return self.solution


_PROGRAM = """
import sums
for name, value in (("add", 5), ("twice", 4)):
    got = sums.add(2, 3) if name == "add" else sums.twice(2)
    print("PASS" if got == value else "FAIL", name)
""".strip()


class SumsEnv(SweEnv):
    """Three tasks on plain folders, as a server offers them."""

    def __init__(self) -> None:
        tasks = TaskSet.of("sums", [SumsTask(f"sums-{number:02}") for number in range(3)])
        super().__init__(tasks, Rules(), FolderBackend())


class BreakableEnv(SumsEnv):
    """As the other; the first box that hears the word `break` dies of it."""

    num_broken = 0

    async def _act(self, action: str) -> Any:
        if "break" in action and not BreakableEnv.num_broken:
            BreakableEnv.num_broken += 1
            for box in cast(FolderBackend, self._backend).open:
                box.broken = True
        return await super()._act(action)
