"""One of our environments where another framework makes the calls: tools in, texts out.

Frameworks that run the agent's loop themselves know an environment as a list of tools. `Called`
is what stands behind such tools: it plays, remembers every turn with its state keys, and tells
what it came to as a `Trajectory`, which credit, pages and files take as any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..agents.prompts.config import PromptConfig, View, opening, reply
from ..agents.prompts.explained import read_as
from ..agents.prompts.parse import MAX_ACTION_CHARS, parse_action
from ..agents.types import Generation, Trajectory, Turn
from ..api.given import EnvGiven
from ..ends import End
from ..envs.core import ENV_ERRORS
from ..envs.registry import make
from ..envs.tools import Tool, bare, command, tools_of, written
from ..errors import EnvironmentFault

SHOWN = PromptConfig(show_admissible=True, explain="user", tools="native")
"""How states are shown: the task, what may be done, and that a function is to be called."""
ACT = command("act", "{action}", "Take one action.")
"""The tool of an environment that has none."""
OVER = "The episode is over."


class Called:
    """An environment that is played by calls, one after the other.

    Args:
        env: an id, `module:Class`, `file.py:Class`, or a class.
        kwargs: its arguments.
        prompt: how its states are shown.

    Attributes:
        turns: one for each call that reached the environment.
        calls: the turn of each call since the reset, None where it reached nothing.
        info: of the last reply.
        end: how the episode ended; None while it goes on.
        error: what broke, if anything did.
    """

    def __init__(
        self, env: EnvGiven, kwargs: Mapping[str, Any] | None = None, prompt: PromptConfig = SHOWN
    ) -> None:
        self._env = make(env, **(kwargs or {}))
        self._prompt = prompt
        self.name, self.seed = self._env.name, 0
        self.calls: list[Turn | None] = []
        self.observation, self.info = "", dict[str, Any]()
        self.instruction, self.tools = "", tuple[Tool, ...]()
        self.end: End | None = None
        self.error: str | None = None

    @property
    def turns(self) -> list[Turn]:
        """Return the turns that were taken."""
        return [turn for turn in self.calls if turn is not None]

    @property
    def total(self) -> float:
        """Return the sum of the rewards."""
        return sum(turn.reward for turn in self.turns)

    @property
    def state_key(self) -> str:
        """Return the key of the state that it is in."""
        return str(self.info.get("state_key", self.observation))

    def reset(self, seed: int, options: Mapping[str, Any] | None = None) -> str:
        """Start the episode of a seed; return the task and its first state, as a prompt shows them."""
        self.calls, self.end, self.error, self.seed = [], None, None, seed
        self.observation, self.info = self._env.reset(seed=seed, options=dict(options or {}))
        self.instruction = str(self.info.get("instruction") or "")
        self.tools = tools_of(self.info.get("tools")) or (ACT,)
        return "\n\n".join(message.content for message in opening(self._prompt, self._view()))

    def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Call a tool; return what the environment answers.

        Raises:
            EnvironmentFault: if the environment breaks; the episode then ends as "error".
        """
        return self.act(written(self.tools, name, arguments))

    def say(self, message: str) -> str:
        """Take the action that a message holds, as the prompt's style asks for it.

        Raises:
            EnvironmentFault: as `call`.
        """
        parsed = parse_action(message, read_as(self._prompt.style, self.tools))
        return self.act(parsed.action, malformed=parsed.malformed, said=message)

    def act(self, action: str, *, malformed: bool = False, said: str = "") -> str:
        """Take an action in the environment's own words; after the end nothing is done.

        Args:
            action: what is done.
            malformed: whether it could not be read, where the environment does not say.
            said: the message that it was in.

        Raises:
            EnvironmentFault: as `call`.
        """
        self.calls.append(None)  # stays where the environment breaks, or is over
        if self.end is not None:
            return OVER
        turn = self._turn(_sendable(action), malformed)
        self.calls[-1] = replace(turn, generation=Generation(text=said)) if said else turn
        shown = bare(reply(self._prompt, self._view())[0].content)
        return f"{shown}\n\n{OVER}" if self.end else shown

    def trajectory(
        self, *, group: str = "", member: int = 0, turns: tuple[Turn, ...] | None = None
    ) -> Trajectory:
        """Return the episode as data.

        Args:
            group: the name of its group; the seed by default.
            member: its place in the group.
            turns: other turns than `turns`, where a framework's messages are not single calls.
        """
        won, score = self.info.get("won"), self.info.get("score")
        failed = self.end == "error"
        return Trajectory(
            env_id=self.name,
            task=str(self.info.get("task") or f"{self.name}#{self.seed}"),
            task_seed=self.seed,
            group=group or str(self.seed),
            turns=tuple(self.turns) if turns is None else turns,
            end=self.end or "horizon",
            final_observation=self.observation,
            instruction=self.instruction,
            fingerprint=self._env.fingerprint,
            success=None if failed or won is None else bool(won),
            score=None if failed or score is None else float(score),
            error=self.error,
            member=member,
        )

    def close(self) -> None:
        """Close the environment."""
        self._env.close()

    def _view(self) -> View:
        return View.of(self.observation, self.info, self.instruction, self.tools)

    def _turn(self, action: str, unread: bool) -> Turn:
        before, key, info = self.observation, self.state_key, self.info
        try:
            self.observation, reward, terminated, truncated, self.info = self._env.step(action)
        except ENV_ERRORS as error:
            self.end, self.error = "error", f"{type(error).__name__}: {error}"
            raise EnvironmentFault(f"{self.name}: {self.error}") from error
        if terminated or truncated:
            self.end = "terminated" if terminated else "horizon"
        admissible, malformed = info.get("admissible"), bool(self.info.get("malformed", unread))
        return Turn(
            index=len(self.turns),
            observation=before,
            state_key=key,
            action=action,
            reward=reward,
            next_state_key=self.state_key,
            rewards=dict(self.info.get("rewards") or {}),
            malformed=malformed,
            inadmissible=admissible is not None and not malformed and action not in admissible,
            agent=str(info.get("agent") or ""),
        )


def _sendable(action: str) -> str:
    """Return an action as environments may be given it: bounded, and text that UTF-8 can encode."""
    return action[:MAX_ACTION_CHARS].encode("utf-8", "replace").decode("utf-8")
