"""Kind `tiny`: a small transformer of ours."""

from __future__ import annotations

from pathlib import Path

from ...agents.models import CausalLM
from ...agents.policies import write_settings
from ..learner.reference import Reference, frozen
from ..sections import PolicySection
from ..sync.apart import local_sync
from .kinds import Asked, TrainedPolicy, register
from .mask import held


def _weights(source: str, section: PolicySection) -> CausalLM:
    from ...agents.tiny.checkpoint import load_model

    return load_model(Path(source))


def _reference(source: str, section: PolicySection, trained: CausalLM) -> Reference:
    return frozen(_weights(source, section))


@register("tiny", reference=_reference, weights=_weights, language_model=False, masks=True)
def tiny(asked: Asked) -> TrainedPolicy:
    """Load a policy of ours, which samples in this process."""
    from ...agents.tiny.checkpoint import load_checkpoint, save_checkpoint
    from ...agents.tiny.policy import TinyPolicy

    model, tokenizer = load_checkpoint(Path(asked.source))
    slots = asked.rollout.slots
    policy = TinyPolicy(model, tokenizer, version=asked.version, num_slots=slots, max_batch=slots)

    def save(folder: Path) -> None:
        save_checkpoint(model, tokenizer, folder)
        write_settings(folder, asked.settings)

    def publish(version: int) -> None:
        policy.update_weights(model.state_dict(), version)

    sync = local_sync(model, policy, publish, asked.apart)
    return TrainedPolicy(model, policy, sync, save, held(policy, asked.rollout.mask))
