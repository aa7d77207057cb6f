"""Boxes that descend from one another, and the snapshots that they share.

A snapshot is an image of the engine. It lives as long as a box of its family does.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from ....errors import UsageError
from ..errors import SandboxError
from . import archives
from .archives import Held
from .containers import at_rest
from .engine import Engine, Missing
from .images import Image, flatten
from .owners import BOX

log = logging.getLogger("turnwise.envs")

_SNAPSHOTS = "turnwise-snapshot"
_MOST_LAYERS = 110
"""The overlay of the engine ends at 128, of which some are its own."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Frozen files.

    Args:
        image: what boxes are started from.
        num_bytes: how much they hold beyond the family's first image.
        num_files: how many files were written since.
    """

    image: Image
    num_bytes: int = 0
    num_files: int = 0


class Family:
    """What boxes share that were forked from one another.

    Args:
        engine: where.
        image: what the first box was started from.
        at_end: called when the last box is closed.
    """

    def __init__(self, engine: Engine, image: Image, at_end: Callable[[], None]) -> None:
        self.engine, self._at_end = engine, at_end
        self.id = uuid.uuid4().hex[:12]
        self.start = Snapshot(image)
        self.of_root: set[str] = set()  # folders that root wrote into a box
        self._snapshots: dict[str, Snapshot] = {}
        self._manifests: dict[tuple[str, str], asyncio.Task[dict[str, Held]]] = {}
        self._members: set[str] = set()

    def join(self, box: str) -> None:
        """Note that a box lives."""
        self._members.add(box)

    async def leave(self, box: str) -> None:
        """Note that a box is closed; with the last one the snapshots go."""
        self._members.discard(box)
        if self._members:
            return
        self._at_end()
        for task in self._manifests.values():
            task.cancel()
        while self._snapshots:  # the newest first, since others may be made of it
            name, _ = self._snapshots.popitem()
            try:
                await self.engine.call("remove_image", f"{_SNAPSHOTS}:{name}", force=True)
            except Missing:
                continue
            except SandboxError as error:
                log.warning("snapshot %s stays for the next sweep: %s", name, error)

    def find(self, name: str) -> Snapshot:
        """Return a snapshot.

        Raises:
            UsageError: if no box of the family made it.
        """
        if name not in self._snapshots:
            raise UsageError(f"snapshot {name!r} is unknown; expected the name that snapshot() returned here")
        return self._snapshots[name]

    async def freeze(self, container: str, above: Snapshot) -> str:
        """Make an image of a container's files and return the name of the snapshot.

        Args:
            container: in which nothing runs.
            above: bytes and files that it holds by now, and the image that it was started from.
        """
        name = uuid.uuid4().hex
        labels = {**self.engine.labels, BOX: self.id}
        changes = [f'LABEL "{key}"="{value}"' for key, value in labels.items()]
        await self.engine.call(
            "commit", container, repository=_SNAPSHOTS, tag=name, pause=False, changes=changes, limit_s=300.0
        )
        if above.image.layers + 1 > _MOST_LAYERS:
            await flatten(self.engine, f"{_SNAPSHOTS}:{name}", f"{_SNAPSHOTS}:{name}", labels)
        found = await self.engine.call("inspect_image", f"{_SNAPSHOTS}:{name}")
        image = replace(above.image, id=found["Id"], layers=len(found["RootFS"]["Layers"]))
        self._snapshots[name] = replace(above, image=image)
        return name

    async def manifest(self, name: str, folder: str, max_bytes: int) -> dict[str, Held]:
        """Return what a snapshot holds under a folder; it is looked at once."""
        key = (name, folder)
        if key not in self._manifests:
            self._manifests[key] = asyncio.create_task(self._look(self.find(name), folder, max_bytes))
        try:
            return await asyncio.shield(self._manifests[key])
        except BaseException:
            if self._manifests[key].done():
                del self._manifests[key]
            raise

    async def _look(self, snapshot: Snapshot, folder: str, max_bytes: int) -> dict[str, Held]:
        async with at_rest(self.engine, snapshot.image.id) as container:
            return await archives.manifest(self.engine, container, folder, max_bytes)
