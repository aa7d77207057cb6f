"""One run from a recipe to its results: build the parts, train, and leave nothing open."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from shlex import quote
from typing import Any

import torch

from ..agents.control import Control
from ..agents.models import CausalLM
from ..errors import CheckpointError
from ..servers.client import SessionClient
from ..settings import table
from ..shown import percent
from ..streams import Stream, torch_seed
from .fit.needs import GIB, check_fits
from .launch.addresses import reached_engines, reached_server
from .learner.critic import Critic
from .learner.probe import Tolerance, rehearse
from .learner.update import Learner
from .loop import Trainer
from .losses import Objective
from .offline.collect import stored_episodes
from .offline.sources import check_sources, demonstrations_in
from .own_server import allowing, offering, plays_environments
from .parallel.place import placed
from .policies import get as get_kind
from .policies import load_reference, load_trained
from .recipe import Recipe, dump
from .rollouts.mixture import choices_of
from .runs import checkpoint
from .runs import folder as rundir
from .runs.arithmetic import prepare_torch
from .runs.console import RunDisplay
from .runs.held_out import held_out_words
from .runs.journals import sessions_of
from .runs.log import RunLog, read_log
from .runs.remembered import Remembered
from .runs.standing import standing
from .runs.state import RunState, finished
from .runs.under_way import UnderWay
from .runs.watchdog import Watchdog, watching
from .sections import EnvSection, ServerSection, TrainSection
from .trackers import Tracked, tracking
from .user_files import keep_parts
from .validate import Bound, named_policy, validate
from .warmstart.warmstart import warm_start

log = logging.getLogger(__name__)

_OPEN_SESSIONS = "sessions.open"  # so that a run that was killed and comes back closes what it has left


def train(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    previous: bool = False,
    run: Callable[[Coroutine[Any, Any, RunState]], RunState] = asyncio.run,
) -> RunState:
    """Run a recipe in a folder.

    Args:
        recipe: what to do.
        out: the folder of the run; made if missing.
        resume: go on from the last checkpoint; without one, begin.
        previous: go on from the checkpoint before the last, where the last is broken.
        run: runs a coroutine to its end.

    Returns:
        what the run came to.

    Raises:
        UsageError: if the recipe names what is not there, or the folder is taken; nothing is written.
        CheckpointError: if a checkpoint is missing, broken or foreign.
        TrainingError: if the run cannot go on.
        KeyboardInterrupt: after Ctrl-C; the last complete update was saved.
        Stopped: if somebody has asked it to stop; the last complete update was saved.
    """
    place = placed()
    if place.follows:
        from .parallel.follow import follow

        follow(place)
        return RunState()
    bound = validate(recipe)
    check_sources(recipe.offline, out)
    room = card_gib()
    if room is not None and get_kind(recipe.policy.kind).language_model:
        check_fits(recipe, room)
    with rundir.open_run(out, recipe, resume=resume or previous) as control:
        keep_parts(recipe.parts.files, out)
        prepare_torch(recipe.train)
        with RunDisplay(recipe.log.console, held_out=held_out_words(recipe.env)) as display:
            saved = _saved(out, previous) if resume or previous else None
            if resume and saved is None:
                display.say(standing(out).rstrip(":"))
            if saved and (ended := finished(recipe, done := RunState(**saved.state))):
                display.say(_how_to_go_on(out, done, ended))
                return done
            first = _first_policy(recipe, out, display)
            state = run(_train(recipe, bound, out, display, first, saved, control))
            display.table()
    return state


def card_gib() -> float | None:
    """Return the memory of the card that a run would use, in GiB; None where there is no card."""
    return torch.cuda.mem_get_info()[1] / GIB if torch.cuda.is_available() else None


def _saved(out: Path, previous: bool) -> checkpoint.Saved | None:
    root = rundir.checkpoints(out)
    if not previous and not (root.is_dir() and any(root.glob("update-*"))):
        return None
    try:
        return checkpoint.load(checkpoint.latest(root, previous=previous))
    except CheckpointError as error:
        hint = "" if previous else "; --previous goes on from the checkpoint before it"
        raise CheckpointError(f"{error}{hint}") from error


def _first_policy(recipe: Recipe, out: Path, display: RunDisplay) -> str:
    """Return the policy a run begins with; make it where the recipe names none."""
    named = named_policy(recipe.policy, recipe.warmstart.base)
    if named:
        return named
    folder = rundir.warm_start_of(out)
    if not folder.is_dir():
        section, stored = recipe.warmstart, demonstrations_in(recipe.offline)
        taught = "the stored episodes" if stored else f"{section.episodes} demonstrations"
        cloning = f"{taught}, up to {section.max_steps} steps of cloning (none where there is no teacher)"
        if not stored and section.teacher == "none":
            cloning = f"{section.episodes} episodes for its words, no cloning (warmstart.teacher is none)"
        display.say(
            f"first a policy: {cloning}; "
            f"then {_limits(recipe.train)}; the first update tells how long one takes"
        )
        cloned = warm_start(recipe, folder, display.working, stored=stored)
        display.say(f"warm start: {cloned}")
    return str(folder)


def _limits(section: TrainSection) -> str:
    """Say when training ends."""
    limits = [f"{section.num_updates} update{'s' if section.num_updates != 1 else ''}"]
    if section.max_seconds:
        limits.append(f"{section.max_seconds:g} s of training")
    if section.target_success:
        limits.append(f"{percent(section.target_success, 0)} success")
    return f"{' or '.join(limits)}{', whichever comes first, at the end of an update' if limits[1:] else ''}"


def _how_to_go_on(out: Path, done: RunState, ended: str) -> str:
    """Say of a run that has ended how it is trained longer."""
    rule = ended.split(" ")[0]
    more = {"train.num_updates": 2 * done.update, "train.target_success": 0}
    value = more.get(rule, math.ceil(2 * done.train_seconds))
    command = f"`turnwise train --resume --out {quote(str(out))} --set {rule}={value}`"
    return f"{out} is finished: {done.update} updates, {ended}. To train longer: {command}"


async def _train(
    recipe: Recipe,
    bound: Bound,
    out: Path,
    display: RunDisplay,
    first: str,
    saved: checkpoint.Saved | None,
    control: Control,
) -> RunState:
    state = RunState(**saved.state) if saved else RunState()
    most = replace(recipe.rollout, slots=max(recipe.rollout.slots, recipe.train.most_slots))
    sections = reached_engines(recipe.policy), recipe.prompt, most
    apart = recipe.train.staleness > 0
    trained = load_trained(str(saved.policy) if saved else first, *sections, state.update, out, apart)
    if saved:
        trained.load_state(saved.learner)
    tolerance = rehearse(trained.model, recipe.rollout.sampling.temperature)
    trained.sync.allow(tolerance)
    _say_first(recipe, tolerance, display)
    held_out = [{"id": each.id, "kwargs": each.eval_kwargs} for each in choices_of(recipe.env)]
    words = held_out_words(recipe.env)
    rundir.record(out, tolerance=asdict(tolerance), held_out=held_out, held_out_words=words)
    one_engine = tolerance if trained.sync.shares_weights else None
    tables = {section.name: table(getattr(recipe, section.name)) for section in fields(recipe)}
    tracked = Tracked(out, recipe.log.project, tables, dump(recipe), state.update)
    say = display.say if recipe.log.console else log.warning
    server = reached_server(recipe.server) if plays_environments(recipe) else ServerSection()
    with _learning(recipe, bound, first, saved, trained.model, one_engine) as learner:
        async with _client(server, recipe.env, out, sessions_of(out)) as client:
            with tracking(recipe.log.to, tracked, say) as trackers:
                try:
                    remembered = Remembered.load(saved.folder) if saved else None
                    told = display.working, display.say
                    stored = await stored_episodes(recipe, out, trained.policy, *told)
                    run_log = RunLog(out, trackers)
                    run_log.cut(state.log_lines)
                    display.resumed(read_log(out) if state.log_lines else ())
                    parts = (recipe, bound, run_log, client, trained, learner, display)
                    trainer = Trainer(*parts, state, remembered, control, stored)
                    watchdog = Watchdog(trainer.collector.board, trainer.timeline, trainer.note)
                    under_way = UnderWay(
                        trainer.collector.board, trainer.timeline, trainer.show, display.every_s
                    )
                    async with watching(watchdog, under_way):
                        return await trainer.run()
                finally:
                    await trained.policy.aclose()


def _say_first(recipe: Recipe, tolerance: Tolerance, display: RunDisplay) -> None:
    display.say(f"probe: {tolerance}; more stops the run")
    compared = recipe.loss.off_policy != "none" or recipe.optim.old_logprobs == "behaviour"
    if recipe.train.staleness and not compared:
        display.say(
            f"episodes play up to {recipe.train.staleness} updates ahead, and nothing corrects what older "
            "policies sampled: loss.off_policy = 'truncate' or 'mask' does"
        )
    longest, limit = recipe.rollout.max_episode_tokens, recipe.optim.micro_tokens
    if longest > limit:
        display.say(
            f"a sequence may have {longest} tokens, more than optim.micro_tokens = {limit}: it is one pass "
            "all the same, since what is attended to cannot be cut"
        )


@contextlib.contextmanager
def _learning(
    recipe: Recipe,
    bound: Bound,
    first: str,
    saved: checkpoint.Saved | None,
    model: CausalLM,
    tolerance: Tolerance | None,
) -> Iterator[Learner]:
    """Give the learner, in this process or in several, as the run began or where it goes on."""
    optim, train, critic = recipe.optim, recipe.train, None
    needs_reference = Objective(recipe.loss).needs_reference or bound.assigner.needs_reference
    state = saved.learner["learner"] if saved else None
    if saved:
        torch.set_rng_state(saved.learner["torch_rng"])
    else:
        torch.manual_seed(torch_seed(train.seed, Stream.LEARNER))
    if bound.heads:
        limits = {"max_tokens": optim.micro_tokens, "seed": train.seed}
        critic = Critic(model.hidden_size, bound.heads, recipe.critic, **limits)
    if max(recipe.launch.learners, placed().world) > 1:
        from .parallel.begin import Begin
        from .parallel.lead import led

        places = (str(saved.policy), str(saved.folder)) if saved else (first, "")
        asked = Begin(dump(recipe), first, *places, needs_reference, tolerance)
        with led(recipe.launch, asked, model, state, critic) as leading:
            yield leading
        return
    learner = Learner(
        model,
        optim,
        recipe.loss,
        critic=critic,
        reference=load_reference(first, recipe.policy, model) if needs_reference else None,
        tolerance=tolerance,
        total_updates=train.num_updates,
        seed=train.seed,
    )
    if state is not None:
        learner.load_state_dict(state)
    yield learner


@contextlib.asynccontextmanager
async def _client(
    section: ServerSection, env: EnvSection, out: Path, keep: Sequence[str]
) -> AsyncIterator[SessionClient]:
    """Open the way to the environments: a server, one of our own, or this process.

    What an earlier process has left open is closed, but for the sessions that a resumed run may go on in.
    """
    from ..servers.client import ServerProcess, connect

    with contextlib.ExitStack() as stack:
        url = section.url
        if section.spawn and not url:
            choices = choices_of(env)
            offered = offering([choice.id for choice in choices]) + allowing(choices)
            url = stack.enter_context(ServerProcess(offered)).url
        key = os.environ.get("TURNWISE_KEY") or None  # never in a recipe: a run stores its recipe
        note = out / _OPEN_SESSIONS if url else None
        client = connect(url or "local:", key, note=note, renew=bool(url))
        try:
            await client.close_left(keep)
            yield client
            await client.close_left()
        finally:
            await client.aclose()
