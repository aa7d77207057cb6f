"""A task folder as a task.

The verifier runs in the agent's box (`shared`: less safe, but some tasks test what runs there), or in
a box of its own into which only what the folder names is carried over (`separate`). Without the
agent's box, as when a stored patch is graded again, a shared verifier runs in a new one with the patch.
"""

from __future__ import annotations

import asyncio
import base64
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from ....errors import TurnwiseError, UsageError
from ...sandbox import Backend, ImageError, Limits, Ran, Sandbox, Spec
from ..patches import MAX_BYTES, PatchError, check, submitted
from ..task import Patch, Task, Tested, Verdict
from ..trees import put
from .config import Config, Health, Network, Place, Step, Verifier, read_config
from .files import Recipe, follow, read_instruction, read_tree, workdir_of
from .reading import FolderError, filled
from .verify import LOGS, TESTS, Unscored, Work, empty, judged, list_files, verify

DEFAULT_WORKDIR = "/app"
SOLUTION = "/solution"
_CARRIED_FILES = 5_000


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user decides about folders that they do not say themselves.

    Args:
        image: one image for all, instead of their own; with HOST what the Dockerfile copies is copied.
        network: what a folder gets that says nothing; the format's own default is public.
        variables: what `${NAME}` stands for; nothing is taken from the environment of this process.
        limits: where a folder sets none.
    """

    image: str | None = None
    network: Network = "none"
    variables: Mapping[str, str] | None = None
    limits: Limits = field(default_factory=Limits)


class FolderTask(Task):
    """One task folder, or one step of it.

    Args:
        folder: the task folder.
        choices: see Choices.
        step: the step that this is; None for the whole.

    Raises:
        FolderError: naming the file and the field that is wrong.
    """

    def __init__(self, folder: Path, choices: Choices | None = None, step: Step | None = None) -> None:
        self.folder, self.choices, self.step = folder, choices or Choices(), step
        self.config: Config = read_config(folder / "task.toml")
        self.warnings: list[str] = list(self.config.notes)
        self.verifier: Verifier = step.verifier if step else self.config.verifier
        self.home = folder / "steps" / step.name if step else folder
        self.id = (self.config.name or folder.name) + (f"#{step.name}" if step else "")
        self.spec = self._spec(self.config.place, folder / "environment")
        self.shared = True
        self.timeout_s = (step and step.timeout_s) or self.config.timeout_s or 1800.0
        self.agent_timeout_s = min(600.0, self.timeout_s)
        self.metadata = {
            **self.config.metadata,
            "verifier": "separate" if self.verifier.separate else "shared",
        }
        if step is None:
            self.steps = tuple(FolderTask(folder, choices, each) for each in self.config.steps)
            self.timeout_s = sum(each.timeout_s for each in self.steps) or self.timeout_s
            self._check()
        self.instruction = (
            self.steps[0].instruction if self.steps else read_instruction(self.home / "instruction.md")
        )

    def _check(self) -> None:
        if not self.steps and not (self.folder / "tests" / "test.sh").is_file():
            raise FolderError(
                f"{self.folder / 'tests' / 'test.sh'}: missing; expected the script that grades"
            )
        for name in ("docker-compose.yaml", "docker-compose.yml"):
            if (self.folder / "environment" / name).exists():
                self.warnings.append(f"{self.folder / 'environment' / name}: sidecars are not supported")
        if self.verifier.user and not self.verifier.separate:
            self.warnings.append(
                f"{self.folder / 'task.toml'}: field verifier.user has no effect in the agent's box"
            )
        if self.config.place.network is None:
            shown = self.choices.network
            self.warnings.append(
                f"{self.folder / 'task.toml'}: says nothing of the network: {shown} here, public elsewhere"
            )
        for line in self._recipe.skipped if self._recipe else ():
            self.warnings.append(f"{self.folder / 'environment' / 'Dockerfile'}: not followed: {line}")

    @cached_property
    def _recipe(self) -> Recipe | None:
        """What of the Dockerfile is followed here, where another image takes its place."""
        context = self.folder / "environment"
        return follow(context) if self.choices.image and (context / "Dockerfile").is_file() else None

    def _spec(self, place: Place, context: Path) -> Spec:
        dockerfile = context / "Dockerfile"
        own = (
            f"image:{place.image}"
            if place.image
            else f"dockerfile:{context}"
            if dockerfile.is_file()
            else None
        )
        image = self.choices.image or own
        if image is None:
            raise FolderError(
                f"{self.folder}: neither environment.docker_image in task.toml nor environment/Dockerfile; "
                "expected one of them, or image=host"
            )
        limits = self.choices.limits
        limits = replace(
            limits,
            memory_bytes=place.memory_bytes or limits.memory_bytes,
            disk_bytes=place.disk_bytes or limits.disk_bytes,
            cpus=place.cpus or limits.cpus,
        )
        env = {**(self._recipe.env if self._recipe else {}), **place.env}
        return Spec(
            image=image,
            workdir=place.workdir or workdir_of(dockerfile) or DEFAULT_WORKDIR,
            folders=(TESTS, SOLUTION, LOGS, f"{LOGS}/verifier", f"{LOGS}/artifacts"),
            env=filled(env, self.choices.variables or {}, str(self.folder / "task.toml")),
            network=self.config.agent_network or place.network or self.choices.network,
            user=None if self.choices.image else self.config.user,
            limits=limits,
            labels={"task": self.id},
        )

    async def prepare(self, box: Sandbox) -> None:
        """Lay down what the image does not bring; of a step, its own files, and run its setup."""
        try:
            if self.step is None:
                if self._recipe:
                    await _laid(box, self._recipe.files)
                await _healthy(box, self.config.place.healthcheck, self.id)
                return
            await empty(box)
            await box.write_tree(read_tree(self.home / "workdir"))
            if (self.home / "workdir" / "setup.sh").is_file():
                ran = await box.run("bash setup.sh", self.timeout_s)
                if ran.exit_code != 0:
                    raise ImageError(f"{self.id}: setup.sh ended with {ran.exit_code}: {ran.output[-500:]}")
            await _healthy(box, self.step.healthcheck, self.id)
        except (Unscored, PermissionError) as error:
            raise ImageError(f"{self.id}: {error}") from error

    async def test(self, box: Sandbox) -> Tested:
        """Say that the format has no visible tests; an agent runs what it finds."""
        return Tested(ran=Ran(0, "This task has no tests to be shown.\n", 0, 0.0, "exit"))

    async def grade(self, backend: Backend, patch: Patch, *, box: Sandbox | None = None) -> Verdict:
        """Run the verifier; what fails here is unscored."""
        if self.steps:
            return Verdict(
                outcome=None,
                reward=None,
                cause=f"{self.id} is graded step by step, not as a whole, and cannot be graded again",
            )
        patch = submitted(patch)
        try:
            check(patch)
        except PatchError as error:
            return Verdict(outcome="unapplicable", reward=0.0, cause=str(error))
        try:
            if box is not None:
                return await self._graded(backend, box, bool(patch))
            async with await backend.start(self.spec) as fresh:
                await self.prepare(fresh)
                try:
                    await put(fresh, patch)
                except PatchError as error:
                    return Verdict(outcome="unapplicable", reward=0.0, cause=str(error))
                return await self._graded(backend, fresh, bool(patch))
        except Unscored as error:
            return Verdict(outcome=None, reward=None, cause=str(error))
        except (TurnwiseError, OSError) as error:
            return Verdict(outcome=None, reward=None, cause=f"{type(error).__name__}: {error}")

    async def _graded(self, backend: Backend, box: Sandbox, changed: bool) -> Verdict:
        for command, seconds in self.verifier.collect:
            await box.run(command, seconds)
        variables = self.choices.variables or {}
        env = filled(self.verifier.env, variables, str(self.folder / "task.toml"))
        work = Work(self._tests(), env, self.verifier.timeout_s)
        if not self.verifier.separate:
            return await verify(box, work, changed=changed)
        carried = await _taken(box, [f"{LOGS}/artifacts", *self.config.artifacts, *self._artifacts()])
        async with await backend.start(self._verifier_spec()) as own:
            await _laid(own, carried)
            return await verify(own, work, changed=changed)

    def _artifacts(self) -> Sequence[str]:
        return self.step.artifacts if self.step else ()

    def _verifier_spec(self) -> Spec:
        tests = self.folder / "tests"
        context = tests if (tests / "Dockerfile").is_file() else self.folder / "environment"
        spec = self._spec(self.verifier.place or self.config.place, context)
        return replace(spec, user=self.verifier.user)

    def _tests(self) -> dict[str, bytes]:
        """Return the task's tests with those of the step over them."""
        files = read_tree(self.folder / "tests")
        if self.step:
            files |= read_tree(self.home / "tests")
        if "test.sh" not in files:
            raise FolderError(f"{self.home / 'tests' / 'test.sh'}: missing")
        return files

    def gold(self) -> Patch | str:
        """Return the solution as bash.

        Raises:
            UsageError: if there is none.
        """
        files = read_tree(self.home / "solution")
        if "solve.sh" not in files:
            raise UsageError(f"{self.id}: there is no {self.home / 'solution' / 'solve.sh'}")
        variables = self.choices.variables or {}
        env = filled(self.config.solution_env, variables, str(self.folder / "task.toml"))
        return _as_bash(files, env)

    def goes_on(self, verdict: Verdict) -> bool:
        """Tell whether the step reached what the folder asks for."""
        least = self.step.min_reward if self.step else {}
        found = {"reward": verdict.reward or 0.0, **verdict.rewards}
        return verdict.outcome is not None and all(
            found.get(key, float("-inf")) >= low for key, low in least.items()
        )

    def conclude(self, verdicts: Sequence[Verdict]) -> Verdict:
        """Return the last step's verdict, or the mean of those that were scored, key by key."""
        scored = [verdict for verdict in verdicts if verdict.outcome is not None]
        if self.config.final or not scored:
            return verdicts[-1]
        keys = dict.fromkeys(key for verdict in scored for key in verdict.rewards)
        means = {key: sum(v.rewards.get(key, 0.0) for v in scored) / len(scored) for key in keys}
        means = means or {"reward": sum(v.reward or 0.0 for v in scored) / len(scored)}
        changed = any(verdict.outcome != "empty_patch" for verdict in scored)
        return judged(means, changed, scored[-1].log)


