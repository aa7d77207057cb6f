"""Teachers: policies that a new one imitates.

    Slips(TeacherPolicy(env_id), chance=0.05)    # an environment's best teacher, clumsy at times

`explorer` is the teacher that an environment names, which plays from its texts alone, so
that what it does can be learned from texts; `expert` does what `info["private"]["expert"]`
says; `none` draws admissible actions, from which only a tokenizer learns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, cast

import numpy as np

from ...agents.policies import Policy
from ...agents.policies.expert import ExpertPolicy
from ...agents.prompts.parse import parse_action
from ...agents.prompts.plan import message_parts, one_line
from ...agents.types import Generation, GenerationRequest
from ...envs import teacher_of
from ...envs.core import TeacherFactory
from ...envs.teacher import Teaching
from ...errors import PolicyError, UsageError
from ...streams import Stream, rng

TeacherName = Literal["explorer", "expert", "none"]
# returns an action and the subgoal that it serves; "": the task itself
Player = Callable[[GenerationRequest], tuple[str, str]]


def choose_teacher(given: str, factory: TeacherFactory | None, private: Mapping[str, Any]) -> TeacherName:
    """Return the teacher of an episode: the one given, else the best that its environment has.

    Args:
        given: `explorer`, `expert`, `none`, or `auto`.
        factory: makes the teacher that the environment names, if it does.
        private: the environment's private information.
    """
    if given != "auto":
        return cast(TeacherName, given)
    if factory:
        return "explorer"
    return "expert" if "expert" in private else "none"


@dataclass(slots=True)
class _Episode:
    """What a teacher keeps of an episode: who plays, its random numbers, the subgoal in force."""

    teacher: TeacherName
    player: Player
    chance: np.random.Generator
    subgoal: str = ""


class TeacherPolicy(Policy):
    """The teacher of an environment, with random numbers that the task's seed decides.

    Args:
        env_id: the environment.
        teacher: `auto`, `explorer`, `expert` or `none`.

    Raises:
        UsageError: if `explorer` is asked of an environment that names no teacher.
    """

    name = "teacher"
    sees_private = True
    reset_options = MappingProxyType({"expert": True})

    def __init__(self, env_id: str, teacher: str = "auto") -> None:
        self._factory = teacher_of(env_id)
        self._env_id, self._teacher = env_id, teacher
        self._episodes: dict[tuple[int, ...], _Episode] = {}
        if teacher == "explorer" and not self._factory:
            raise UsageError(f"warmstart.teacher = 'explorer', but {env_id} names no teacher; use 'auto'")

    async def generate(self, request: GenerationRequest) -> Generation:
        """Say what the teacher does, after its subgoal where prompts are of style `plan`.

        Raises:
            UsageError: if the environment lacks what the teacher needs, or the teacher raises.
        """
        if request.turn == 0:
            self._episodes[request.key[:-1]] = self._begin(request)
        episode = self._episodes[request.key[:-1]]
        action, subgoal = episode.player(request)
        subgoal = one_line(subgoal or request.instruction) or "finish"
        switch, episode.subgoal = subgoal != episode.subgoal, subgoal
        return Generation(
            "".join(message_parts(switch, subgoal, action)) if request.style == "plan" else action
        )

    def chance_of(self, request: GenerationRequest) -> np.random.Generator:
        """Return the random numbers of an episode that has begun."""
        return self._episodes[request.key[:-1]].chance

    def teaches(self, request: GenerationRequest) -> bool:
        """Tell whether there is anything to learn from an episode that has begun."""
        return self._episodes[request.key[:-1]].teacher != "none"

    def _begin(self, request: GenerationRequest) -> _Episode:
        chance = rng(request.key[1], Stream.TEACHER)
        teacher = choose_teacher(self._teacher, self._factory, request.private)
        if teacher == "explorer" and self._factory:
            teaching = Teaching(self._env_id, self._factory, request.instruction, chance)
            return _Episode(teacher, lambda now: teaching.act(now.observation, now.admissible or ()), chance)
        return _Episode(teacher, _expert if teacher == "expert" else _random(chance), chance)


class Slips(Policy):
    """A teacher that does something random now and then.

    Args:
        teacher: whose slips they are.
        chance: a turn, of a random admissible action instead of the teacher's.
        taught: whether slips are taught too.

    Attributes:
        untaught: (episode of the task, turn) of what is not to be learned.
    """

    name = "slips"
    sees_private = True

    def __init__(self, teacher: TeacherPolicy, chance: float, *, taught: bool = False) -> None:
        self._teacher, self._chance, self._taught = teacher, chance, taught
        self.reset_options = teacher.reset_options
        self.untaught: set[tuple[int, int]] = set()

    async def generate(self, request: GenerationRequest) -> Generation:
        """Let the teacher answer, or slip."""
        said = await self._teacher.generate(request)
        chance, admissible = self._teacher.chance_of(request), request.admissible
        slipped = bool(admissible) and chance.random() < self._chance
        if not self._teacher.teaches(request) or (slipped and not self._taught):
            self.untaught.add((request.key[2], request.turn))
        if not slipped or not admissible:
            return said
        action = admissible[int(chance.integers(len(admissible)))]
        return replace(
            said, text=said.text.removesuffix(parse_action(said.text, request.style).action) + action
        )


def _expert(request: GenerationRequest) -> tuple[str, str]:
    try:
        return ExpertPolicy().act(request), str(request.private.get("subgoal") or "")
    except PolicyError as error:
        raise UsageError(f"warmstart.teacher = 'expert': {error}; use 'none'") from error


def _random(chance: np.random.Generator) -> Player:
    def play(request: GenerationRequest) -> tuple[str, str]:
        if not request.admissible:
            raise UsageError(
                "the environment has neither a teacher nor admissible actions, so nothing can be learned "
                "from it before training; name a policy in [policy] checkpoint"
            )
        return request.admissible[int(chance.integers(len(request.admissible)))], ""

    return play
