"""Which processes a recipe asks for, and what each is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..own_server import plays_environments
from ..recipe import Recipe
from .config import Share

Kind = Literal["server", "router", "engine", "learner"]
_DOES = {
    "server": "serves environments",
    "router": "one address for all servers",
    "engine": "samples: vLLM",
    "learner": "has a part of the weights",
}
LEADER = "learner-0"
ROUTER = "router"


@dataclass(frozen=True, slots=True)
class Role:
    """One process of a run.

    Args:
        kind: what it is.
        number: among those of its kind, from 0.
        share: what it is given.
    """

    kind: Kind
    number: int
    share: Share

    @property
    def name(self) -> str:
        """Return what it is called: server-0, router, learner-1."""
        return self.kind if self.kind == ROUTER else f"{self.kind}-{self.number}"

    @property
    def does(self) -> str:
        """Say what it is for."""
        return "plays episodes and learns" if self.name == LEADER else _DOES[self.kind]


def roles_of(recipe: Recipe, *, held: bool) -> tuple[Role, ...]:
    """Return the processes of a run, in the order in which they start.

    Args:
        recipe: of the run.
        held: by a cluster; else those that `turnwise train` starts by itself.
    """
    launch, server = recipe.launch, recipe.server
    wanted = plays_environments(recipe) and not server.url and (held or server.spawn)
    num_servers = (launch.servers if held else 1) if wanted else 0
    engines = recipe.policy.kind == "vllm" and not recipe.policy.engine.urls
    num_engines = (launch.engines if held else 1) if engines else 0
    roles = [Role("server", number, launch.per_server) for number in range(num_servers)]
    if num_servers > 1:
        roles.append(Role("router", 0, launch.per_server))
    roles += [Role("engine", number, launch.per_engine) for number in range(num_engines)]
    roles += [Role("learner", number, launch.per_learner) for number in range(launch.learners)]
    return tuple(roles)
