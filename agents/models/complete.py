"""Whether a checkpoint holds the weights of its model: the libraries fill in what is missing at random."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ...errors import CheckpointError

_AGAIN = "get the checkpoint again, or correct its configuration"


def check_complete(model: Any, told: Mapping[str, Any], name: str) -> None:
    """Refuse a model that was loaded without some of its weights, or beside weights of its own layers.

    Weights of layers that the model does not have at all (heads for other uses) are let pass.

    Args:
        model: of the transformers library.
        told: what loading told (`output_loading_info`).
        name: of the checkpoint.

    Raises:
        CheckpointError: with how many there are, and the first.
    """
    kind = type(model).__name__
    refuse_missing(told["missing_keys"], name, kind)
    layers = {layer for layer, _ in model.named_modules()}
    if strange := sorted(key for key in told["unexpected_keys"] if key.rpartition(".")[0] in layers):
        raise CheckpointError(
            f"{name}: {len(strange)} weights in it are of no {kind}, though their layers are ({strange[0]}); "
            f"expected a checkpoint of the architecture that its config.json names: {_AGAIN}"
        )


def refuse_missing(missing: Collection[str], name: str, kind: str) -> None:
    """Refuse weights that lack some of those that a model has.

    Raises:
        CheckpointError: if any is missing, with how many, and the first.
    """
    if missing:
        raise CheckpointError(
            f"{name}: {len(missing)} weights of {kind} are missing ({min(missing)}); {_AGAIN}"
        )


def unloadable(name: str, library: str, error: Exception) -> CheckpointError:
    """Return why a checkpoint cannot be loaded; a file of weights that was cut short is named.

    Args:
        name: of the checkpoint.
        library: what tried to load it.
        error: what it said.
    """
    cause = " ".join(str(error).split())
    for file in sorted(Path(name).glob("*.safetensors")):
        if not _is_whole(file):
            size = file.stat().st_size
            return CheckpointError(
                f"{file}: cut short or damaged, with {size} bytes ({cause}); get the file again"
            )
    return CheckpointError(f"{name}: {library} cannot load it: {cause}")


def _is_whole(file: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt"):
            return True
    except (OSError, SafetensorError):
        return False
