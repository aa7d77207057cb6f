"""A teacher at work: what it raises or returns against its contract is told in one line.

A teacher is the author's code, as an environment is. Warm starts play other actions in
place of its own now and then, so it has to go on from states that it would not have chosen.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ..errors import UsageError
from .core import ENV_ERRORS, TeacherFactory


class Teaching:
    """The teacher of one episode.

    Args:
        env_id: the environment that names it.
        factory: makes it.
        instruction: of the episode.
        chance: where its random numbers come from.

    Raises:
        UsageError: if it cannot be made.
    """

    def __init__(
        self, env_id: str, factory: TeacherFactory, instruction: str, chance: np.random.Generator
    ) -> None:
        self._env_id, self._turn = env_id, 0
        try:
            self._teacher = factory(instruction, chance)
        except ENV_ERRORS as error:
            raise self._fault(error, "as it was made") from error

    def act(self, observation: str, admissible: Collection[str]) -> tuple[str, str]:
        """Return its action for what is seen now, and the subgoal that this serves.

        Raises:
            UsageError: if it raises, or if one of the two is not text.
        """
        try:
            action, subgoal = self._teacher.act(observation, admissible), self._teacher.subgoal
        except ENV_ERRORS as error:
            raise self._fault(error, f"in act, turn {self._turn}") from error
        for name, value in (("act returned", action), ("subgoal is", subgoal)):
            if not isinstance(value, str):
                raise UsageError(
                    f"{self._env_id}: its teacher's {name} {value!r} in turn {self._turn}; expected text"
                )
        self._turn += 1
        return action, subgoal

    def _fault(self, error: BaseException, where: str) -> UsageError:
        return UsageError(
            f"{self._env_id}: its teacher raised {type(error).__name__}: {error}, {where}; it has to answer "
            "in any state: warm starts play other actions in place of its own (`turnwise check` tries it)"
        )
