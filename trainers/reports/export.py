"""A trained model as a folder of its own: weights, tokenizer, how it is asked, and a card."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

from ...agents.policies.places import policy_folder
from ...errors import UsageError
from ...files import write_whole
from ..policies import get as get_kind
from ..recipe import Recipe, load
from .card import model_card

_AGENT = "agent.json"
log = logging.getLogger(__name__)


def export(run: Path, out: Path, *, adapter: bool = False) -> Path:
    """Write the best checkpoint of a run, or the last where nothing was evaluated, as a Hugging Face folder.

    Args:
        run: the folder of a training run of a language model.
        out: a folder that is not there yet; it appears whole or not at all.
        adapter: write the adapter alone; by default it is merged into its base.

    Returns:
        the checkpoint that was taken.

    Raises:
        UsageError: if the folder is no run or there already, or what was trained is no language model.
        CheckpointError: if the checkpoint is missing or broken.
    """
    recipe = _recipe(run)
    if out.exists():
        raise UsageError(f"{out}: is there already; name a folder that is not")
    source = policy_folder(run)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        remark = _write(source, recipe, temporary, adapter)
        write_whole(temporary / "README.md", model_card(run, source, recipe, remark).encode())
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    if remark:
        log.warning("%s: %s", out, remark)
    return source


def _recipe(run: Path) -> Recipe:
    file = run / "recipe.toml"
    if not file.is_file():
        raise UsageError(f"{run}: no recipe.toml in it; expected the folder of a training run")
    recipe = load(str(file))
    if not get_kind(recipe.policy.kind).language_model:
        raise UsageError(
            f"{run}: trained a policy of kind 'tiny', with a tokenizer of its own, which is no language "
            f"model to publish; `turnwise eval --env ENV --agent ckpt:{run}` plays it, and transformers "
            "reads its checkpoints as they are (AutoModelForCausalLM, PreTrainedTokenizerFast)"
        )
    return recipe


def _write(source: Path, recipe: Recipe, folder: Path, adapter: bool) -> str:
    """Load a checkpoint, which tries it, and save it alone; return what others have to know of it."""
    import torch

    from ...agents.models import TransformersLM
    from ...agents.policies.transformers import load_tokenizer, read_otherwise, save_tokenizer

    model = TransformersLM.load(str(source), getattr(torch, recipe.policy.dtype))
    if adapter and model.adapter is None:
        raise UsageError(f"{source}: was trained whole, without an adapter; leave --adapter out")
    if not adapter:
        model.merge()
    model.save(folder)
    save_tokenizer(load_tokenizer(str(source)), folder)
    if (source / _AGENT).is_file():
        shutil.copyfile(source / _AGENT, folder / _AGENT)
    other = read_otherwise(folder)
    return (
        f"AutoTokenizer, and vLLM with it, reads this tokenizer as {other}, which splits text otherwise "
        "than in training; take PreTrainedTokenizerFast.from_pretrained"
        if other
        else ""
    )
