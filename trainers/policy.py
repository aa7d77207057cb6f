"""The policy that is trained: weights under the learner, and the engine that samples with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..agents.models import CausalLM, TransformersLM
from ..agents.models.lora import ADAPTER
from ..agents.policies import AgentSettings, TokenPolicy, write_settings
from ..agents.prompts.config import PromptConfig
from ..errors import UsageError
from .learner.reference import Reference, frozen
from .sections import PolicySection, RolloutSection


@dataclass(frozen=True, slots=True)
class TrainedPolicy:
    """A model, the policy that samples with its weights, and how to save both.

    Args:
        model: what the learner updates.
        policy: what the rollout asks.
        publish: brings the model's weights into the policy under a version.
        save: writes model and tokenizer into a folder.
    """

    model: CausalLM
    policy: TokenPolicy
    publish: Callable[[int], None]
    save: Callable[[Path], None]


def load_trained(
    source: str | Path,
    section: PolicySection,
    prompt: PromptConfig,
    rollout: RolloutSection,
    version: int = 0,
) -> TrainedPolicy:
    """Read a policy as the one that a recipe trains.

    Args:
        source: the folder of a policy, or for kind `transformers` a name in the local cache of the hub.
        section: what kind of policy it is.
        prompt: written beside the weights, so that the agent can be asked as it was trained.
        rollout: how many episodes are under way at once, and what may be said.
        version: of the weights.

    Raises:
        CheckpointError: naming the file that is missing, broken or foreign, and why.
        UsageError: if the rollout leaves constraint or max_tokens to the agent, which has none yet.
    """
    settings = agent_settings(prompt, rollout)
    if section.kind == "tiny":
        return _tiny(Path(source), rollout.slots, settings, version)
    return _transformers(str(source), section, rollout, settings, version)


def load_reference(source: str | Path, section: PolicySection, trained: CausalLM) -> Reference:
    """Return the policy that a run begins with as its reference: its weights alone, read once.

    Where an adapter trains, it is the model below it, and nothing is read.

    Raises:
        CheckpointError: naming the file that is missing, broken or foreign, and why.
    """
    if section.kind == "tiny":
        from ..agents.tiny.checkpoint import load_checkpoint

        return frozen(load_checkpoint(Path(source))[0])
    fresh = not (Path(source) / ADAPTER).is_file()  # else the run begins with what an adapter has learned
    if isinstance(trained, TransformersLM) and trained.adapter is not None and fresh:
        return trained.unadapted
    return frozen(load_lm(str(source), section.dtype))


def agent_settings(prompt: PromptConfig, rollout: RolloutSection) -> AgentSettings:
    """Return what stands beside the weights, so that the agent can be asked as it was trained.

    Raises:
        UsageError: if the rollout leaves constraint or max_tokens to the agent, which has none yet.
    """
    if rollout.constraint is None or rollout.max_tokens is None:
        raise UsageError("rollout.constraint or rollout.max_tokens is None; training needs both stated")
    return AgentSettings(prompt, rollout.constraint, rollout.max_tokens)


def _tiny(source: Path, slots: int, settings: AgentSettings, version: int) -> TrainedPolicy:
    from ..agents.tiny.checkpoint import load_checkpoint, save_checkpoint
    from ..agents.tiny.policy import TinyPolicy

    model, tokenizer = load_checkpoint(source)
    policy = TinyPolicy(model, tokenizer, version=version, num_slots=slots, max_batch=slots)

    def save(folder: Path) -> None:
        save_checkpoint(model, tokenizer, folder)
        write_settings(folder, settings)

    return TrainedPolicy(
        model, policy, lambda number: policy.update_weights(model.state_dict(), number), save
    )


def cache_tokens(section: PolicySection, rollout: RolloutSection) -> int:
    """Return how many tokens of conversations a policy of transformers keeps between turns."""
    return section.cache_tokens or rollout.slots * rollout.max_episode_tokens


def _transformers(
    source: str, section: PolicySection, rollout: RolloutSection, settings: AgentSettings, version: int
) -> TrainedPolicy:
    from ..agents.policies.transformers import TransformersPolicy, load_tokenizer

    # learner and policy share one set of weights: nothing has to be copied after an update
    model = adapted(load_lm(source, section.dtype), source, section)
    room = cache_tokens(section, rollout)
    policy = TransformersPolicy(
        source, version=version, max_batch=rollout.slots, cache_tokens=room, model=model
    )
    tokenizer = load_tokenizer(source)

    def save(folder: Path) -> None:
        model.save(folder)
        tokenizer.save_pretrained(folder)
        write_settings(folder, settings)

    return TrainedPolicy(model, policy, lambda number: policy.update_weights(None, number), save)


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

    device = "cuda" if torch.cuda.is_available() else "cpu"
    return TransformersLM.load(source, getattr(torch, dtype)).to(device).eval()
