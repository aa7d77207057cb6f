"""Demonstrations: episodes of a teacher on training tasks, and the same episodes in tokens.

The tokens come from the very path that a rollout takes: the same prompts
(agents.prompts.conversation), the same tokenizer calls, the same prefix tree of admissible
actions. What is cloned is therefore what will be sampled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, cast

import numpy as np

from ... import streams
from ...agents.decoding import TrieCache
from ...agents.decoding.planning import PlanDecoder
from ...agents.decoding.trie import Node
from ...agents.prompts.config import PromptConfig, View
from ...agents.prompts.conversation import Context
from ...agents.prompts.plan import message_parts, one_line
from ...agents.tiny.tokenizer import TinyTokenizer
from ...agents.types import Constraint, Generation, Style, Trajectory, Turn
from ...ends import End
from ...envs import make
from ...envs.core import ENV_ERRORS, Checked
from ...errors import EnvironmentFault, UsageError
from ...streams import Stream

__all__ = ["Teacher", "choose_teacher", "collect", "texts_of", "to_tokens"]

Teacher = Literal["explorer", "expert", "none"]
T = TypeVar("T")
# returns an action and the subgoal that it serves; "": the task itself
Actor = Callable[[str, Mapping[str, Any]], tuple[str, str]]


def choose_teacher(given: str, env_id: str, info: Mapping[str, Any]) -> Teacher:
    """Return the teacher for an environment: the one given, else the best it has.

    `explorer` plays household games from their texts alone, so its behaviour can
    be learned from texts; `expert` does what `info["private"]["expert"]` says;
    `none` draws admissible actions, from which only the tokenizer learns.
    """
    if given != "auto":
        return cast(Teacher, given)
    if env_id.startswith("household/"):
        return "explorer"
    return "expert" if "expert" in (info.get("private") or {}) else "none"


@dataclass(frozen=True, slots=True)
class _Play:
    """Say how demonstrations are played."""

    env_id: str
    kwargs: Mapping[str, Any]
    teacher: str
    max_turns: int
    slip: float
    teach_slips: bool


def collect(
    env_id: str,
    kwargs: Mapping[str, Any],
    seeds: Sequence[int],
    *,
    teacher: str = "auto",
    max_turns: int = 50,
    slip: float = 0.0,
    teach_slips: bool = False,
) -> Iterator[Trajectory]:
    """Yield one episode of the teacher for each task seed.

    Args:
        env_id: the environment.
        kwargs: its arguments, with the training split.
        seeds: tasks; each also decides the teacher's own randomness.
        teacher: `auto`, `explorer`, `expert` or `none`.
        max_turns: longer episodes end as "horizon".
        slip: chance per turn of a random admissible action instead.
        teach_slips: mark such turns as taught too.

    Raises:
        UsageError: if the environment lacks what the teacher needs.
    """
    play = _Play(env_id, kwargs, teacher, max_turns, slip, teach_slips)
    for seed in seeds:
        yield _episode(play, seed)


def _episode(play: _Play, seed: int) -> Trajectory:
    """Play one task; an environment that fails gives a trajectory with end "error"."""
    env = make(play.env_id, **play.kwargs)
    recorder = _Recorder(play, env, seed)
    try:
        return recorder.play()
    except EnvironmentFault as error:
        return recorder.trajectory("error", str(error))


class _Recorder:
    """Play one episode and write it down."""

    def __init__(self, play: _Play, env: Checked[Any], seed: int) -> None:
        self.settings, self.env, self.seed = play, env, seed
        self.turns: list[Turn] = []
        self.observation, self.info = "", dict[str, Any]()
        self.task, self.instruction = "", ""

    def play(self) -> Trajectory:
        settings, rng = self.settings, streams.rng(self.seed, Stream.TEACHER)
        self.observation, self.info = _call(lambda: self.env.reset(seed=self.seed, options={"expert": True}))
        self.task, self.instruction = str(self.info.get("task", "")), str(self.info.get("instruction", ""))
        teacher = choose_teacher(settings.teacher, settings.env_id, self.info)
        actor = _actor(teacher, self.info, rng)
        while len(self.turns) < settings.max_turns:
            action, subgoal = actor(self.observation, self.info)
            admissible = self.info.get("admissible") or ()
            slipped = bool(admissible) and rng.random() < settings.slip
            if slipped:
                action = str(admissible[int(rng.integers(len(admissible)))])
            subgoal = one_line(subgoal or self.instruction) or "finish"
            taught = teacher != "none" and (settings.teach_slips or not slipped)
            if self._step(action, subgoal, taught):
                return self.trajectory("terminated" if self.terminated else "horizon")
        return self.trajectory("horizon")

    def _step(self, action: str, subgoal: str, taught: bool) -> bool:
        """Take a turn; tell whether the episode is over."""
        kept = self.turns[-1].subgoal if self.turns else ""
        shown, before = self.observation, self.info
        self.observation, reward, self.terminated, truncated, self.info = _call(lambda: self.env.step(action))
        self.turns.append(
            Turn(
                index=len(self.turns),
                observation=shown,
                state_key=before["state_key"],
                action=action,
                reward=reward,
                next_state_key=self.info["state_key"],
                switch=subgoal != kept,
                subgoal=subgoal,
                info={"admissible": before.get("admissible"), "taught": taught},
            )
        )
        return self.terminated or truncated

    def trajectory(self, end: End, error: str | None = None) -> Trajectory:
        won = self.info.get("won")
        return Trajectory(
            env_id=self.settings.env_id,
            task=self.task,
            task_seed=self.seed,
            group=str(self.seed),
            turns=tuple(self.turns),
            end=end,
            final_observation=self.observation,
            instruction=self.instruction,
            fingerprint=self.env.fingerprint,
            success=None if won is None else bool(won),
            error=error,
        )


def _call(step: Callable[[], T]) -> T:
    """Call into an environment's own code, which may raise anything."""
    try:
        return step()
    except ENV_ERRORS as error:
        raise EnvironmentFault(f"{type(error).__name__}: {error}") from error


