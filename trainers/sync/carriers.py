"""How weights travel to an engine: whole, as safetensors in shared memory, or as a LoRA adapter.

Writing happens before anything is paused. What was written stays until the next version has arrived, so
that an engine that is started again gets it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from itertools import count
from pathlib import Path

from safetensors import SafetensorError

from ...agents.models import TransformersLM
from ...agents.policies.vllm.engine import Engine
from ...errors import TrainingError
from ...scratch import Scratch, sweep_scratch

_MEMORY = Path("/dev/shm")
_PREFIX = "turnwise-sync-"
_SPARE = 1.05  # for headers and the configuration


class Carrier:
    """The folder in which weights lie on their way.

    Args:
        model: the learner's.
        folder: where it is made; "" is shared memory where it has room for two versions.
    """

    def __init__(self, model: TransformersLM, folder: str = "") -> None:
        self._model = model
        self.bytes = _SPARE * num_bytes(model)
        base = Path(folder) if folder else _roomy(self.bytes)
        try:
            base.mkdir(parents=True, exist_ok=True)
            self._scratch = Scratch(_PREFIX, base)
        except OSError as error:
            raise TrainingError(f"sync: {base}: {error.strerror}; set policy.engine.folder") from error
        self.folder = self._scratch.folder
        self._written: Path | None = None

    def write(self, version: int) -> Path:
        """Write the weights of a version beside those of the former one, whole or not at all.

        Raises:
            TrainingError: if there is no room.
        """
        place = self.folder / f"v{version}"
        free = shutil.disk_usage(self.folder).free
        if free < self.bytes:
            raise TrainingError(_no_room(version, self.folder, self.bytes, f"{free / 1e6:.0f} MB are free"))
        try:
            place.mkdir(exist_ok=True)
            self._model.save(place)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(place, ignore_errors=True)
            cause = " ".join(str(error).split())[:200]
            raise TrainingError(_no_room(version, self.folder, self.bytes, cause)) from error
        return place

    def arrived(self, place: Path) -> None:
        """Drop the former version."""
        former, self._written = self._written, place
        if former is not None and former != place:
            shutil.rmtree(former, ignore_errors=True)

    async def load(self, engine: Engine, place: Path) -> None:
        """Let an engine take what was written."""
        await engine.load(str(place))

    def close(self) -> None:
        """Remove what lies on its way."""
        self._scratch.close()


class AdapterCarrier(Carrier):
    """A carrier of a LoRA adapter alone; each load has a name of its own in the engine."""

    _numbers = count()

    async def load(self, engine: Engine, place: Path) -> None:
        """Let an engine answer with the adapter that was written."""
        await engine.load_adapter(f"{self.folder.name}-{next(self._numbers)}", str(place))


def carrier_of(model: TransformersLM, folder: str = "") -> Carrier:
    """Return what carries a model's weights: of one with an adapter, that alone."""
    return (AdapterCarrier if model.adapter is not None else Carrier)(model, folder)


def num_bytes(model: TransformersLM) -> int:
    """Return the size of what is carried: all weights, or those of the adapter that trains."""
    weights = [each for each in model.parameters() if model.adapter is None or each.requires_grad]
    return sum(each.numel() * each.element_size() for each in weights)


def _roomy(num: float) -> Path:
    """Return shared memory if two versions fit into it, else the place of temporary files."""
    sweep_scratch(_MEMORY, _PREFIX)  # what a killed run has left would count as taken
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > 2 * num:
        return _MEMORY
    return Path(tempfile.gettempdir())


def _no_room(version: int, folder: Path, needed: float, cause: str) -> str:
    return (
        f"sync of version {version}: the weights cannot be written to {folder} ({cause}); {needed / 1e6:.0f} "
        "MB are needed twice. Make room, or set policy.engine.folder; then go on with --resume"
    )