async def _laid(box: Sandbox, files: Mapping[str, bytes]) -> None:
    """Write files by absolute paths: as the box's user where it may, else as files it cannot change."""
    for mine in (True, False):
        part = {
            path.lstrip("/"): data
            for path, data in files.items()
            if _within(path, (box.spec.workdir, *box.spec.folders)) == mine
        }
        if part:
            await box.write_tree(part, "/", root=not mine)


def _within(path: str, folders: Sequence[str]) -> bool:
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)


async def _taken(box: Sandbox, sources: Sequence[str]) -> dict[str, bytes]:
    """Return the files under paths of a box, bounded."""
    ran = await box.run(list_files([source for source in sources if source]), 60.0)
    paths = [path for path in ran.output.split("\0") if path.startswith("/")]
    if ran.truncated or len(paths) > _CARRIED_FILES:
        raise Unscored(f"more than {_CARRIED_FILES} files would be carried to the verifier")
    files: dict[str, bytes] = {}
    for path in paths:
        files[path] = await box.read(path, MAX_BYTES)
        if sum(map(len, files.values())) > MAX_BYTES * 4:
            raise Unscored(f"more than {MAX_BYTES * 4} bytes would be carried to the verifier")
    return files


async def _healthy(box: Sandbox, health: Health | None, id: str) -> None:
    if health is None:
        return
    await asyncio.sleep(health.start_s)
    for _ in range(health.retries):
        ran = await box.run(health.command, health.timeout_s)
        if ran.exit_code == 0:
            return
        await asyncio.sleep(health.interval_s)
    raise ImageError(f"{id}: the health check failed {health.retries} times: {ran.output[-500:]}")


def _as_bash(files: Mapping[str, bytes], env: Mapping[str, str]) -> str:
    """Return bash that lays the solution's files into /solution, runs solve.sh and takes them away again."""
    lines = []
    for path, data in sorted(files.items()):
        place = shlex.quote(f"{SOLUTION}/{path}")
        lines.append(f'mkdir -p "$(dirname {place})"')
        lines.append(f"base64 -d > {place} <<'END'\n{base64.encodebytes(data).decode()}END")
    lines += [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    lines += [f"bash {SOLUTION}/solve.sh", "code=$?", f"find {SOLUTION} -mindepth 1 -delete", "exit $code"]
    return "\n".join(lines)
