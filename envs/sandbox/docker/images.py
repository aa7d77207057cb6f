"""Images: found, pulled, built or imported, then made ready for boxes, and kept by their content.

What boxes start from is the image with the working folder in it, owned by the box's user, proved once to
start a command. Volumes that an image declares would escape the disk limit and snapshots: such an image is
flattened, which drops the declaration.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from ..box import HOST, Spec
from ..errors import ImageError, SandboxError
from . import archives, contexts, host
from .command import Command
from .containers import PROBE_SPEC, at_rest, being_made, create
from .engine import Away, Conflict, Engine, Missing, Rejected
from .owners import BOX, CACHED, MAKER, OWNER
from .running import run

log = logging.getLogger("turnwise.envs")

PULL_S = 1800.0
BUILD_S = 1800.0
QUIET_S = 60.0
"""How long a registry may say nothing, in seconds."""
START_S = 60.0

_READY = "turnwise-ready"
_BUILT = "turnwise-built"
_IMPORTED = "turnwise-imported"
_MAX_LOG = 2000
_KILLED = 137
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Image:
    """An image that boxes start from.

    Args:
        id: of the engine.
        size: bytes of the base; what snapshots add counts against the disk limit.
        layers: how many there are one over the other.
        user: who commands run as, `uid:gid` or a name of the image.
        env: variables that the image sets.
    """

    id: str
    size: int
    layers: int
    user: str
    env: Mapping[str, str]


class Images:
    """The images of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, defaultdict[str, asyncio.Lock]]
        self._locks = WeakKeyDictionary()  # two loops may make the same image at once, and find it the same
        self._said: set[str] = set()

    def _lock(self, name: str) -> asyncio.Lock:
        loop = asyncio.get_running_loop()
        return self._locks.setdefault(loop, defaultdict(asyncio.Lock))[name]

    async def ready(self, spec: Spec, own_user: str) -> Image:
        """Return the image that a box of this specification starts from.

        Args:
            spec: what is asked for.
            own_user: `uid:gid` for an image that names no user.

        Raises:
            ImageError: if it is missing, does not build, or does not start.
            SandboxError: if the engine fails.
        """
        async with self._lock(spec.image):
            base = await self._base(spec.image, own_user)
        config = base.get("Config") or {}
        user = spec.user or config.get("User") or own_user
        self._say_if_root(spec, user)
        name = hashlib.sha256(f"1 {base['Id']} {spec.workdir} {spec.folders} {user}".encode()).hexdigest()[
            :40
        ]
        async with self._lock(name):
            found = await self._inspect(f"{_READY}:{name}")
            if not found:
                await self._prepare(base, spec, user, name)
                found = await self._inspect(f"{_READY}:{name}")
        if not found:
            raise SandboxError(f"the image made of {spec.image} vanished: was the engine cleaned meanwhile?")
        env = dict(item.partition("=")[::2] for item in config.get("Env") or ())
        if user == own_user and spec.image != HOST:
            env.setdefault("HOME", "/tmp")
        return Image(found["Id"], found["Size"], len(found["RootFS"]["Layers"]), user, env)

    def _say_if_root(self, spec: Spec, user: str) -> None:
        if user.partition(":")[0] in ("0", "root") and spec.image not in self._said:
            self._said.add(spec.image)
            remapped = any("userns" in option for option in self._engine.info.get("SecurityOptions") or ())
            log.warning(
                "commands in %s run as root inside, as the %s asks; %s", spec.image,
                "task" if spec.user else "image",
                "the engine maps it to an ordinary user" if remapped else "the engine maps no users "
                "(userns-remap), so that only dropped capabilities and seccomp stand between it and the host",
            )  # fmt: skip

    async def _inspect(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = await self._engine.call("inspect_image", name)
            return found
        except Missing:
            return None

    async def _base(self, image: str, own_user: str) -> dict[str, Any]:
        kind, _, rest = image.partition(":")
        if image == HOST:
            name, make_host = await self._engine.run(host.image, self._engine, own_user)
            return await self._inspect(name) or await self._made(name, make_host)
        if kind not in ("image", "dockerfile", "rootfs") or not rest:
            raise ImageError(
                f"image {image!r} means nothing; expected image:NAME, dockerfile:FOLDER or rootfs:PATH"
            )
        if kind == "image":
            return await self._inspect(rest) or await self._made(rest, self._pull, rest)
        path = Path(rest).expanduser()
        if kind == "dockerfile" and not (path / "Dockerfile").is_file():
            raise ImageError(f"{path} holds no Dockerfile")
        name = (
            f"{_BUILT if kind == 'dockerfile' else _IMPORTED}:"
            + (await self._engine.run(contexts.digest, path, limit_s=BUILD_S))[:40]
        )
        make = self._build if kind == "dockerfile" else self._import
        return await self._inspect(name) or await self._made(name, make, path, name)

    async def _made(self, name: str, make: Callable[..., None], *args: object) -> dict[str, Any]:
        started = time.monotonic()
        try:
            await self._engine.run(make, *args, limit_s=PULL_S)
        except (ImageError, Away):
            raise
        except SandboxError as error:
            raise ImageError(f"the image {name}: {error}") from error
        log.info("image %s made in %.1f s", name, time.monotonic() - started)
        found = await self._inspect(name)
        if not found:
            raise ImageError(f"the image {name}: the engine says that it was made, but does not know it")
        return found

    def _pull(self, name: str) -> None:
        repository, tag = split_tag(name)
        with self._engine.patient(QUIET_S) as api:
            _follow(api.pull(repository, tag=tag, stream=True, decode=True), f"image {name!r}")

    def _build(self, folder: Path, name: str) -> None:
        network = None if "bridge" in self._engine.networks else "none"
        with self._engine.patient(BUILD_S) as api:
            lines = api.build(
                path=str(folder), tag=name, rm=True, forcerm=True, decode=True, labels={CACHED: "built"},
                network_mode=network,
            )  # fmt: skip
            _follow(lines, f"the Dockerfile of {folder}")

    def _import(self, path: Path, name: str) -> None:
        with tempfile.NamedTemporaryFile(prefix="turnwise-rootfs-") as file:
            if path.is_dir():
                contexts.pack(path, file)
                file.flush()
            source = file.name if path.is_dir() else str(path)
            repository, tag = split_tag(name)
            answer = self._engine.api.import_image_from_file(
                source, repository=repository, tag=tag, changes=[f"LABEL {CACHED}=imported"]
            )
        if '"error"' in answer:
            raise ImageError(f"{path} is no root file system: {answer[-_MAX_LOG:]}")

    async def _prepare(self, base: dict[str, Any], spec: Spec, user: str, name: str) -> None:
        """Add the working folder, prove that a command runs, and keep the result under a name."""
        flat = await self._flat(base)
        with being_made(self._engine) as called:
            probe = replace(PROBE_SPEC, image=spec.image)
            container = await create(self._engine, flat, probe, user=user, name=called)
            try:
                await self._engine.call("start", container, limit_s=START_S)
                owner = await self._numbers(container, user)
                for folder in (spec.workdir, *spec.folders):
                    await archives.make_folder(self._engine, container, folder, owner)
                await self._engine.call("kill", container)
                await self._engine.call(
                    "commit", container, repository=_READY, tag=name, changes=_unowned("ready")
                )
            except Away:
                raise  # it is left to a sweep, since the start may have been cut short
            except BaseException as error:
                cause = await self._cause(error, container, spec.image)
                await self._engine.call("remove_container", container, force=True, v=True)
                if cause is error:
                    raise
                raise cause from error
            await self._engine.call("remove_container", container, force=True, v=True)

    async def _cause(self, error: BaseException, container: str, image: str) -> BaseException:
        """Tell why an image was not made ready; an engine that begins anew ends what it ran."""
        if isinstance(error, Conflict):
            state = (await self._engine.call("inspect_container", container))["State"]
            if state["ExitCode"] == _KILLED and not state["OOMKilled"]:
                return Away(f"the container that makes the image {image} ready was ended from outside")
        if isinstance(error, Conflict | Missing | Rejected):
            return ImageError(f"the image {image} does not start: {error}")
        return error

    async def _numbers(self, container: str, user: str) -> tuple[int, int]:
        """Run the first command of an image: who am I? Proves bash too."""
        command = Command(["bash", "-c", "id -u; id -g"], user=user, limit_s=START_S)
        ended = await run(self._engine, container, command)
        text, _ = ended.output.text()
        words = text.split()
        if ended.exit_code != 0 or len(words) != 2 or not all(word.isdecimal() for word in words):
            said = "it did not answer in time" if ended.exit_code is None else text[-_MAX_LOG:].strip()
            raise ImageError(
                f"the image does not start a command as {user}: {said}; it needs bash, sh and coreutils"
            )
        return int(words[0]), int(words[1])

    async def _flat(self, base: dict[str, Any]) -> str:
        """Return the image itself, or one without volumes made of it."""
        if not (base.get("Config") or {}).get("Volumes"):
            return str(base["Id"])
        name = f"{_IMPORTED}:flat-{base['Id'].rpartition(':')[2][:40]}"
        if not (found := await self._inspect(name)):
            await flatten(self._engine, base["Id"], name, {CACHED: "flat"})
            found = await self._inspect(name)
        return str((found or base)["Id"])


def _unowned(kind: str) -> list[str]:
    """Return the labels of an image that is kept; those of the container that it is made of would go on."""
    return [f"LABEL {CACHED}={kind} {OWNER}= {BOX}= {MAKER}="]


async def flatten(engine: Engine, image: str, name: str, labels: Mapping[str, str]) -> None:
    """Make an image of one layer that holds the same files."""

    def copy(container: str) -> None:
        with tempfile.NamedTemporaryFile(prefix="turnwise-flat-") as file:
            with engine.streamed(container, "export") as answer:
                for chunk in answer.iter_content(_CHUNK_BYTES):
                    file.write(chunk)
            file.flush()
            changes = [f"LABEL {key}={value}" for key, value in labels.items()]
            repository, tag = split_tag(name)
            engine.api.import_image_from_file(file.name, repository=repository, tag=tag, changes=changes)

    async with at_rest(engine, image) as container:
        await engine.run(copy, container, limit_s=BUILD_S)


def split_tag(name: str) -> tuple[str, str | None]:
    """Take the tag off the name of an image; a digest stays where it is, without a tag it is latest."""
    if "@" in name:
        return name, None
    head, colon, tail = name.rpartition(":")
    return (head, tail) if colon and "/" not in tail else (name, "latest")


def _follow(lines: Any, what: str) -> None:
    """Read what the engine says while it makes an image.

    Raises:
        ImageError: if it says that it failed, with the end of the log.
    """
    said = ""
    until = time.monotonic() + PULL_S
    for line in lines:
        said = (said + str(line.get("stream") or line.get("status") or ""))[-_MAX_LOG:]
        if "error" in line:
            raise ImageError(f"{what}: {str(line['error'])[:_MAX_LOG]}\n{said}".rstrip())
        if time.monotonic() > until:
            raise ImageError(f"{what}: not there after {PULL_S:g} s")
