"""LoRA: small matrices beside those of a model, which alone train (arXiv 2106.09685), through peft.

The model itself stays as it is, and is what answers while the adapter is off: the reference costs no copy.
A saved adapter names its base and the digest of its weights, and is not put on another.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ...errors import CheckpointError, UsageError
from ...files import read_json, write_whole
from .complete import refuse_missing, unloadable

ADAPTER = "adapter_config.json"
_BASE = "adapter_base.json"
_WEIGHTS = "adapter_model.safetensors"
_SEED = 0  # of the random half of an adapter; the other half is 0, so that it begins as nothing


class Adapter:
    """An adapter on a model, and what the model is.

    Args:
        peft: the model as peft wraps it; the layers of the model itself hold the adapter.
        base: the folder or name of the model.
        sha256: of its weights.
    """

    def __init__(self, peft: Any, base: str, sha256: str) -> None:
        self.peft, self.base, self.sha256 = peft, base, sha256

    @property
    def rank(self) -> int:
        """Return the rank of its matrices."""
        return int(self.peft.peft_config["default"].r)

    @contextmanager
    def off(self) -> Iterator[None]:
        """Let the model answer without it."""
        with self.peft.disable_adapter():
            yield

    def save(self, folder: Path) -> None:
        """Write the adapter with its base's name, digest and configuration; others read it too.

        Raises:
            OSError: if it cannot be written.
        """
        self.peft.peft_config["default"].base_model_name_or_path = self.base
        self.peft.save_pretrained(folder, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # a card of peft's, with nothing filled in
        self.peft.get_base_model().config.save_pretrained(folder)
        document = {"base": self.base, "sha256": self.sha256}
        write_whole(folder / _BASE, json.dumps(document, indent=2).encode() + b"\n")

    def merged(self) -> Any:
        """Add the adapter to the weights of the model, for good, and return the model without it."""
        return self.peft.merge_and_unload()


def attach(model: Any, base: str, rank: int, alpha: float, targets: Sequence[str]) -> Adapter:
    """Put a new adapter on a model of the transformers library; it alone trains from now on.

    Args:
        model: changed in place; at first it computes what it did.
        base: the folder or name that it was loaded from.
        rank: of the matrices.
        alpha: the factor is alpha / rank; 0: twice the rank.
        targets: names of linear layers; empty: all but the output embedding.

    Raises:
        UsageError: if peft is missing, or the model has no such layers.
        CheckpointError: if the weights of the base cannot be found.
    """
    with torch.random.fork_rng():
        torch.manual_seed(_SEED)
        wrapped = wrap(model, rank, alpha, targets)
    return Adapter(wrapped, _absolute(base), digest(base))


def wrap(model: Any, rank: int, alpha: float, targets: Sequence[str]) -> Any:
    """Put new matrices beside those of a model, changed in place, and return it as peft wraps it.

    Args:
        model: of the transformers library, with or without content.
        rank: as for `attach`; so are alpha and targets.
        alpha: see there.
        targets: see there.

    Raises:
        UsageError: if peft is missing, or the model has no such layers.
    """
    peft = _peft()
    config = peft.LoraConfig(
        r=rank,
        lora_alpha=alpha or 2 * rank,
        lora_dropout=0.0,
        target_modules=list(targets) or "all-linear",
        task_type="CAUSAL_LM",
    )
    try:
        with _old_names():
            return peft.get_peft_model(model, config)
    except ValueError as error:
        raise UsageError(f"policy.lora_targets {list(targets)}: {' '.join(str(error).split())}") from error


def base_of_adapter(folder: str | Path) -> str:
    """Return the base of a saved adapter; "" if the folder holds none.

    Raises:
        CheckpointError: if it is an adapter for another base than what lies there, or says nothing of it.
    """
    if not (Path(folder) / ADAPTER).is_file():
        return ""
    document = read_json(Path(folder) / _BASE)
    base, sha256 = str(document.get("base")), str(document.get("sha256"))
    found = digest(base)
    if found != sha256:
        raise CheckpointError(
            f"{folder}: an adapter for another base: {base} has weights of SHA-256 {found[:12]}, it was "
            f"trained on {sha256[:12]}; put the model back that it was trained on"
        )
    return base


def load_adapter(model: Any, folder: str | Path, base: str) -> Adapter:
    """Put a saved adapter on its base, which was loaded from `base_of_adapter`.

    Raises:
        UsageError: if peft is missing.
        CheckpointError: if the adapter cannot be read, or lacks weights.
    """
    from safetensors import SafetensorError, safe_open

    peft = _peft()
    try:
        with _old_names(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Found missing adapter keys", UserWarning)  # refused below
            wrapped = peft.PeftModel.from_pretrained(model, str(folder), is_trainable=True)
        with safe_open(Path(folder) / _WEIGHTS, "pt") as stored:
            missing = set(peft.get_peft_model_state_dict(wrapped)) - set(stored.keys())
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise unloadable(str(folder), "peft", error) from error
    refuse_missing(missing, str(folder), "an adapter of that shape")
    return Adapter(wrapped, base, digest(base))


def digest(base: str) -> str:
    """Return the SHA-256 of the weights of a model, a folder or a name in the local cache of the hub.

    Raises:
        CheckpointError: if there are none.
    """
    from transformers.utils.hub import cached_file

    try:
        folder = Path(base) if Path(base).is_dir() else Path(str(cached_file(base, "config.json"))).parent
    except OSError as error:
        raise CheckpointError(
            f"{base}: the base of an adapter is not there, neither as a folder nor in the local cache of the "
            "hub; put it back"
        ) from error
    files = sorted([*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")])
    if not files:
        raise CheckpointError(f"{base}: no weights in it; expected model.safetensors")
    whole = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            whole.update(hashlib.file_digest(opened, "sha256").digest())
    return whole.hexdigest()


def _absolute(base: str) -> str:
    return str(Path(base).resolve()) if Path(base).exists() else base


@contextmanager
def _old_names() -> Iterator[None]:
    """Let peft 0.21 ask transformers 5 for what it has renamed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield


def _peft() -> Any:
    try:
        import peft
    except ImportError as error:
        raise UsageError(
            "policy.lora_rank needs peft, which a plain installation lacks: pip install 'turnwise[peft]'"
        ) from error
    return peft
