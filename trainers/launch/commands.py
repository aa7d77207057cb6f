"""The command line of each process of a run: the one that a person would type, and what it finds there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...servers.http.visitors import is_loopback
from ...settings import KEY_ENV
from ..own_server import allowing, offering, plays_environments
from ..parallel.place import Place
from ..recipe import Recipe, dump
from ..rollouts.mixture import choices_of
from ..validate import named_policy
from .addresses import told
from .keeper import Command, Spot
from .roles import LEADER, ROUTER, Role

_SERVERS_KEY = "TURNWISE_SERVERS_KEY"  # between router and servers
_DRAIN_S, _SAVE_S = 5.0, 60.0


@dataclass(frozen=True, slots=True)
class Job:
    """A run that is to be held.

    Args:
        recipe: what it does.
        out: its folder, under the same path on every machine where it learns.
        key: for the servers, or the router before them.
        inner_key: of the router, for the servers.
    """

    recipe: Recipe
    out: Path
    key: str
    inner_key: str


@dataclass(frozen=True, slots=True)
class At:
    """Where a process is.

    Args:
        host: the address of its machine.
        spot: what its keeper says of it.
    """

    host: str
    spot: Spot

    @property
    def url(self) -> str:
        """Return the address of one that serves."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.spot.port}"


def command_of(job: Job, role: Role, at: Mapping[str, At], how: tuple[str, ...] = ()) -> Command:
    """Return what a process runs.

    Args:
        job: the run.
        role: the process.
        at: where it is, and those that it asks.
        how: a run begins: flags of `turnwise train`.
    """
    if role.kind == "server":
        return _server(job, role, at)
    if role.kind == "router":
        return _router(job, at)
    if role.kind == "engine":
        return _engine(job, role, at)
    return _learner(job, role, at, how)


def _server(job: Job, role: Role, at: Mapping[str, At]) -> Command:
    own = at[role.name]
    choices = choices_of(job.recipe.env)
    words = ["serve", "--journal", f"{own.spot.folder}/sessions.db", "--drain", f"{_DRAIN_S:g}"]
    words += offering([choice.id for choice in choices]) + allowing(choices)
    if job.recipe.launch.servers == 1:
        return _serving(own, [*words, "--key-env", KEY_ENV], {KEY_ENV: job.key})
    words += ["--name", role.name, "--key-file", f"{own.spot.folder}/keys"]
    return _serving(own, words, {}, {"keys": f"router {job.inner_key} router\n"})


def _router(job: Job, at: Mapping[str, At]) -> Command:
    servers = [place for name, place in at.items() if name.startswith("server-")]
    words = ["router", "--key-env", KEY_ENV, "--server-key-env", _SERVERS_KEY]
    words += [word for server in servers for word in ("--server", server.url)]
    if not all(is_loopback(server.host) for server in servers):
        words.append("--trusted-network")
    return _serving(at[ROUTER], words, {KEY_ENV: job.key, _SERVERS_KEY: job.inner_key})


def _engine(job: Job, role: Role, at: Mapping[str, At]) -> Command:
    from ...agents.models.lora import base_of_adapter
    from ...agents.policies.vllm.process import command, environment
    from ..fit.shapes import config_of
    from ..policies.vllm import engine_arguments

    recipe, own = job.recipe, at[role.name]
    policy, engine = recipe.policy, recipe.policy.engine
    named = named_policy(policy, recipe.warmstart.base) or recipe.warmstart.base
    longest = config_of(policy, recipe.warmstart.base).get_text_config().max_position_embeddings
    context = min(int(longest), recipe.rollout.max_episode_tokens)
    arguments = ["--host", own.host, "--port", str(own.spot.port)]
    arguments += engine_arguments(policy, recipe.rollout, context, on_cpu=not role.share.gpus)
    words = command(base_of_adapter(named) or named, engine, arguments)
    env = environment({"OMP_NUM_THREADS": str(max(1, int(role.share.cpus)))}, engine)
    place = (own.host, own.spot.port)
    return Command(tuple(words), str(Path.cwd()), env, answers=place, stop_s=30.0)


def _serving(
    own: At, words: list[str], env: Mapping[str, str], files: Mapping[str, str] | None = None
) -> Command:
    where = ("--host", own.host, "--port", str(own.spot.port))
    typed = (own.spot.python, "-m", "turnwise", *words, *where)
    place = (own.host, own.spot.port)
    return Command(typed, str(Path.cwd()), {**env, "OMP_NUM_THREADS": "1"}, files or {}, place, _DRAIN_S + 5)


def _learner(job: Job, role: Role, at: Mapping[str, At], how: tuple[str, ...]) -> Command:
    own, recipe = at[role.name], job.recipe
    asked = [at[name].url for name in asked_by_learners(at)]
    serves = plays_environments(recipe) and not recipe.server.url
    env = told(asked[0], asked[1:]) if serves else told("", asked)
    words = ("train", f"{own.spot.folder}/recipe.toml", "--out", str(job.out), *how)
    env |= {KEY_ENV: job.key} if job.key else {}
    if recipe.launch.learners > 1:  # what torchrun would say; the cluster shows each its own cards alone
        place = Place(role.number, 0, recipe.launch.learners)
        env |= place.variables(at[LEADER].host, at[LEADER].spot.port)
    typed = (own.spot.python, "-m", "turnwise", *words)
    stop_s = _SAVE_S if role.name == LEADER else 10.0
    return Command(typed, str(Path.cwd()), env, {"recipe.toml": dump(recipe)}, stop_s=stop_s)


def asked_by_learners(at: Mapping[str, At]) -> list[str]:
    """Return which processes the learners ask: a server, or the router before several, and the engines."""
    doors = [name for name in (ROUTER, "server-0") if name in at][:1]
    return doors + [name for name in at if name.startswith("engine-")]


def key_of(recipe: Recipe, made: str) -> str:
    """Return the key by which a run asks for environments: that of a foreign server, or one made for it."""
    return os.environ.get(KEY_ENV, "") if recipe.server.url else made