def _actor(teacher: Teacher, info: Mapping[str, Any], rng: np.random.Generator) -> Actor:
    if teacher == "explorer":
        from ...envs.household.explore import Explorer

        explorer = Explorer(str(info.get("instruction", "")), rng)
        return lambda observation, now: (
            explorer.act(observation, now.get("admissible") or ()),
            explorer.subgoal,
        )
    if teacher == "expert":
        return _expert
    return lambda observation, now: (_random(now, rng), "")


def _expert(_: str, info: Mapping[str, Any]) -> tuple[str, str]:
    private = info.get("private") or {}
    action = private.get("expert")
    if not isinstance(action, str):
        raise UsageError(
            "warmstart.teacher = 'expert', but the environment gives no info['private']['expert']; use 'none'"
        )
    return action, str(private.get("subgoal") or "")


def _random(info: Mapping[str, Any], rng: np.random.Generator) -> str:
    admissible = info.get("admissible")
    if not admissible:
        raise UsageError(
            "the environment has neither an expert nor admissible actions, so nothing can be learned from it "
            "before training; name a policy in [policy] checkpoint"
        )
    return str(admissible[int(rng.integers(len(admissible)))])


def texts_of(trajectories: Sequence[Trajectory], prompt: PromptConfig) -> Iterator[str]:
    """Yield every text a tokenizer should know: prompts, actions, admissible actions."""
    yield prompt.system_text
    for trajectory in trajectories:
        yield prompt.task_label + trajectory.instruction
        for turn in trajectory.turns:
            yield turn.observation
            yield turn.action
            if prompt.style == "plan":
                yield "".join(message_parts(bool(turn.switch), turn.subgoal, turn.action))
            yield from turn.info.get("admissible") or ()


def to_tokens(
    trajectories: Sequence[Trajectory],
    tokenizer: TinyTokenizer,
    prompt: PromptConfig,
    constraint: Constraint,
    context_tokens: int,
    max_tokens: int = 64,
) -> list[Trajectory]:
    """Return the episodes with a generation on each turn, as if a policy had said the messages.

    Under the constraint `admissible` each token carries the set it could have been
    drawn from, so cloning learns decisions and not spelling. Turns that would
    exceed the context are cut off; turns that nobody taught, or whose action
    the constraint would not let the policy say, have no token to learn. A plan's
    subgoal that takes more than half of `max_tokens` could not be said either.
    """
    sayable = _Sayable(tokenizer, prompt.style, constraint, max_tokens)
    encoded = []
    for trajectory in trajectories:
        context, turns = Context(prompt, tokenizer), list[Turn]()
        for turn in trajectory.turns:
            view = View.of(turn.observation, turn.info, trajectory.instruction)
            context.observe(view)
            parts = sayable.parts(turn)
            tokens = (*(token for part in parts for token in tokenizer.encode(part)), tokenizer.end_id)
            prompt_ids = context.prompt_ids or ()
            if len(prompt_ids) + len(tokens) > context_tokens:
                break
            support = sayable.support(tokens, turn)
            generation = Generation("".join(parts), prompt_ids, tokens, (0.0,) * len(tokens), support)
            turns.append(replace(turn, generation=generation))
            context.record(turn.observation, turn.action, generation, turn.subgoal)
        encoded.append(replace(trajectory, turns=tuple(turns)))
    return encoded


class _Sayable:
    """Know how a message is worded, and what a policy could have said in its place."""

    def __init__(
        self, tokenizer: TinyTokenizer, style: Style, constraint: Constraint, max_tokens: int
    ) -> None:
        self._tries = TrieCache(tokenizer.encode, tokenizer.end_id)
        self._plans = PlanDecoder(tokenizer.encode, tokenizer.decode, tokenizer.end_id)
        self._style, self._constraint, self._max_tokens = style, constraint, max_tokens

    def parts(self, turn: Turn) -> tuple[str, ...]:
        """Return the message of a turn in the parts that are made into tokens one by one."""
        if self._style != "plan":
            return (turn.action,)
        return message_parts(bool(turn.switch), turn.subgoal, turn.action)

    def support(self, tokens: tuple[int, ...], turn: Turn) -> tuple[tuple[int, ...] | None, ...]:
        """Return for each token what could have been drawn; itself alone where nothing is taught."""
        forced = tuple((token,) for token in tokens)
        admissible = turn.info.get("admissible")
        if not turn.info.get("taught"):
            return forced
        if self._constraint == "none" or admissible is None:
            return (None,) * len(tokens)
        if turn.action not in admissible:
            return forced
        node, support = self._tree(turn, tuple(admissible)), list[tuple[int, ...] | None]()
        for token in tokens:
            if node.tokens is not None and token not in node.tokens:
                return forced
            support.append(node.tokens)
            node = node.child(token)
        return tuple(support)

    def _tree(self, turn: Turn, admissible: tuple[str, ...]) -> Node:
        actions = self._tries.get(admissible)
        if self._style != "plan":
            return actions
        return self._plans.tree(actions, first=turn.index == 0, max_tokens=self._max_tokens)
