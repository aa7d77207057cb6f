"""How the learner of a rank begins: each loads the same policy, keeps its part, and all compare first."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from ... import __version__
from ...agents.models import CausalLM
from ...errors import TrainingError
from ..learner.critic import Critic
from ..learner.probe import Tolerance
from ..learner.reference import Reference
from ..policies import get as get_kind
from ..policies import load_reference
from ..recipe import Recipe, from_tables
from ..runs import checkpoint
from ..runs.arithmetic import prepare_torch
from ..user_files import import_parts
from .group import Ranks
from .learner import RankLearner
from .sharding import digest, reshard, shard


@dataclass(frozen=True, slots=True)
class Begin:
    """What a rank begins with. Its places are the same on all machines: folders that they share.

    Args:
        recipe: as TOML.
        first: the policy that the run began with.
        policy: that which it goes on with.
        saved: the checkpoint that it goes on from; "" at the start.
        needs_reference: whether anything asks for a reference.
        tolerance: as for a Learner.
    """

    recipe: str
    first: str
    policy: str
    saved: str
    needs_reference: bool
    tolerance: Tolerance | None


def begin(
    asked: Begin,
    group: Ranks,
    state: dict[str, Any] | None = None,
    *,
    critic: Critic | None = None,
    face: CausalLM | None = None,
) -> RankLearner:
    """Return the learner of a rank; all ranks call this at once.

    Args:
        asked: the same on all ranks.
        group: the ranks.
        state: of the learner in the checkpoint, where it was read; else it is read here.
        critic: on rank 0 alone.
        face: the model whole, on rank 0 alone.

    Raises:
        TrainingError: if a rank has other weights, or runs other versions.
    """
    recipe = from_tables(tomllib.loads(asked.recipe))
    if group.rank > 0:  # rank 0 has done so before
        import_parts(recipe.parts.files)
        prepare_torch(recipe.train)
    section, optim = recipe.policy, recipe.optim
    weights = get_kind(section.kind).weights
    assert weights is not None, "validate refuses a kind without"
    model = weights(asked.policy, section)
    mesh = init_device_mesh(group.device.type, (group.world,))
    _compare(group, model)
    shards = shard(model, optim, mesh)
    reference: Reference | None = None
    if asked.needs_reference:
        reference = _divided(load_reference(asked.first, section, model), recipe, model, mesh)
    learner = RankLearner(
        shards,
        group,
        face,
        optim=optim,
        objective=recipe.loss,
        critic=critic,
        reference=reference,
        tolerance=asked.tolerance,
        total_updates=recipe.train.num_updates,
        seed=recipe.train.seed,
    )
    if asked.saved:
        learner.load_state_dict(state or checkpoint.load(Path(asked.saved)).learner["learner"])
    return learner


def _compare(group: Ranks, model: CausalLM) -> None:
    """Refuse ranks that would not compute the same.

    Raises:
        TrainingError: naming the rank that has something else than rank 0, the same on all ranks.
    """
    own = {"turnwise": __version__, "torch": str(torch.__version__), "weights": digest(model)}
    first, *others = group.gather([own])
    for rank, found in enumerate(others, 1):
        for name in (name for name in own if found[name] != first[name]):
            raise TrainingError(
                f"rank {rank} of {group.world} has {name} {found[name][:12]}, rank 0 {first[name][:12]}: all "
                "ranks need the same installation, and the same files under the same paths"
            )


def _divided(reference: Reference, recipe: Recipe, model: CausalLM, mesh: DeviceMesh) -> Reference:
    """Return a reference that is divided too; the model below an adapter is already."""
    with reference() as whole:
        if whole is model:
            return reference
    shard(whole, recipe.optim, mesh)

    @contextmanager
    def gathered() -> Iterator[CausalLM]:
        try:
            yield whole
        finally:
            reshard(whole)

    return gathered
