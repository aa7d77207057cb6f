"""Demonstrations: episodes of a teacher on training tasks, and the same episodes in tokens.

The tokens come from the very path that a rollout takes: the same prompts
(agents.context), the same tokenizer calls, the same prefix tree of admissible
actions. What is cloned is therefore what will be sampled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np

from ..agents.context import Context
from ..agents.decoding import TrieCache
from ..agents.prompt import PromptConfig, View
from ..agents.tiny.tokenizer import TinyTokenizer
from ..agents.types import Constraint, Generation, TokenPolicy, Trajectory, Turn
from ..envs import make
from ..errors import UsageError

__all__ = ["Teacher", "choose_teacher", "collect", "texts_of", "to_tokens"]

Teacher = Literal["explorer", "expert", "none"]
Actor = Callable[[str, Mapping[str, Any]], str]


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


def collect(
    env_id: str,
    kwargs: Mapping[str, Any],
    seeds: Sequence[int],
    *,
    teacher: str = "auto",
    max_turns: int = 50,
    slip: float = 0.0,
) -> Iterator[Trajectory]:
    """Yield one episode of the teacher for each task seed.

    Args:
        env_id: the environment.
        kwargs: its arguments, with the training split.
        seeds: tasks; each also decides the teacher's own randomness.
        teacher: `auto`, `explorer`, `expert` or `none`.
        max_turns: longer episodes end as "horizon".
        slip: chance per turn of a random admissible action instead; such turns
            are marked as not taught.

    Raises:
        UsageError: if the environment lacks what the teacher needs.
    """
    play = _Play(env_id, kwargs, teacher, max_turns, slip)
    for seed in seeds:
        yield _episode(play, seed)


def _episode(play: _Play, seed: int) -> Trajectory:
    env = make(play.env_id, **play.kwargs)
    rng = np.random.default_rng([seed, 7])
    observation, info = env.reset(seed=seed, options={"expert": True})
    teacher = choose_teacher(play.teacher, play.env_id, info)
    actor = _actor(teacher, info, rng)
    task, instruction = str(info.get("task", "")), str(info.get("instruction", ""))
    turns: list[Turn] = []
    terminated = truncated = False
    while not (terminated or truncated) and len(turns) < play.max_turns:
        action = actor(observation, info)
        admissible = info.get("admissible") or ()
        slipped = bool(admissible) and rng.random() < play.slip
        if slipped:
            action = str(admissible[int(rng.integers(len(admissible)))])
        shown, before = observation, info
        observation, reward, terminated, truncated, info = env.step(action)
        taught = teacher != "none" and not slipped
        kept = {"admissible": before.get("admissible"), "instruction": instruction, "taught": taught}
        turns.append(
            Turn(
                index=len(turns),
                observation=shown,
                state_key=before["state_key"],
                action=action,
                reward=reward,
                next_state_key=info["state_key"],
                info=kept,
            )
        )
    won = info.get("won")
    return Trajectory(
        env_id=play.env_id,
        task=task,
        task_seed=seed,
        group=str(seed),
        turns=tuple(turns),
        end="terminated" if terminated else "horizon",
        final_observation=observation,
        instruction=instruction,
        fingerprint=env.fingerprint,
        success=None if won is None else bool(won),
    )


def _actor(teacher: Teacher, info: Mapping[str, Any], rng: np.random.Generator) -> Actor:
    if teacher == "explorer":
        from ..envs.household.explore import Explorer

        explorer = Explorer(str(info.get("instruction", "")), rng)
        return lambda observation, now: explorer.act(observation, now.get("admissible") or ())
    if teacher == "expert":
        return _expert
    return lambda observation, now: _random(now, rng)


def _expert(_: str, info: Mapping[str, Any]) -> str:
    action = (info.get("private") or {}).get("expert")
    if not isinstance(action, str):
        raise UsageError(
            "warmstart.teacher = 'expert', but the environment gives no info['private']['expert']; use 'none'"
        )
    return action


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
            yield from turn.info.get("admissible") or ()


class _Encoder:
    """Be the part of a TokenPolicy that a context needs."""

    def __init__(self, tokenizer: TinyTokenizer) -> None:
        self.encode_prompt = tokenizer.encode_prompt
        self.encode_reply = tokenizer.encode_reply


def to_tokens(
    trajectories: Sequence[Trajectory],
    tokenizer: TinyTokenizer,
    prompt: PromptConfig,
    constraint: Constraint,
    context_tokens: int,
) -> list[Trajectory]:
    """Return the episodes with a generation on each turn, as if a policy had said the actions.

    Under the constraint `admissible` each token carries the set it could have been
    drawn from, so cloning learns decisions and not spelling. Turns that would
    exceed the context are cut off; turns that nobody taught, or whose action
    the constraint would not let the policy say, have no token to learn.
    """
    tries = TrieCache(tokenizer.encode, tokenizer.end_id)
    encoder = cast(TokenPolicy, _Encoder(tokenizer))
    encoded = []
    for trajectory in trajectories:
        context, turns = Context(prompt, encoder), list[Turn]()
        for turn in trajectory.turns:
            view = View.of(turn.observation, turn.info, trajectory.instruction)
            context.observe(view)
            tokens = (*tokenizer.encode(turn.action), tokenizer.end_id)
            prompt_ids = context.prompt_ids or ()
            if len(prompt_ids) + len(tokens) > context_tokens:
                break
            support = _support(tokens, turn, tries, constraint)
            generation = Generation(turn.action, prompt_ids, tokens, (0.0,) * len(tokens), support)
            turns.append(replace(turn, generation=generation))
            context.record(turn.observation, turn.action, generation)
        encoded.append(replace(trajectory, turns=tuple(turns)))
    return encoded


def _support(
    tokens: tuple[int, ...], turn: Turn, tries: TrieCache, constraint: Constraint
) -> tuple[tuple[int, ...] | None, ...]:
    forced = tuple((token,) for token in tokens)
    admissible = turn.info.get("admissible")
    if not turn.info.get("taught"):
        return forced
    if constraint == "none" or admissible is None:
        return (None,) * len(tokens)
    if turn.action not in admissible:
        return forced
    node, support = tries.get(tuple(admissible)), list[tuple[int, ...]]()
    for token in tokens:
        support.append(node.tokens)
        node = node.children[token]
    return tuple(support)
