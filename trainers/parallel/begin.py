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
from ...errors import TrainingError, TurnwiseError
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

Loaded = tuple[CausalLM, Reference | None, dict[str, Any] | None]


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
        TrainingError: if a rank cannot begin, has other weights, or runs other versions; the same on all.
    """
    recipe, loaded, fault = from_tables(tomllib.loads(asked.recipe)), None, ""
    try:
        loaded = _load(asked, recipe, group.rank, state)
    except TurnwiseError as error:
        fault = f"{type(error).__name__}: {error}"
    model, reference, state = _alike(group, loaded, fault)
    mesh = init_device_mesh(group.device.type, (group.world,))
    shards = shard(model, recipe.optim, mesh)
    learner = RankLearner(
        shards,
        group,
        face,
        optim=recipe.optim,
        objective=recipe.loss,
        critic=critic,
        reference=None if reference is None else _divided(reference, recipe, model, mesh),
        tolerance=asked.tolerance,
        total_updates=recipe.train.num_updates,
        seed=recipe.train.seed,
    )
    if state is not None:
        learner.load_state_dict(state)
    return learner


def _load(asked: Begin, recipe: Recipe, rank: int, state: dict[str, Any] | None) -> Loaded:
    """Read what a rank begins with: the model, and its reference and the learner's state where they are."""
    if rank > 0:  # rank 0 has done so before
        import_parts(recipe.parts.files)
        prepare_torch(recipe.train)
    weights = get_kind(recipe.policy.kind).weights
    assert weights is not None, "validate refuses a kind without"
    model = weights(asked.policy, recipe.policy)
    reference = load_reference(asked.first, recipe.policy, model) if asked.needs_reference else None
    if asked.saved and state is None:
        state = checkpoint.load(Path(asked.saved)).learner["learner"]
    return model, reference, state


def _alike(group: Ranks, loaded: Loaded | None, fault: str) -> Loaded:
    """Return what a rank has loaded, once all have, and the same.

    Raises:
        TrainingError: naming the rank that has not, or has something else than rank 0; the same on all ranks.
    """
    own = {"turnwise": __version__, "torch": str(torch.__version__)}
    if loaded is not None:
        model, reference, _ = loaded
        own["weights"] = digest(model)
        if reference is not None:
            with reference() as other:
                own["a reference"] = digest(other)
    found = group.gather([(own, fault)])
    need = "all ranks need the same installation, and the same files under the same paths"
    for rank, (_, words) in enumerate(found):
        if words:
            raise TrainingError(f"rank {rank} of {group.world} could not begin: {words}; {need}")
    first, _ = found[0]
    for rank, (facts, _) in enumerate(found):
        for name in (name for name in first if facts[name] != first[name]):
            raise TrainingError(
                f"rank {rank} of {group.world} has {name} {facts[name][:12]}, rank 0 {first[name][:12]}: "
                f"{need}"
            )
    assert loaded is not None, "it says that it has loaded"
    return loaded


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
