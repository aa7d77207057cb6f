"""One run from a recipe to its results: build the parts, train, and leave nothing open."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import torch

from ..envs import make
from ..errors import CheckpointError, UsageError
from ..servers.protocol.types import SessionClient
from ..streams import Stream, torch_seed
from . import credit as credits
from . import rewards as reward_transforms
from . import weights
from .assign import name_of, params_of
from .learner.critic import Critic
from .learner.heads import find_heads
from .learner.update import Learner
from .loop import RunState, Trainer
from .losses import Objective
from .policy import Trainee, load_trainee
from .rollouts.collect import check_parts
from .rollouts.mixture import worlds_of
from .rollouts.samplers.memory import load_states
from .runs import checkpoint
from .runs import folder as rundir
from .runs.console import Board
from .sections import Recipe
from .setup import rollout_config
from .user_files import import_parts, keep_parts
from .warmstart.warmstart import warm_start

__all__ = ["prepare_torch", "train", "validate"]

_OPEN_SESSIONS = "sessions.open"  # so that a run that was killed and comes back closes what it has left


def train(recipe: Recipe, out: Path, *, resume: bool = False, previous: bool = False) -> RunState:
    """Run a recipe in a folder.

    Args:
        recipe: what to do.
        out: the folder of the run; made if missing.
        resume: go on from the last checkpoint; without one, begin.
        previous: go on from the checkpoint before the last, where the last is broken.

    Returns:
        what the run came to.

    Raises:
        UsageError: if the recipe names what is not there, or the folder is taken; nothing is written.
        CheckpointError: if a checkpoint is missing, broken or foreign.
        TrainingError: if the run cannot go on.
        KeyboardInterrupt: after Ctrl-C; the last complete update was saved.
    """
    validate(recipe)
    rundir.open_run(out, recipe, resume=resume or previous)
    keep_parts(recipe.parts.files, out)
    prepare_torch(recipe)
    with Board(recipe.log.console) as board:
        saved = _saved(out, previous) if resume or previous else None
        if resume and saved is None:
            board.say(f"{out}: no checkpoint yet, starting from the beginning")
        first = _first_policy(recipe, out, board)
        state = asyncio.run(_train(recipe, out, board, first, saved))
        board.table()
    return state


def prepare_torch(recipe: Recipe) -> None:
    """Set the number of threads, and deterministic algorithms where the recipe asks for them."""
    torch.set_num_threads(recipe.train.threads)
    torch.use_deterministic_algorithms(recipe.train.deterministic)


def validate(recipe: Recipe) -> None:
    """Find every part that a recipe names, and refuse what cannot train.

    Raises:
        UnknownName: for a part or parameter that is not there.
        UsageError: for numbers that do not fit together.
        CheckpointError: if the policy that it names is not there.
    """
    import_parts(recipe.parts.files)
    credits.get(recipe.credit.name).check_params(recipe.credit.params)
    weights.get(recipe.weights.name).check_params(recipe.weights.params)
    for part in recipe.reward.transforms:
        reward_transforms.get(name_of(part, "reward")).check_params(params_of(part))
    for part in recipe.advantage.transforms:
        credits.transforms.get(name_of(part, "advantage")).check_params(params_of(part))
    Objective(recipe.loss)
    find_heads(recipe.credit.name, recipe.critic.heads)
    rollout_config(recipe)
    check_parts(recipe)
    rollout, train = recipe.rollout, recipe.train
    if rollout.group_size < 1 or (rollout.group_size == 1 and not train.allow_single):
        raise UsageError(
            f"rollout.group_size is {rollout.group_size}: a group of one has nothing to compare with; "
            "use 2 or more, or set train.allow_single = true"
        )
    if rollout.temperature <= 0:
        raise UsageError("rollout.temperature is 0: greedy episodes have no probabilities to train on")
    if rollout.num_groups * rollout.group_size < recipe.optim.num_minibatches:
        raise UsageError(
            f"optim.num_minibatches is {recipe.optim.num_minibatches}, more than the "
            f"{rollout.num_groups * rollout.group_size} episodes of an update"
        )
    for name in ("num_updates", "save_every", "keep", "threads"):
        if getattr(train, name) < 1:
            raise UsageError(f"train.{name} is {getattr(train, name)}; expected at least 1")
    _named_policy(recipe)
    worlds = worlds_of(recipe.env)
    if not recipe.server.url:
        for world in worlds:
            make(world.id, **world.train_kwargs)
            make(world.id, **world.eval_kwargs)


def _saved(out: Path, previous: bool) -> checkpoint.Saved | None:
    root = rundir.checkpoints(out)
    if not previous and not (root.is_dir() and any(root.glob("update-*"))):
        return None
    try:
        return checkpoint.load(checkpoint.latest(root, previous=previous))
    except CheckpointError as error:
        hint = "" if previous else "; --previous goes on from the checkpoint before it"
        raise CheckpointError(f"{error}{hint}") from error


def _named_policy(recipe: Recipe) -> str:
    """Return the policy that a recipe names: a shipped one, a folder, or a name of the hub; "" for none.

    Raises:
        CheckpointError: if it is none of these.
        UsageError: if none is named and none can be made.
    """
    given = recipe.policy.checkpoint
    if not given:
        if recipe.policy.kind != "tiny":
            raise UsageError(
                "policy.checkpoint is empty: only a policy of kind 'tiny' can be made from nothing"
            )
        return ""
    shipped = Path(str(files(__package__))) / "warmstarts" / given
    if shipped.is_dir():
        return str(shipped)
    if recipe.policy.kind == "transformers" and not Path(given).exists():
        return given
    return str(checkpoint.find(Path(given)))


def _first_policy(recipe: Recipe, out: Path, board: Board) -> str:
    """Return the policy a run begins with; make it where the recipe names none."""
    named = _named_policy(recipe)
    if named:
        return named
    folder = out / "warmstart"
    if not folder.is_dir():
        cloned = warm_start(recipe, folder, board.working)
        board.say(
            f"warm start: {cloned.num_demonstrations} demonstrations ({cloned.num_won} won), "
            f"{cloned.num_steps} steps of cloning, {cloned.seconds:.0f} s"
        )
    return str(folder)


async def _train(
    recipe: Recipe, out: Path, board: Board, first: str, saved: checkpoint.Saved | None
) -> RunState:
    state = RunState(**saved.state) if saved else RunState()
    trainee = load_trainee(str(saved.policy) if saved else first, recipe, state.update)
    learner = _learner(recipe, trainee, first, saved)
    async with _client(recipe, out) as client:
        try:
            samplers = load_states(saved.folder / "samplers") if saved else {}
            trainer = Trainer(recipe, out, client, trainee, learner, board, state, samplers)
            trainer.log.cut(state.log_lines)
            return await trainer.run()
        finally:
            await trainee.policy.aclose()


def _learner(recipe: Recipe, trainee: Trainee, first: str, saved: checkpoint.Saved | None) -> Learner:
    needs_reference = Objective(recipe.loss).needs_reference or recipe.reward.kl_coef > 0
    reference = load_trainee(first, recipe).frozen_copy() if needs_reference else None
    torch.manual_seed(torch_seed(recipe.train.seed, Stream.LEARNER))
    learner = Learner(
        trainee.model,
        recipe.optim,
        recipe.loss,
        critic=_critic(recipe, trainee),
        reference=reference,
        total_updates=recipe.train.num_updates,
        seed=recipe.train.seed,
    )
    if saved:
        learner.load_state_dict(saved.learner["learner"])
        torch.set_rng_state(saved.learner["torch_rng"])
    return learner


def _critic(recipe: Recipe, trainee: Trainee) -> Critic | None:
    heads = find_heads(recipe.credit.name, recipe.critic.heads)
    if not heads:
        return None
    return Critic(
        trainee.model.hidden_size,
        heads,
        recipe.critic,
        max_tokens=recipe.optim.micro_tokens,
        seed=recipe.train.seed,
    )


@contextlib.asynccontextmanager
async def _client(recipe: Recipe, out: Path) -> AsyncIterator[SessionClient]:
    """Open the way to the environments: a server, one of our own, or this process."""
    from ..servers.client.http_client import HttpClient
    from ..servers.client.local import LocalClient
    from ..servers.client.open_sessions import KeptSessions
    from ..servers.client.server_process import ServerProcess

    section = recipe.server
    with contextlib.ExitStack() as stack:
        url = section.url
        if section.spawn and not url:
            own = [world.id for world in worlds_of(recipe.env) if ":" in world.id]
            allowed = [word for id in own for word in ("--env", id)]
            url = stack.enter_context(ServerProcess(allowed)).url
        key = os.environ.get("TURNWISE_KEY") or None  # never in a recipe: a run stores its recipe
        kept = KeptSessions(HttpClient(url, key), out / _OPEN_SESSIONS) if url else None
        client: SessionClient = kept or LocalClient()
        try:
            if kept is not None:
                await kept.close_left()
            yield client
        finally:
            await client.aclose()
