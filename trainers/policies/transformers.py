"""Kind `transformers`: a language model of the Hugging Face format, which samples in this process."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

from ...agents.models import CausalLM, TransformersLM
from ...agents.models.lora import ADAPTER
from ...agents.policies import write_settings
from ...errors import UsageError
from ..learner.reference import Reference, frozen
from ..sections import PolicySection, RolloutSection
from ..sync.apart import local_sync
from .kinds import Asked, TrainedPolicy, register
from .mask import held


def reference_of(source: str, section: PolicySection, trained: CausalLM) -> Reference:
    """Return the model below an adapter that began as nothing, else what the run begins with."""
    fresh = not (Path(source) / ADAPTER).is_file()  # else the run begins with what an adapter has learned
    if isinstance(trained, TransformersLM) and trained.adapter is not None and fresh:
        return trained.unadapted
    return frozen(load_lm(source, section.dtype))


def weights_of(source: str, section: PolicySection) -> CausalLM:
    """Load a language model alone, on the CPU, with the adapter that a recipe asks for."""
    return adapted(_on_cpu(source, section.dtype), source, section).eval()


@register("transformers", reference=reference_of, weights=weights_of, masks=True)
def transformers(asked: Asked) -> TrainedPolicy:
    """Load a language model; learner and policy share one set of weights, unless they work at one time."""
    from ...agents.policies.transformers import TransformersPolicy

    model = adapted(load_lm(asked.source, asked.section.dtype), asked.source, asked.section)
    room = cache_tokens(asked.section, asked.rollout)
    sampling = copy.deepcopy(model) if asked.apart else model
    policy = TransformersPolicy(
        asked.source, version=asked.version, max_batch=asked.rollout.slots, cache_tokens=room, model=sampling
    )

    def publish(version: int) -> None:
        policy.update_weights(model.state_dict() if asked.apart else None, version)

    sync = local_sync(model, policy, publish, asked.apart)
    return TrainedPolicy(model, policy, sync, saver(model, asked), held(policy, asked.rollout.mask))


def saver(model: TransformersLM, asked: Asked) -> Callable[[Path], None]:
    """Return what writes a model, its tokenizer and how the agent is asked into a folder."""
    from ...agents.policies.transformers import check_saved, load_tokenizer, save_tokenizer

    tokenizer, is_checked = load_tokenizer(asked.source), False

    def save(folder: Path) -> None:
        nonlocal is_checked
        model.save(folder)
        save_tokenizer(tokenizer, folder)
        if not is_checked:  # once a run: it takes a second where there are many tokens
            check_saved(tokenizer, folder)
            is_checked = True
        write_settings(folder, asked.settings)

    return save


def cache_tokens(section: PolicySection, rollout: RolloutSection) -> int:
    """Return how many tokens of conversations a policy of transformers keeps between turns."""
    return section.cache_tokens or rollout.slots * rollout.max_episode_tokens


def adapted(model: TransformersLM, source: str, section: PolicySection) -> TransformersLM:
    """Return a model with the adapter that a recipe asks for: a new one, unless it has one.

    Raises:
        UsageError: if its adapter is of another rank, or none can be put on it.
    """
    rank = section.lora_rank
    if model.adapter is None and rank:
        model.adapt(source, rank, section.lora_alpha, section.lora_targets)
    if model.adapter is not None and model.adapter.rank != rank:
        raise UsageError(
            f"policy.lora_rank is {rank}, and the adapter in {source} has rank {model.adapter.rank}; set "
            f"policy.lora_rank={model.adapter.rank}, or begin with a merged model (`turnwise export`)"
        )
    return model


def load_lm(source: str, dtype: str) -> TransformersLM:
    """Load a model of the Hugging Face format where it will run."""
    import torch

    return _on_cpu(source, dtype).to("cuda" if torch.cuda.is_available() else "cpu").eval()


def _on_cpu(source: str, dtype: str) -> TransformersLM:
    import torch

    return TransformersLM.load(source, getattr(torch, dtype))
