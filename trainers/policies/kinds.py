"""The kinds of policies that train, by the name that a recipe gives: [policy] kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...agents.models import CausalLM
from ...agents.policies import AgentSettings, TokenPolicy
from ...agents.prompts.config import PromptConfig
from ...errors import UsageError
from ..learner.reference import Reference
from ..parts import Named, Registry
from ..sections import PolicySection, RolloutSection
from ..sync import WeightSync
from .mask import HeldMask


@dataclass(frozen=True, slots=True)
class TrainedPolicy:
    """A model, the policy that samples with its weights, and how to save both.

    Args:
        model: what the learner updates.
        policy: what the rollout asks.
        sync: brings the model's weights into the policy.
        save: writes model and tokenizer into a folder.
        mask: the second policy, off which masks are read; None: the recipe asks for none.
    """

    model: CausalLM
    policy: TokenPolicy
    sync: WeightSync
    save: Callable[[Path], None]
    mask: HeldMask | None = None

    def sampled(self, update: int) -> None:
        """Do what is due once the episodes of an update are played, and before it is learned from."""
        if self.mask is not None:
            self.mask.sampled(update)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps beside the weights."""
        return {} if self.mask is None else {"mask": self.mask.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned.

        Raises:
            CheckpointError: if it lacks the mask policy that the recipe asks for, or has another model's.
        """
        if self.mask is not None:
            self.mask.load(state.get("mask"))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a kind of policy is loaded with.

    Args:
        source: the folder of a policy, or for a language model a name in the local cache of the hub.
        section: [policy].
        rollout: how many episodes are under way at once, and what may be said.
        settings: written beside the weights, so that the agent can be asked as it was trained.
        version: of the weights.
        run: the folder of the run, where an engine keeps its log; None: nowhere.
        apart: whether policy and learner work at the same time, so that they may share no tensors.
    """

    source: str
    section: PolicySection
    rollout: RolloutSection
    settings: AgentSettings
    version: int = 0
    run: Path | None = None
    apart: bool = False


def _unchecked(section: PolicySection, rollout: RolloutSection) -> None:
    """Take any recipe."""


@dataclass(eq=False)
class Kind(Named[TrainedPolicy]):
    """A kind of policy: called with what is asked, it loads one.

    Args:
        reference: loads the policy that a run begins with as a reference, beside the one that trains.
        weights: loads the model alone, on the CPU, to be divided over several learners.
        language_model: whether it is one of the Hugging Face format: it may be a name of the hub, is not
            made from nothing, takes an adapter and can be exported.
        check: raises UsageError where a recipe asks for what the kind cannot do.
        masks: whether it can hold a second, slowly following policy beside the one that samples.
    """

    reference: Callable[[str, PolicySection, CausalLM], Reference] | None = None
    weights: Callable[[str, PolicySection], CausalLM] | None = None
    language_model: bool = True
    check: Callable[[PolicySection, RolloutSection], None] = _unchecked
    masks: bool = False


_KINDS: Registry[Kind] = Registry("policy kind", Kind)
register, get, names = _KINDS.register, _KINDS.get, _KINDS.names


def load_trained(
    source: str | Path,
    section: PolicySection,
    prompt: PromptConfig,
    rollout: RolloutSection,
    version: int = 0,
    run: Path | None = None,
    apart: bool = False,
) -> TrainedPolicy:
    """Read a policy as the one that a recipe trains; see Asked.

    Raises:
        CheckpointError: naming the file that is missing, broken or foreign, and why.
        UsageError: if the rollout leaves constraint or max_tokens to the agent, which has none yet.
    """
    settings = agent_settings(prompt, rollout)
    return get(section.kind)(Asked(str(source), section, rollout, settings, version, run, apart))


def load_reference(source: str | Path, section: PolicySection, trained: CausalLM) -> Reference:
    """Return the policy that a run begins with as its reference: its weights alone, read once.

    Where an adapter trains, it is the model below it, and nothing is read.

    Raises:
        CheckpointError: naming the file that is missing, broken or foreign, and why.
    """
    kind = get(section.kind)
    if kind.reference is None:
        raise UsageError(
            f"policy.kind {kind.name!r} has no reference; set loss.kl and reward.kl_coef to none"
        )
    return kind.reference(str(source), section, trained)


def agent_settings(prompt: PromptConfig, rollout: RolloutSection) -> AgentSettings:
    """Return what stands beside the weights, so that the agent can be asked as it was trained.

    Raises:
        UsageError: if the rollout leaves constraint or max_tokens to the agent, which has none yet.
    """
    if rollout.constraint is None or rollout.max_tokens is None:
        raise UsageError("rollout.constraint or rollout.max_tokens is None; training needs both stated")
    return AgentSettings(prompt, rollout.constraint, rollout.max_tokens)
